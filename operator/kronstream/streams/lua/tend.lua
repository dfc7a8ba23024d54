#!lua flags=allow-oom
-- needs: waiting
-- Looks at handlers with open jobs: those that are over make room for effects that stand in line. Drops what waits for
-- handlers that were forgotten. ARGV: group, how many effects may move. Answers how many moved.
local LOOKED_AT, BUSY, UNSEEN, HANDLERS = 5000, 100, 600000, 100
local left = tonumber(ARGV[2])
local moved = 0

-- Whether an open job is over: it ended, it was deleted, or nobody ever heard of it.
local function is_over(uid, since)
  local j = call('HMGET', P .. 'job:' .. uid, 'gen', 'done')
  if j[1] then return j[2] end
  return call('EXISTS', P .. 'tomb:' .. uid) == 1 or since < now - UNSEEN
end

local function close_ended(handler)
  local open, closed = P .. 'eopen:' .. handler, 0
  local members = call('ZRANGE', open, 0, -1, 'WITHSCORES')
  for n = 1, #members, 2 do
    local kind, id = string.match(members[n], '^(%a):(.*)$')
    if kind == 'j' and is_over(id, tonumber(members[n + 1])) or kind == 'i' and call('EXISTS', P .. 'ei:' .. id) == 0 then
      closed = closed + call('ZREM', open, members[n])
    end
  end
  return closed
end

-- Lets the first of a line go on, as far as there is room.
local function open_line(handler)
  local open, line = P .. 'eopen:' .. handler, P .. 'eline:' .. handler
  while left > 0 do
    local item = call('ZRANGE', line, 0, 0)[1]
    local i = item and load_item(item)
    if not item then return end
    if i and call('ZCARD', open) >= tonumber(i.mo) then return end
    call('ZREM', line, item)
    if i then
      call('ZADD', open, stamp, 'i:' .. item)
      call('ZADD', P .. 'ewait', stamp, item)
      left, moved = left - 1, moved + 1
    end
  end
end

local function tend(handler)
  if call('EXISTS', P .. 'job:' .. handler) == 0 then
    local dropped = drop_waiting(handler, left)
    left, moved = left - dropped, moved + dropped
    if call('ZCARD', P .. 'eitems:' .. handler) > 0 then return BUSY end
    call('DEL', P .. 'eopen:' .. handler, P .. 'eline:' .. handler)
    return nil
  end
  if close_ended(handler) > 0 then remark(handler) end
  open_line(handler)
  if call('ZCARD', P .. 'eline:' .. handler) > 0 then return BUSY end
  return call('ZCARD', P .. 'eopen:' .. handler) > 0 and LOOKED_AT or nil
end

watch_clock()
for _, handler in ipairs(call('ZRANGEBYSCORE', P .. 'etend', '-inf', stamp, 'LIMIT', 0, HANDLERS)) do
  if left <= 0 then break end
  local again = tend(handler)
  if again then call('ZADD', P .. 'etend', num(now + again), handler) else call('ZREM', P .. 'etend', handler) end
end
write_counts()
return moved
