-- Admission: whether a run may start, whatever asked for it, and what must end for it. The caller calls `flush` once, at
-- its end.

-- A job's fields, in this order; those from `lim` on are read only for a job that says with `odd` that it has any:
-- most have none, and reading costs.
local function load_job(job)
  local h = call('HMGET', job, 'gen', 'rev', 'cur', 'sus', 'inv', 'q', 'ln', 'pol', 'max', 'ns', 'name', 'sdl', 'once', 'odd',
    'seq', 'ls')
  h.odd, h.seq, h.ls, h[15], h[16] = h[14], h[15], h[16] or '', false, false
  if not h.odd then return h end
  local more = call('HMGET', job, 'lim', 'mq', 'grp', 'gmx', 'end', 'er', 'es', 'psn', 'pun', 'sx', 'ran', 'ranf')
  for i = 1, #more do h[13 + i] = more[i] end
  return h
end

local lengths = {}
-- Index entries of a batch are written together at the end: a call costs more than what it does. `started` are the
-- batch's runs that no later one of the same batch has replaced.
local unfinished, dirty, started = {}, {}, {}
local now_text, recheck_at = num(now), num(now + RECHECK)

local function supersede(id, r, state, why)
  started[id] = nil
  settle(id, r, state, why)
end

-- Whether the job may start no more runs, by `endAfter`.
local function ended(uid, h)
  if not h.odd then return false end
  if h[18] then return true end
  if not spent(uid, h[19], h[20]) then return false end
  call('HSET', P .. 'job:' .. uid, 'end', 1, 'odd', 1)
  h[18] = '1'
  return true
end

-- Makes room for one more run among `limit`: the oldest end. Those that still run are asked to. Answers the place in its
-- group's line that one of them had (nil = none): the new run goes on from there, or it might never get to the front.
local function replace(uid, limit)
  local active, line = P .. 'active:' .. uid, P .. 'waiting:' .. uid
  local waiting = call('ZRANGE', line, 0, -1)
  for i = 1, #waiting - limit + 1 do
    local r = load_run(waiting[i])
    if r and r.rv then
      -- only a status told of it: it may run
      call('HSET', P .. 'run:' .. waiting[i], 'cx', 'replaced')
    else
      call('ZREM', line, waiting[i])
      if r then supersede(waiting[i], r, 'skipped', 'overlap') else call('ZREM', active, waiting[i]) end
    end
  end
  local staying = {}
  -- started ones first, then the unstarted, each from the oldest: the newest is the one that the status shows last
  for _, ids in ipairs({ call('ZRANGEBYSCORE', active, '(0', '+inf'), call('ZREVRANGEBYSCORE', active, 0, '-inf') }) do
    for _, id in ipairs(ids) do
      local r = not call('ZSCORE', line, id) and load_run(id)
      if r and not r.cx then staying[#staying + 1] = id end
      if not r and call('EXISTS', P .. 'run:' .. id) == 0 then call('ZREM', active, id) end
    end
  end
  local place
  for i = 1, math.min(#staying, #staying + call('ZCARD', line) + 1 - limit) do
    -- read again: the end of one may have moved another on
    local id = staying[i]
    local r = load_run(id)
    if in_hands(r) then
      call('HSET', P .. 'run:' .. id, 'cx', 'replaced')
    else
      place = place or r.grp and call('ZSCORE', P .. 'gwait:' .. r.grp, id) or nil
      supersede(id, r, 'cancelled', 'replaced')
    end
  end
  return place
end

-- Why there will be no run now (a reason), or nil, whether it has to wait for a slot of its job, and its place in the line
-- of its group.
local function admit(uid, h, stream, id)
  local policy, limit = h[8], tonumber(h[14]) or (h[8] == 'Allow' and 0 or 1)
  local active = P .. 'active:' .. uid
  local count = call('ZCARD', active)
  if policy == 'Forbid' and count >= limit then return 'Overlap' end
  if policy == 'Forbid' and h[16] and h[16] ~= ''
    and (call('ZCARD', P .. 'gwait:' .. h[16]) > 0 or not group_has_room(h[16], h[17])) then
    return 'Overlap'
  end
  local backlog = tonumber(h[9])
  -- few active runs cannot be many unstarted ones, and the size is the cheaper question; an event that is left out would
  -- never come again
  if policy ~= 'Replace' and count >= backlog and not string.find(id, '%-e%x+$')
    and call('ZCOUNT', active, '-inf', 0) - (policy == 'Queue' and call('ZCARD', P .. 'waiting:' .. uid) or 0) >= backlog then
    return 'Backlog'
  end
  lengths[stream] = lengths[stream] or call('XLEN', stream)
  if lengths[stream] >= LANE_LIMIT then return 'Backlog' end
  if limit == 0 or count == 0 then return nil, false end
  local place
  if policy == 'Replace' then place = replace(uid, limit) end
  local waiting = call('ZCARD', P .. 'waiting:' .. uid)
  if call('ZCARD', active) - waiting < limit and waiting == 0 then return nil, false, place end
  if policy == 'Queue' and waiting >= tonumber(h[15] or '100') then return 'QueueFull' end
  return nil, true
end

-- Starts a run. `nominal` is a text, `late` what its starting deadline counts from ('' = none), `extra` more fields of the
-- record. Answers why there will be none; or nil.
local function start(uid, h, id, nominal, late, extra)
  local key, queue, priority = P .. 'run:' .. id, h[6], h[7]
  local stream = lane(queue, priority)
  local refused, waits, place = admit(uid, h, stream, id)
  if refused then return refused end
  local grouped = h[16] and h[16] ~= ''
  local direct = not waits and not grouped
  if direct then
    local eid = call('XADD', stream, '*', 'v', '1', 'run', id, 'uid', uid, 'namespace', h[10], 'name', h[11],
      'nominal', nominal, 'generation', h[1])
    call('HSET', key, 'st', 'queued', 'uid', uid, 'ns', h[10], 'nm', h[11], 'nom', nominal, 'gen', h[1], 'q', queue,
      'ln', priority, 'att', '0', 'at', now_text, 'pv', h.last or h.ls, 'eid', eid)
    wakes[queue] = (wakes[queue] or 0) + 1
  else
    call('HSET', key, 'st', 'queued', 'uid', uid, 'ns', h[10], 'nm', h[11], 'nom', nominal, 'gen', h[1], 'q', queue,
      'ln', priority, 'att', '0', 'at', now_text, 'pv', h.last or h.ls)
  end
  lengths[stream] = lengths[stream] + 1
  if late ~= '' and h[12] and h[12] ~= '-1' then call('HSET', key, 'dl', num(late + h[12])) end
  if extra then call('HSET', key, unpack(extra)) end
  if grouped then call('HSET', key, 'grp', h[16], 'gmx', h[17]) end
  call('ZADD', P .. 'active:' .. uid, '-' .. nominal, id)
  if waits then
    line_up(P .. 'waiting:' .. uid, id)
  elseif grouped then
    advance(id, load_run(id), place)
  end
  started[id] = true
  return nil
end

local function mark(uid)
  dirty[#dirty + 1] = call('HINCRBY', P .. 'job:' .. uid, 'seq', 1)
  dirty[#dirty + 1] = uid
end

local function write(key, pairs_of)
  for first = 1, #pairs_of, 1000 do
    call('ZADD', key, unpack(pairs_of, first, math.min(first + 999, #pairs_of)))
  end
end

local function flush()
  for id in pairs(started) do
    unfinished[#unfinished + 1] = recheck_at
    unfinished[#unfinished + 1] = id
  end
  write(P .. 'unfinished', unfinished)
  write(P .. 'dirty', dirty)
  wake()
end
