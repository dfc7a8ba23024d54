#!lua flags=allow-oom
-- Brings on what time decides: due retries, ended leases, runs whose entry is gone. ARGV: group, limit.
-- Answers how many runs moved.
watch_clock()
local moved = 0
local LOOKS = 5
local held = leases_hold()

-- Where a queued run's entry is: 'waiting' for a reader, 'held' by a live consumer, 'stuck' with a dead one or with one
-- that does not take it, or nil.
local function entry_state(r)
  if not r.eid then return nil end
  local stream = lane(r.q, r.ln)
  if #call('XRANGE', stream, r.eid, r.eid) == 0 then return nil end
  local pending = redis.pcall('XPENDING', stream, group, r.eid, r.eid, 1)
  if pending.err or #pending == 0 then return 'waiting' end
  local alive = call('EXISTS', P .. 'worker:' .. pending[1][2]) == 1
  return alive and pending[1][3] < RECHECK and 'held' or 'stuck'
end

local function recheck(id, ms) call('ZADD', P .. 'unfinished', num(now + ms), id) end

-- A queued run without an entry that stands in a line; true when it does.
local function stands_in_line(id, r)
  local waiting = P .. 'waiting:' .. r.uid
  if r.nb and tonumber(r.nb) > now and not r.eid then
    call('ZADD', P .. 'unfinished', r.nb, id)
    return true
  elseif r.gl then
    look_at_gate(r.gl)
    if call('HEXISTS', P .. 'run:' .. id, 'gl') == 1 then recheck(id, RECHECK) else moved = moved + 1 end
    return true
  end
  if call('ZSCORE', waiting, id) then
    if r.rv then call('HDEL', P .. 'run:' .. id, 'rv') end
    release_waiting(r.uid)
    if call('ZSCORE', waiting, id) then recheck(id, RECHECK) else moved = moved + 1 end
    return true
  elseif r.grp and call('ZSCORE', P .. 'gwait:' .. r.grp, id) then
    release_group(r.grp)
    if call('ZSCORE', P .. 'gwait:' .. r.grp, id) then recheck(id, RECHECK) else moved = moved + 1 end
    return true
  end
  return false
end

local function move(id)
  if string.sub(id, 1, 1) == '@' then
    -- a pause ends by itself: the status has to tell it
    local uid = string.sub(id, 2)
    local j = call('HMGET', P .. 'job:' .. uid, 'gen', 'pun')
    -- the clock went back meanwhile
    if j[1] and j[2] and j[2] ~= '' and tonumber(j[2]) > now then return call('ZADD', P .. 'unfinished', j[2], id) end
    call('ZREM', P .. 'unfinished', id)
    if j[1] then touch(uid) end
    return
  end
  local r = load_run(id)
  if not r then
    call('ZREM', P .. 'unfinished', id)
  elseif r.st == 'retrying' then
    if call('EXISTS', P .. 'job:' .. r.uid) == 0 then settle(id, r, 'cancelled', 'deleted') else enqueue(id, r) end
    moved = moved + 1
  elseif r.st == 'running' and r.pk and tonumber(r.pk) > now then
    call('ZADD', P .. 'unfinished', r.pk, id)
  elseif r.st == 'running' and r.pk then
    lose(id, r, 'timeout', 'nobody said how the work that was started elsewhere ended before the timeout')
    moved = moved + 1
  elseif r.st == 'running' and held then
    call('ZADD', P .. 'unfinished', held, id)
  elseif r.st == 'running' and r.xt then
    -- its work goes on elsewhere: another worker looks after it, in the same attempt
    lay_down(id, r)
    withdraw(id, r)
    enqueue(id, r)
    moved = moved + 1
  elseif r.st == 'running' then
    lose(id, r, 'worker_lost', 'the worker ' .. (r.wk or '?') .. ' stopped sending heartbeats')
    moved = moved + 1
  elseif r.st == 'queued' then
    if stands_in_line(id, r) then return end
    local state = entry_state(r)
    if state == 'waiting' or state == 'held' then return recheck(id, RECHECK) end
    withdraw(id, r)
    call('HDEL', P .. 'run:' .. id, 'rv')
    advance(id, r)
    moved = moved + 1
  else
    call('ZREM', P .. 'unfinished', id)
  end
end

-- queues whose pace let nobody begin
for _, queue in ipairs(call('SMEMBERS', P .. 'paced')) do wakes[queue] = (wakes[queue] or 0) + 16 end
call('DEL', P .. 'paced')
-- what only had to be looked at is cheap, and a long queue is full of it: it must not hold up retries and lost workers
local limit = tonumber(ARGV[2])
for _, id in ipairs(call('ZRANGEBYSCORE', P .. 'unfinished', '-inf', num(now), 'LIMIT', 0, LOOKS * limit)) do
  if moved >= limit then break end
  move(id)
end
wake()
return moved
