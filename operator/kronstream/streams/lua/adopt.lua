#!lua
-- Takes generations of jobs into force. ARGV[2]: JSON array of adoptions; the answer has one array for each:
-- {'ok', cursor, once, done} | {'stale', gen, rev, cursor} | {'gone'} | {'conflict', gen, rev, when, cursor, suspended, invalid}.
-- The cursor moves only with a new `when`, on resume, and when a lost store is rebuilt; the caller must then name the
-- state it counted the passed instants from (`expect`).
local function number_or(value, other)
  if value == nil or value == cjson.null then return other end
  return value
end

-- Brings back runs that were not over.
local function bring_back(a, s)
  -- they stand in line again in their order, whichever the status told them in
  -- of any other run nobody knows whether it had a payload of its own, which is lost
  local function nominal_of(id)
    return string.match(id, '%-s(%d+)$') or string.match(id, '%-b%x+%.(%d+)$') or (id == s.asked and num(now)) or nil
  end
  table.sort(s.unfinished, function(a, b) return tonumber(nominal_of(a) or 0) < tonumber(nominal_of(b) or 0) end)
  local free = a.policy == 'Allow' and math.huge or math.max(a.limit, 1)
  for _, id in ipairs(s.unfinished) do
    local nominal = nominal_of(id)
    if nominal and call('EXISTS', P .. 'run:' .. id) == 0 then
      -- no entry yet: a worker that still holds the run says so first, then the sweep dispatches it again
      call('HSET', P .. 'run:' .. id, 'st', 'queued', 'uid', a.uid, 'ns', a.ns, 'nm', a.name, 'nom', nominal,
        'gen', num(a.gen), 'q', a.queue, 'ln', a.lane, 'att', 0, 'at', num(now), 'rv', 1)
      if a.group ~= '' then
        call('HSET', P .. 'run:' .. id, 'grp', a.group, 'gmx', num(a.group_max))
        -- the oldest are those that may run
        if free > 0 and group_has_room(a.group, a.group_max) then
          call('ZADD', P .. 'group:' .. a.group, num(now), id)
          free = free - 1
        end
      end
      call('ZADD', P .. 'active:' .. a.uid, '-' .. nominal, id)
      line_up(P .. 'waiting:' .. a.uid, id)
      call('ZADD', P .. 'unfinished', num(now + 3000), id)
      if not string.find(id, '%-s%d+$') then call('SET', P .. 'claim:' .. id, 'started', 'PX', CLAIMED) end
    end
  end
end

-- What a status, or a replica, knows of a job that a lost store does not. Of the replicas that fill it again the first
-- seeds; of the others counts what the first may not have heard of yet: its one run, and values that had theirs.
local function seed(a, fresh)
  local s, job = a.seed, P .. 'job:' .. a.uid
  if s == nil or s == cjson.null then return end
  for _, id in ipairs(s.claimed) do call('SET', P .. 'claim:' .. id, 'started', 'PX', CLAIMED, 'NX') end
  if fresh then
    for field, value in pairs(s.fields) do call('HSET', job, field, value) end
    if tonumber(s.fields.pun or '') then call('ZADD', P .. 'unfinished', s.fields.pun, '@' .. a.uid) end
    bring_back(a, s)
  elseif s.fields.once and call('HSETNX', job, 'once', s.fields.once) == 1 then
    bring_back(a, s)
  end
end

local function matches(a, stored)
  local e = a.expect
  return e ~= nil and e ~= cjson.null and num(e.gen) == stored[1] and e.rev == stored[2] and num(e.cursor) == stored[4]
end

local function order(a, stored)
  local gen = tonumber(stored[1])
  if gen ~= a.gen then return gen > a.gen and 1 or -1 end
  if stored[2] ~= a.rev then return stored[2] > a.rev and 1 or -1 end
  return 0
end

local function skip(uid, skips)
  local job = P .. 'job:' .. uid
  if call('HEXISTS', job, 'end') == 1 then return end
  for _, s in ipairs(skips) do
    local count, first, last = num(s.count), num(s.first), num(s.last)
    call('HINCRBY', job, 'n:skipped', count)
    count_skip(job, s.reason, count, first, last)
    tell_skipped(uid .. '-s' .. first, uid, s.reason, count, first, last)
  end
end

-- How many runs there may be, and when they end; a plain job has none of it, and `odd` tells that it need not be read.
local function limit(a, job)
  if a.policy == 'Allow' and a.group == '' and a.end_runs == '' and a.end_successes == '' and a.suspend_after == '' then
    call('HDEL', job, 'lim', 'mq', 'grp', 'gmx', 'er', 'es', 'sf')
    local set = call('HMGET', job, 'psn', 'sx', 'ran')
    if not (set[1] or set[2] or set[3]) then call('HDEL', job, 'odd') else call('HSET', job, 'odd', 1) end
    return
  end
  call('HSET', job, 'lim', num(a.policy == 'Allow' and 0 or math.max(a.limit, 1)), 'mq', num(a.queued), 'grp', a.group,
    'gmx', num(a.group_max), 'er', a.end_runs, 'es', a.end_successes, 'sf', a.suspend_after, 'odd', 1)
end

-- An event handler's generation takes its turn: a router that has not heard of it can tell by that. What it listens for is
-- told from now on, not only when its router has said so.
local function enrol(a)
  call('ZADD', P .. 'roll', call('INCR', P .. 'turn'), a.uid)
  if a.outcomes == '' then return end
  local known = call('HGET', P .. 'wanted', a.scope) or ''
  for kind in string.gmatch(a.outcomes, '%a+') do
    if not string.find(' ' .. known .. ' ', ' ' .. kind .. ' ', 1, true) then known = known .. ' ' .. kind end
  end
  call('HSET', P .. 'wanted', a.scope, known)
end

local function adopt(a)
  local handler = string.sub(a.uid, 1, 3) == 'eh.'
  if call('EXISTS', P .. 'tomb:' .. a.uid) == 1 then
    if a.alive ~= 1 then return { 'gone' } end
    call('DEL', P .. 'tomb:' .. a.uid)
    call('PERSIST', P .. 'work:' .. a.uid)
  end
  local job = P .. 'job:' .. a.uid
  local stored = call('HMGET', job, 'gen', 'rev', 'when', 'cur', 'sus', 'inv', 'once', 'done')
  local fresh = not stored[1]
  if fresh or a.rebuild == 1 then
    seed(a, fresh)
    stored[7], stored[8] = unpack(call('HMGET', job, 'once', 'done'))
  end
  local cursor, seq = a.cursor, number_or(a.seq, 0)
  local behind = tonumber(call('HGET', job, 'seq') or '0') < seq
  if fresh then
    call('PERSIST', P .. 'active:' .. a.uid)
    call('DEL', P .. 'past:' .. a.uid)
    call('ZREM', P .. 'gone', a.ns .. ' ' .. a.name .. ' ' .. a.uid)
    call('HSET', job, 'born', num(now) .. '.' .. clock[2] % 1000)
  else
    local rank = order(a, stored)
    local known = matches(a, stored)
    if rank > 0 and not known then return { 'stale', stored[1], stored[2], stored[4] } end
    cursor = tonumber(stored[4])
    -- what has no instants, as an event's handler, has left none behind
    local resumed = a.invalid == 0 and a.when ~= '' and ((stored[5] == '1' and a.suspended == 0) or stored[6] == '1')
    local moved = a.invalid == 0 and stored[3] ~= '' and stored[3] ~= a.when
    if moved or resumed then
      if not known then
        return { 'conflict', stored[1], stored[2], stored[3], stored[4], stored[5], stored[6] }
      end
      skip(a.uid, number_or(a.skips, {}))
      cursor = math.max(cursor, number_or(a.expect.counted, now))
      if moved then call('HDEL', job, 'sx', 'ran', 'ranf') end
    end
    if a.rebuild == 1 then cursor = math.max(cursor, a.cursor) end
    if rank == 0 and not moved and not resumed and not behind and num(cursor) == stored[4] then
      -- adopted by a version that kept no roll
      if handler and not call('ZSCORE', P .. 'roll', a.uid) then enrol(a) end
      return { 'ok', stored[4], stored[7] or '', stored[8] or '' }
    end
  end
  if behind then call('HSET', job, 'seq', num(seq)) end
  -- an edit ends a pause that the job's failures had brought about
  if not fresh and a.gen > tonumber(stored[1]) and call('HGET', job, 'pau') then
    call('HSET', job, 'pun', num(now), 'cf', 0)
    call('HDEL', job, 'pby', 'prs', 'pau')
  end
  local left = call('HGET', job, 'grp')
  call('HSET', job, 'ns', a.ns, 'name', a.name, 'gen', num(a.gen), 'rev', a.rev, 'cur', num(cursor), 'inv', a.invalid)
  -- an invalid generation keeps what was in force: its fix is compared with that, and runs still end by it
  if fresh or a.invalid == 0 then
    call('HSET', job, 'when', a.when, 'sus', a.suspended, 'q', a.queue, 'ln', a.lane, 'pol', a.policy, 'max',
      num(a.backlog), 'hok', num(a.keep_good), 'hbad', num(a.keep_bad), 'hage', num(a.keep_age), 'sdl', num(a.deadline),
      'jit', num(a.jitter), 'fn', a.fn)
    for name, value in pairs({ exp = a.expected, tot = a.total }) do
      if value ~= '' then call('HSET', job, name, value) else call('HDEL', job, name) end
    end
    if a.depth > 0 then call('HSET', job, 'dp', num(a.depth)) else call('HDEL', job, 'dp') end
    if a.platform ~= '' then call('HSET', job, 'pf', a.platform) else call('HDEL', job, 'pf') end
    if a.deliveries ~= 3 then call('HSET', job, 'mdl', num(a.deliveries)) else call('HDEL', job, 'mdl') end
    if a.keys ~= '' then call('HSET', job, 'kl', a.keys) else call('HDEL', job, 'kl') end
    limit(a, job)
    if spent(a.uid, a.end_runs, a.end_successes) then call('HSET', job, 'end', 1) else call('HDEL', job, 'end') end
  end
  if a.work ~= nil and a.work ~= cjson.null then call('HSET', P .. 'work:' .. a.uid, num(a.gen), a.work) end
  drop_works(a.uid, num(a.gen))
  call('ZADD', P .. 'jobs', num(now), a.uid)
  if handler then
    enrol(a)
  else
    call('HSET', P .. 'names', a.ns .. '/' .. a.name, a.uid)
    call('ZADD', P .. 'byname', 0, a.ns .. ' ' .. a.name .. ' ' .. a.uid)
  end
  -- more may run at a time now
  if not fresh and a.invalid == 0 then
    if left and left ~= '' and left ~= a.group then release_group(left) end
    if a.group ~= '' then release_group(a.group) end
    release_waiting(a.uid)
  end
  touch(a.uid)
  return { 'ok', num(cursor), stored[7] or '', stored[8] or '' }
end

watch_clock()
local answers = {}
for i, a in ipairs(cjson.decode(ARGV[2])) do answers[i] = adopt(a) end
wake()
return answers
