#!lua flags=allow-oom
-- needs: waiting
-- Leases waiting effects whose time came. ARGV: group, limit, lease ms, token stem, and for how long those that create
-- something are put off (ms, 0 = they are not). Answers {item, token, handler, kind, body, attempt, since} for each.
local limit, lease, stem, put_off = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local LOOKS = 5
watch_clock()

-- Holds an effect that comes out of its debounce window to its handler's pace; true when it has to wait, or is dropped.
local function held_up(item, i)
  local per_time, per, delays = read_pace(i.pc)
  if not per_time or i.pd then return false end
  local name = 'e/' .. i.h
  local at = next_begin(name, per_time, per)
  if at > now then count(i.h, 'e:rl') end
  if at > now and not delays then
    forget_item(item, i)
    return true
  end
  at = math.ceil(reserve(name, per_time, per))
  call('HSET', P .. 'ei:' .. item, 'pd', 1)
  if at <= now then return false end
  call('ZADD', P .. 'ewait', num(at), item)
  return true
end

-- A window is closed by whoever takes what came together in it.
local function close_window(item, i)
  if not i.db then return end
  local window = P .. 'edb:' .. i.h .. ':' .. i.db
  if call('GET', window) == item then call('DEL', window) end
  call('HDEL', P .. 'ei:' .. item, 'db')
end

local function take(item, number)
  local i = load_item(item)
  if not i then
    call('ZREM', P .. 'ewait', item)
    return nil
  end
  if call('EXISTS', P .. 'job:' .. i.h) == 0 then
    forget_item(item, i)
    return nil
  end
  if put_off > 0 and i.k == 'create' then
    call('ZADD', P .. 'ewait', num(now + put_off), item)
    return nil
  end
  close_window(item, i)
  if held_up(item, i) or (i.k == 'create' and not find_place(item, i.h, i.mo)) then return nil end
  local attempt, token = tonumber(i.a) + 1, stem .. ':' .. number
  call('HSET', P .. 'ei:' .. item, 'a', attempt, 'tok', token)
  call('ZADD', P .. 'ewait', num(now + lease), item)
  if attempt == 1 then note_triggered(i.h) end
  return { item, token, i.h, i.k, i.b, tostring(attempt - tonumber(i.aw or 0)), i.s }
end

local taken = {}
for _, item in ipairs(call('ZRANGEBYSCORE', P .. 'ewait', '-inf', stamp, 'LIMIT', 0, LOOKS * limit)) do
  if #taken >= limit then break end
  taken[#taken + 1] = take(item, #taken)
end
write_counts()
return taken
