-- Shared by every script: names, the clock, and the moves a run can make. KEYS[1] is the base stream's name,
-- ARGV[1] the consumer group. Every key lies in the slot of the base name. Instants are milliseconds.
local base = KEYS[1]
local group = ARGV[1]
local P = '{' .. base .. '}:'
local call = redis.call
local clock = call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local LANE_LIMIT = 1000000
local DEAD_LIMIT = 10000
local ORPHAN_TTL = 604800000
local RECHECK = 60000

local function num(n) return string.format('%.0f', n) end

local function lane(queue, priority)
  if queue == 'default' and priority == 'medium' then return base end
  return P .. 'q:' .. queue .. ':' .. priority
end

-- Marks a job's status as out of date; the mark's score is the state's sequence number.
local function touch(uid)
  local seq = call('HINCRBY', P .. 'job:' .. uid, 'seq', 1)
  call('ZADD', P .. 'dirty', seq, uid)
  return seq
end

local wakes = {}
local function wake()
  for queue, count in pairs(wakes) do
    local key = P .. 'wake:' .. queue
    for _ = call('LLEN', key) + 1, math.min(count, 16) do call('RPUSH', key, '1') end
    call('PEXPIRE', key, RECHECK)
  end
end

-- Puts a known run into its lane; `r` has uid, ns, nm, nom, gen, q, ln, att.
local function enqueue(id, r)
  local eid = call('XADD', lane(r.q, r.ln), '*', 'v', '1', 'run', id, 'uid', r.uid, 'namespace', r.ns, 'name', r.nm,
    'nominal', r.nom, 'generation', r.gen)
  call('HSET', P .. 'run:' .. id, 'st', 'queued', 'eid', eid)
  call('ZADD', P .. 'unfinished', num(now + RECHECK), id)
  wakes[r.q] = (wakes[r.q] or 0) + 1
end

local FIELDS = { 'st', 'uid', 'ns', 'nm', 'nom', 'gen', 'q', 'ln', 'att', 'eid', 'tok', 'wk', 'inc', 'cx', 'rv', 'dlv',
  'sta', 'dl' }
local function load_run(id)
  local values = call('HMGET', P .. 'run:' .. id, unpack(FIELDS))
  if not values[1] then return nil end
  local r = {}
  for i, field in ipairs(FIELDS) do r[field] = values[i] end
  return r
end

-- A run without a record: writes one for the worker that holds it, if the record was lost with the store. A record
-- that only left the history tells nothing new: its token was given by the job as it still is, and the cursor passed
-- it. Answers the run, or nil.
local function revive(id, uid, gen, nominal, token)
  local j = call('HMGET', P .. 'job:' .. uid, 'ns', 'name', 'q', 'ln', 'born', 'cur', 'gen')
  if not j[1] then return nil end
  if string.match(token, '[^:]*$') == j[5] and tonumber(nominal) <= tonumber(j[6]) then return nil end
  -- a generation that went with the store cannot be tried again: the next attempt is the present one's
  if call('HEXISTS', P .. 'work:' .. uid, gen) == 0 then gen = j[7] end
  call('HSET', P .. 'run:' .. id, 'st', 'running', 'uid', uid, 'ns', j[1], 'nm', j[2], 'nom', nominal, 'gen', gen,
    'q', j[3], 'ln', j[4], 'att', 1, 'tok', token, 'at', num(now), 'sta', num(now))
  call('ZADD', P .. 'active:' .. uid, num(now), id)
  return load_run(id)
end

-- Takes a run's entry out of delivery.
local function withdraw(id, r)
  if not r.eid then return end
  local stream = lane(r.q, r.ln)
  redis.pcall('XACK', stream, group, r.eid)
  call('XDEL', stream, r.eid)
  call('HDEL', P .. 'run:' .. id, 'eid')
  r.eid = false
end

-- Drops stored generations of a job that neither the present one nor an unfinished run needs.
local function drop_works(uid, generation)
  local needed = { [generation] = true }
  for _, id in ipairs(call('ZRANGE', P .. 'active:' .. uid, 0, -1)) do
    local gen = call('HGET', P .. 'run:' .. id, 'gen')
    if gen then needed[gen] = true end
  end
  for _, gen in ipairs(call('HKEYS', P .. 'work:' .. uid)) do
    if not needed[gen] then call('HDEL', P .. 'work:' .. uid, gen) end
  end
end

-- Lets the first waiting run of a job go when nothing else of the job is active.
local function release_waiting(uid)
  local waiting, active = P .. 'waiting:' .. uid, P .. 'active:' .. uid
  local count = call('ZCARD', waiting)
  if count == 0 or call('ZCARD', active) > count then return end
  local id = call('ZRANGE', waiting, 0, 0)[1]
  call('ZREM', waiting, id)
  local r = load_run(id)
  if r then enqueue(id, r) else call('ZREM', active, id) end
end

local function remember(uid, id, good, limit, age)
  local key = P .. (good and 'good:' or 'bad:') .. uid
  call('ZADD', key, num(now), id)
  local over = call('ZCARD', key) - limit
  if over > 0 then
    for _, old in ipairs(call('ZRANGE', key, 0, over - 1)) do call('DEL', P .. 'run:' .. old) end
    call('ZREMRANGEBYRANK', key, 0, over - 1)
  end
  call('ZREMRANGEBYSCORE', key, '-inf', num(now - age))
  call('PEXPIRE', key, num(age))
  call('PEXPIRE', P .. 'run:' .. id, num(age))
end

-- Counts instants that make no run; `n:skipped` is the caller's.
local function count_skip(job, reason, count, first, last)
  call('HINCRBY', job, 'sk:' .. reason, count)
  call('HSET', job, 'skr', reason, 'skn', count, 'ska', first, 'skb', last)
end

local SKIPS = { deadline = 'Deadline', overlap = 'Overlap' }

-- Ends a run: record, entry, indexes, counters, history; then whatever waited for it may go.
-- `duration` and `message` may be nil.
local function settle(id, r, state, why, duration, message)
  withdraw(id, r)
  local key, job = P .. 'run:' .. id, P .. 'job:' .. r.uid
  call('HSET', key, 'st', state, 'fin', num(now))
  if why then call('HSET', key, 'why', why) else call('HDEL', key, 'why') end
  call('HDEL', key, 'cx', 'rv', 'dl')
  call('ZREM', P .. 'unfinished', id)
  call('ZREM', P .. 'active:' .. r.uid, id)
  call('ZREM', P .. 'waiting:' .. r.uid, id)
  local j = call('HMGET', job, 'gen', 'hok', 'hbad', 'hage', 'once')
  if not j[1] then
    call('PEXPIRE', key, ORPHAN_TTL)
    return
  end
  call('HINCRBY', job, 'n:' .. state, 1)
  if state == 'skipped' then count_skip(job, SKIPS[why], 1, r.nom, r.nom) end
  call('HSET', job, 'lr', id, 'lrst', state, 'lrsta', r.sta or '', 'lrdur', duration or '', 'lrmsg', message or why or '')
  if state == 'success' then
    call('HSET', job, 'lok', num(now), 'cf', 0)
  elseif state == 'failed' or state == 'dead' then
    call('HSET', job, 'lbad', num(now))
    call('HINCRBY', job, 'cf', 1)
  end
  if duration and (state == 'success' or state == 'failed') then
    call('HINCRBY', job, 'dn', 1)
    call('HINCRBY', job, 'dsum', duration)
  end
  if j[5] == id then call('HSET', job, 'done', num(now)) end
  remember(r.uid, id, state == 'success', tonumber(state == 'success' and j[2] or j[3]) or 10, tonumber(j[4]) or ORPHAN_TTL)
  if r.gen ~= j[1] then drop_works(r.uid, j[1]) end
  release_waiting(r.uid)
  touch(r.uid)
end

-- An attempt that its worker never ended: tried again by the job's policy, or the end of the run.
local function lose(id, r, why, message)
  -- whoever held the run may not speak for it any more
  call('HDEL', P .. 'run:' .. id, 'tok')
  if r.cx then return settle(id, r, 'cancelled', r.cx) end
  local text = call('HGET', P .. 'work:' .. r.uid, r.gen)
  local work = text and cjson.decode(text)
  call('HSET', P .. 'run:' .. id, 'err', cjson.encode({ type = why, message = message, traceback = '' }))
  if not work or not call('HGET', P .. 'job:' .. r.uid, 'gen') or tonumber(r.att) > work.retry.limit then
    return settle(id, r, 'failed', why, nil, message)
  end
  withdraw(id, r)
  call('HSET', P .. 'run:' .. id, 'st', 'retrying', 'why', why)
  call('HDEL', P .. 'run:' .. id, 'wk', 'inc')
  call('ZADD', P .. 'unfinished', num(now + work.retry.initial), id)
  touch(r.uid)
end
