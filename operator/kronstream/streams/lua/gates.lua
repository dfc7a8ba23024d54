-- Gates: how many runs of a queue, a function or a key may execute at a time, and how many attempts may begin in a time,
-- over all workers. A run comes to its gates when a worker is about to start it. One that has to wait for a slot stands
-- in the gate's line and holds no other gate; one that has to wait for its time has it reserved. Nothing of it is asked
-- where there are no limits.

-- Whether a set of runs has a free slot; records that went without a word (their time to live ended) free theirs.
local function has_room(key, max)
  if call('ZCARD', key) < max then return true end
  for _, id in ipairs(call('ZRANDMEMBER', key, 10)) do
    local r = call('HMGET', P .. 'run:' .. id, 'st', 'fin')
    if not r[1] or r[2] then call('ZREM', key, id) end
  end
  return call('ZCARD', key) < max
end

local function gate_has_room(name, max) return has_room(P .. 'gate:' .. name, max) end

-- Lets the first of a gate's line go on to its lane, with the slot that is free; false when nobody waits.
local function open_gate(name)
  local line = P .. 'gline:' .. name
  while true do
    local id = call('ZRANGE', line, 0, 0)[1]
    if not id then
      call('HDEL', P .. 'gates', name)
      return false
    end
    call('ZREM', line, id)
    local r = load_run(id)
    if r and r.st == 'queued' then
      call('HDEL', P .. 'run:' .. id, 'gl')
      call('ZADD', P .. 'gate:' .. name, num(now), id)
      call('HSET', P .. 'run:' .. id, 'gt', name)
      enqueue(id, r)
      return true
    end
  end
end

-- What the sweep does for a run that stands in a line: an end may have been missed, or the limit been raised.
local function look_at_gate(name)
  local max = tonumber(call('HGET', P .. 'gates', name) or '')
  while not max or gate_has_room(name, max) do
    if not open_gate(name) then return end
  end
end

-- A run begins no longer, or executes no longer: others may.
local function leave_gates(id, r)
  if r.gl then
    call('ZREM', P .. 'gline:' .. r.gl, id)
    call('HDEL', P .. 'run:' .. id, 'gl')
    r.gl = false
  end
  if not r.gt then return end
  for name in string.gmatch(r.gt, '[^|]+') do
    if call('ZREM', P .. 'gate:' .. name, id) == 1 and not open_gate(name) then
      local queue = string.match(name, '^q/(.*)$')
      if queue then wakes[queue] = (wakes[queue] or 0) + 1 end
    end
  end
  call('HDEL', P .. 'run:' .. id, 'gt')
  r.gt = false
end

-- When the next attempt may begin by a pace of `count` in `per` ms, as an instant, and what is free after it.
local function next_begin(name, count, per)
  local interval = per / count
  local next_free = math.max(tonumber(call('GET', P .. 'pace:' .. name) or '0'), now)
  return math.max(now, next_free - (count - 1) * interval), next_free + interval
end

-- The same; it is reserved.
local function reserve(name, count, per)
  local at, free = next_begin(name, count, per)
  call('SET', P .. 'pace:' .. name, string.format('%.3f', free), 'PX', math.ceil(free - now) + per)
  return at
end
