#!lua flags=allow-oom
-- Reads entries for a consumer and starts their runs in the same step. ARGV: group, consumer, incarnation, queue,
-- slots, lease ms, token stem, its turn from 0 to 7 or 'pending', limits as JSON ('' = none), then (pending) the run ids
-- the worker already holds.
-- Answers {run, token, uid, generation, attempt, nominal, deliveries, lane, work, payload or '', more, waited} for each started run; `more` is '' or, between
-- bars, the nominal time of the scheduled run before, the last success (run, nominal time, 1 with a result), the token and
-- the start of work elsewhere, the ms since the first attempt began, and the trace id; `waited` are the ms since the
-- entry was written, '' for a run that was started before.
local consumer, incarnation, queue = ARGV[2], ARGV[3], ARGV[4]
local slots, lease, stem, pending = tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7], ARGV[8] == 'pending'
local held = {}
for i = 10, #ARGV do held[ARGV[i]] = true end
local limits = ARGV[9] ~= '' and cjson.decode(ARGV[9]) or nil
local taken, left, looked = {}, 0, 0
local LOOK_LIMIT = 1000
-- enough for a run that is queued, which nearly all are
local QUEUED_FIELDS = { 'st', 'uid', 'nom', 'gen', 'att', 'eid', 'cx', 'rv', 'dlv', 'dl', 'own', 'xt', 'pv', 'tr',
  'nb', 'kl', 'fs' }

local function read(stream)
  local from = pending and '0' or '>'
  local count = pending and 1000 or slots - #taken
  local answer = redis.pcall('XREADGROUP', 'GROUP', group, consumer, 'COUNT', count, 'STREAMS', stream, from)
  if type(answer) == 'table' and answer.err then
    if not string.find(answer.err, 'NOGROUP', 1, true) then return answer end
    call('XGROUP', 'CREATE', stream, group, '0', 'MKSTREAM')
    answer = call('XREADGROUP', 'GROUP', group, consumer, 'COUNT', count, 'STREAMS', stream, from)
  end
  if not answer then return {} end
  return answer[1][2]
end

local function discard(stream, eid)
  call('XACK', stream, group, eid)
  call('XDEL', stream, eid)
end

-- Sets an entry that no worker can understand aside, cut to a bound.
local function bury(stream, eid, fields, why)
  local copy = { 'reason', why, 'stream', stream, 'entry', eid, 'at', num(now) }
  for i = 1, math.min(#fields, 32) do copy[#copy + 1] = string.sub((i % 2 == 1 and 'field.' or '') .. fields[i], 1, 1024) end
  if #copy % 2 == 1 then copy[#copy + 1] = '' end
  call('XADD', P .. 'dead', 'MAXLEN', DEAD_LIMIT, '*', unpack(copy))
  discard(stream, eid)
end

local function understand(fields)
  local f = {}
  for i = 1, #fields, 2 do f[fields[i]] = fields[i + 1] end
  if not f.run then return nil, 'no field "run"; a dispatch entry has v, run, uid, namespace, name, nominal, generation' end
  if f.v ~= '1' then return nil, 'version ' .. string.sub(tostring(f.v), 1, 20) .. ' of the entry format; this worker reads 1' end
  return f.run
end

-- What a run executes, and its own payload, if it was asked for with one. Work that an earlier row of this answer has is
-- told by that row's number: `#0`.
local works = {}
local function errand(id, r)
  local name, row = r.uid .. ':' .. r.gen, #taken
  local work = works[name]
  if not work then
    work = call('HGET', P .. 'work:' .. r.uid, r.gen) or ''
    works[name] = work ~= '' and '#' .. row or nil
  end
  return work, r.own and call('HGET', P .. 'run:' .. id, 'pl') or ''
end

-- What a claim tells of its job; no run that starts changes it.
local told = {}
local function job_of(uid)
  told[uid] = told[uid] or call('HMGET', P .. 'job:' .. uid, 'born', 'lokr', 'lokn', 'lokh', 'fn', 'kl')
  return told[uid]
end

-- Leases and marks of the runs that were started, set together.
local leases, started, ordered = {}, {}, {}
local lease_end = num(now + lease)
local function flush_started()
  if #leases > 0 then call('ZADD', P .. 'unfinished', unpack(leases)) end
  local marks = {}
  for _, uid in ipairs(ordered) do
    call('ZADD', P .. 'active:' .. uid, unpack(started[uid]))
    if job_of(uid)[1] then
      marks[#marks + 1], marks[#marks + 2] = call('HINCRBY', P .. 'job:' .. uid, 'seq', #started[uid] / 2), uid
    end
  end
  if #marks > 0 then call('ZADD', P .. 'dirty', unpack(marks)) end
  leases, started, ordered = {}, {}, {}
end

local function note_started(id, uid)
  leases[#leases + 1], leases[#leases + 2] = lease_end, id
  if not started[uid] then
    started[uid] = {}
    ordered[#ordered + 1] = uid
  end
  local scored = started[uid]
  scored[#scored + 1], scored[#scored + 2] = stamp, id
  if #leases >= 2000 then flush_started() end
end

-- The gates of a run: its function's, by the worker's settings, and those of its keys, by its job. The queue's is asked
-- before anything is read.
local function gates_of(r, j)
  local found = {}
  local own = limits and limits.functions and j[5] and limits.functions[j[5]]
  if own then found[1] = own end
  for _, g in ipairs(cjson.decode(r.kl or j[6] or '[]')) do found[#found + 1] = g end
  return found
end

-- Sets a run aside until its gates let it begin; false when they do.
local function held_up(id, r, j)
  if not (r.kl or j[6] or (limits and limits.functions and j[5] and limits.functions[j[5]])) then return false end
  local key, gates = P .. 'run:' .. id, gates_of(r, j)
  if not r.nb then
    local at = 0
    for _, g in ipairs(gates) do
      if g.count then at = math.max(at, math.ceil(reserve(g.name, g.count, g.per))) end
    end
    if at > 0 then call('HSET', key, 'nb', num(at)) end
    if at > now then
      withdraw(id, r)
      call('ZADD', P .. 'unfinished', num(at), id)
      return true
    end
  end
  local names = {}
  for _, g in ipairs(gates) do
    if g.max then names[#names + 1] = g.name end
    if g.max and not call('ZSCORE', P .. 'gate:' .. g.name, id)
      and (call('ZCARD', P .. 'gline:' .. g.name) > 0 or not gate_has_room(g.name, g.max)) then
      -- what it had of others goes to others: who waits holds nothing
      r.gt = table.concat(names, '|')
      leave_gates(id, r)
      withdraw(id, r)
      line_up(P .. 'gline:' .. g.name, id)
      call('HSET', key, 'gl', g.name)
      call('HSET', P .. 'gates', g.name, g.max)
      call('ZADD', P .. 'unfinished', num(now + RECHECK), id)
      return true
    end
  end
  for _, name in ipairs(names) do call('ZADD', P .. 'gate:' .. name, num(now), id) end
  r.gt = #names > 0 and table.concat(names, '|') or false
  return false
end

local function more(id, r, j)
  if not (r.xt or r.tr or r.fs or j[2] or (r.pv and r.pv ~= '')) then return '' end
  return table.concat({ r.pv or '', j[2] or '', j[3] or '', j[4] or '', r.xt or '', r.xt and r.sta or '',
    r.fs and num(math.max(0, now - r.fs)) or '', r.tr or '' }, '|')
end

local function start(id, r, priority, j)
  local attempt, deliveries = tonumber(r.att) + 1, tonumber(r.dlv or '0') + 1
  local born = j[1]
  -- tells a store that lost the record whether a payload went with it
  local token = stem .. ':' .. #taken .. (r.own and 'p' or '') .. ':' .. (born or '')
  local key = P .. 'run:' .. id
  if not (r.xt and r.sta) then r.sta = stamp end
  call('HSET', key, 'st', 'running', 'att', attempt, 'dlv', deliveries, 'wk', consumer, 'inc', incarnation, 'tok', token,
    'sta', r.sta)
  if limits and limits.queue then
    r.gt = limits.queue.name .. (r.gt and '|' .. r.gt or '')
    if limits.queue.max then call('ZADD', P .. 'gate:' .. limits.queue.name, stamp, id) end
    if limits.queue.count then reserve(limits.queue.name, limits.queue.count, limits.queue.per) end
  end
  if r.gt then call('HSET', key, 'gt', r.gt) end
  if r.rv then call('HDEL', key, 'rv') end
  note_started(id, r.uid)
  tell('started', id)
  local work, own = errand(id, r)
  local waited = num(math.max(0, now - tonumber(string.match(r.eid, '^%d+'))))
  return { id, token, r.uid, r.gen, tostring(attempt), r.nom, tostring(deliveries), priority, work, own, more(id, r, j),
    waited }
end

local function consider(stream, entry, priority)
  local eid, fields = entry[1], entry[2]
  if not fields then return call('XACK', stream, group, eid) end
  local id, why = understand(fields)
  if not id then return bury(stream, eid, fields, why) end
  local r = load_run(id, QUEUED_FIELDS)
  if not r or r.eid ~= eid then return discard(stream, eid) end
  r.q, r.ln = queue, priority
  if r.st ~= 'queued' or r.cx or r.dl or r.xt or r.dlv then r = load_run(id) end
  if r.st == 'running' then
    -- mine from a lost reply: answered again; a former process's: its lease decides
    if r.wk == consumer and r.inc == incarnation and not held[id] then
      local work, own = errand(id, r)
      local j = job_of(r.uid)
      taken[#taken + 1] = { id, r.tok, r.uid, r.gen, r.att, r.nom, r.dlv, priority, work, own, more(id, r, j), '' }
    end
    return
  end
  if r.st ~= 'queued' then return discard(stream, eid) end
  -- a cancelled one whose work goes on elsewhere is taken over: only a worker can stop that
  if r.cx and not r.xt then return settle(id, r, 'cancelled', r.cx) end
  if r.dl and r.att == '0' and not r.xt and now > tonumber(r.dl) then return settle(id, r, 'skipped', 'deadline') end
  if tonumber(r.dlv or '0') >= 20 then return settle(id, r, 'dead', 'too_many_deliveries') end
  if #taken >= slots then
    left = left + 1
    return
  end
  local j = job_of(r.uid)
  if held_up(id, r, j) then return end
  taken[#taken + 1] = start(id, r, priority, j)
end

-- Entries that start nothing (garbage, what is over) hold up nobody behind them: read on until the slots are filled.
local function drain(stream, priority)
  repeat
    local wanted = slots - #taken
    local entries = read(stream)
    if entries.err then return entries end
    for _, entry in ipairs(entries) do consider(stream, entry, priority) end
    looked = looked + #entries
  until pending or #entries < wanted or #taken >= slots or looked >= LOOK_LIMIT
end

-- A queue that is paused, full or ahead of its pace is not read: its runs keep their places.
if call('HEXISTS', P .. 'qpauses', queue) == 1 then
  if pending then call('HDEL', P .. 'worker:' .. consumer, 'handed') end
  return {}
end
local own = limits and limits.queue
if own and not pending then
  if own.max then
    gate_has_room(own.name, own.max)
    slots = math.min(slots, own.max - call('ZCARD', P .. 'gate:' .. own.name))
  end
  if own.count then
    local interval = own.per / own.count
    local next_free = math.max(tonumber(call('GET', P .. 'pace:' .. own.name) or '0'), now)
    slots = math.min(slots, math.floor((own.count * interval - (next_free - now)) / interval + 0.001))
    if slots <= 0 then call('SADD', P .. 'paced', queue) end
  end
  if slots <= 0 then return {} end
end

-- Whatever fills the higher lanes, the lower ones are read first now and then: medium two times of eight, low once.
local ORDERS = { ['2'] = { 'critical', 'medium', 'high', 'low' }, ['7'] = { 'critical', 'low', 'high', 'medium' } }
ORDERS['5'] = ORDERS['2']

for _, priority in ipairs(ORDERS[ARGV[8]] or { 'critical', 'high', 'medium', 'low' }) do
  if #taken < slots or pending then
    local failed = drain(lane(queue, priority), priority)
    if failed then
      flush_started()
      return failed
    end
  end
end
-- the rest is for the next call
if looked >= LOOK_LIMIT and not pending then wakes[queue] = (wakes[queue] or 0) + 1 end
flush_started()
if pending and left == 0 then call('HDEL', P .. 'worker:' .. consumer, 'handed') end
wake()
return taken
