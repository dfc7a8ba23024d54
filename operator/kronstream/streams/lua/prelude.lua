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
local CLAIMED = 604800000

local function num(n) return string.format('%.0f', n) end
local stamp = num(now)

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

-- Time may jump. A store that nobody looked at for five seconds cannot tell a jump from an outage: for a while no lease
-- ends, so that its holder can say that it lives. When the clock went back, what waits for an instant would wait too
-- long: it is brought as much nearer. A jump of more than a minute is remembered, for cursors that come to lie ahead.
local HOLD = 15000
local SHIFTED = 100000
local function watch_clock()
  local seen = tonumber(call('GET', P .. 'seen') or '')
  call('SET', P .. 'seen', num(now))
  if not seen then return end
  if now - seen > 5000 then
    -- until when, not a time to live: that would grow with a clock that goes back
    call('SET', P .. 'hold', num(now + HOLD))
    if now - seen > 60000 then call('SET', P .. 'jump', num(now)) end
  elseif now < seen - 1000 then
    for _, name in ipairs({ 'unfinished', 'backfills', 'ewait', 'etend', 'orders' }) do
      -- of very many the nearest: they are the leases and the retries
      for _, id in ipairs(call('ZRANGE', P .. name, 0, SHIFTED - 1)) do call('ZINCRBY', P .. name, num(now - seen), id) end
    end
  end
end

-- Until when no lease ends, or nil.
local function leases_hold()
  local till = tonumber(call('GET', P .. 'hold') or '0')
  return now < till and till <= now + HOLD and num(till) or nil
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
  'sta', 'dl', 'grp', 'gmx', 'bf', 'own', 'xt', 'pk', 'pv', 'tr', 'gt', 'gl', 'nb', 'kl', 'fs', 'sl' }
-- A run's record, or nil; with `fields` (st comes first) only those, which is much cheaper.
local function load_run(id, fields)
  fields = fields or FIELDS
  local values = call('HMGET', P .. 'run:' .. id, unpack(fields))
  if not values[1] then return nil end
  local r = {}
  for i = 1, #fields do r[fields[i]] = values[i] end
  return r
end

-- Whether only a worker can end what a run has begun: one that holds it, or the next one, for what goes on elsewhere.
local function in_hands(r)
  return (r.st == 'running' and not r.pk) or (r.st == 'queued' and r.xt and not r.pk)
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

-- A run that was taken out of delivery, among the dead letters.
local function bury_run(id, r, why, message)
  call('XADD', P .. 'dead', 'MAXLEN', DEAD_LIMIT, '*', 'kind', 'run', 'run', id, 'uid', r.uid, 'namespace', r.ns, 'name',
    r.nm, 'nominal', r.nom, 'reason', why, 'message', message or '', 'at', num(now))
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
