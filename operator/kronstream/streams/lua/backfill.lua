#!lua
-- needs: admission
-- Backfills: runs for instants of the past, at a pace. ARGV: group, action, then
-- create: id, uid, JSON of the fields        -> ok | known | gone | full
-- step: epoch, id, cursor, then either nominal, run (the next instant) or nothing (there are no more)
--                                            -> ok | wait | done | over | gone | cursor:<ms> | epoch
local LIMIT, PATIENCE = 20, 1000
local action = ARGV[2]

local function create(id, uid, fields)
  local key, list = P .. 'backfill:' .. id, P .. 'bfs:' .. uid
  if call('EXISTS', key) == 1 then return 'known' end
  if call('EXISTS', P .. 'job:' .. uid) == 0 then return 'gone' end
  local running = 0
  for _, other in ipairs(call('ZRANGE', list, 0, -1)) do
    local st = call('HGET', P .. 'backfill:' .. other, 'st')
    if not st then call('ZREM', list, other) elseif st == 'running' then running = running + 1 end
  end
  if running >= LIMIT then return 'full' end
  for name, value in pairs(cjson.decode(fields)) do call('HSET', key, name, type(value) == 'number' and num(value) or value) end
  call('HSET', key, 'uid', uid, 'st', 'running', 'beg', 0, 'ok', 0, 'bad', 0, 'at', num(now))
  call('ZADD', list, num(now), id)
  call('PERSIST', list)
  call('ZADD', P .. 'backfills', num(now), id)
  -- ended ones are listed for a while, the newest
  for _, other in ipairs(call('ZRANGE', list, 0, -1 - 2 * LIMIT)) do
    if call('HGET', P .. 'backfill:' .. other, 'st') ~= 'running' then call('ZREM', list, other) end
  end
  return 'ok'
end

local function later(id, ms, answer)
  call('ZADD', P .. 'backfills', num(now + ms), id)
  return answer
end

-- Until one of its runs is over: the interval passed already.
local function crowded(id)
  call('HSET', P .. 'backfill:' .. id, 'full', 1)
  return later(id, 60 * PATIENCE, 'wait')
end

local function step(epoch, id, cursor, nominal, run)
  if call('GET', P .. 'epoch') ~= epoch then return 'epoch' end
  local key = P .. 'backfill:' .. id
  local b = call('HMGET', key, 'uid', 'st', 'cur', 'int', 'con', 'by')
  if not b[1] then
    call('ZREM', P .. 'backfills', id)
    return 'gone'
  end
  if b[2] ~= 'running' then return 'over' end
  if b[3] ~= cursor then return 'cursor:' .. b[3] end
  local h = load_job(P .. 'job:' .. b[1])
  local active = call('ZCARD', P .. 'bfruns:' .. id)
  if not h[1] then
    end_backfill(id, 'cancelled')
    return 'done'
  end
  if not nominal then
    if active > 0 then return crowded(id) end
    end_backfill(id, 'done')
    return 'done'
  end
  if active >= tonumber(b[5]) then return crowded(id) end
  if h[5] == '1' then return later(id, PATIENCE, 'wait') end
  -- a run of the past ends no other, least of all one of its own backfill
  local full = h[8] == 'Replace' and call('ZCARD', P .. 'active:' .. b[1]) >= (tonumber(h[14]) or 1)
  if full then return later(id, PATIENCE, 'wait') end
  if call('EXISTS', P .. 'run:' .. run) == 0 then
    local extra = { 'bf', id }
    if b[6] and b[6] ~= '' then extra = { 'bf', id, 'by', b[6] } end
    if start(b[1], h, run, nominal, '', extra) then return later(id, PATIENCE, 'wait') end
    call('SET', P .. 'claim:' .. run, 'started', 'PX', CLAIMED)
    call('ZADD', P .. 'bfruns:' .. id, num(now), run)
    call('HINCRBY', key, 'beg', 1)
    mark(b[1])
  end
  call('HSET', key, 'cur', nominal)
  return later(id, tonumber(b[4]), 'ok')
end

local answer
if action == 'create' then
  answer = create(ARGV[3], ARGV[4], ARGV[5])
else
  answer = step(ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7])
end
flush()
return answer
