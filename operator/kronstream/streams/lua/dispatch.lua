#!lua
-- Dispatches what is due. ARGV[2] the epoch, ARGV[3] the tolerance for early instants in ms, then for every job seven
-- values: uid, generation, revision, cursor planned from, cursor to set, "nominal,nominal…" and
-- "reason:count:first:last;…". Answers one string for each job: ok | early | held | gone | stale:<gen> | behind |
-- cursor:<ms> | done:<cursor> (the only dispatch of a one-time job was made before), or the single string 'epoch'
-- when the store was lost since.
if call('GET', P .. 'epoch') ~= ARGV[2] then return { 'epoch' } end
local early = now + tonumber(ARGV[3])
local lengths = {}

local function skip(job, reason, count, first, last)
  call('HINCRBY', job, 'n:skipped', count)
  count_skip(job, reason, count, first, last)
end

-- Index entries of a batch are written together at the end: a call costs more than what it does. `started` are the
-- batch's runs that no later one of the same batch has replaced.
local unfinished, dirty, started = {}, {}, {}
local now_text, recheck_at = num(now), num(now + RECHECK)

local function supersede(id, r, state, why)
  started[id] = nil
  settle(id, r, state, why)
end

-- Asks every active run of the job to end; true when one of them still runs.
local function replace(uid)
  local running = false
  for _, id in ipairs(call('ZRANGE', P .. 'waiting:' .. uid, 0, -1)) do
    local r = load_run(id)
    call('ZREM', P .. 'waiting:' .. uid, id)
    if r then supersede(id, r, 'skipped', 'overlap') end
  end
  -- the newest queued one last: it is the one that the status shows as the last run
  for _, id in ipairs(call('ZREVRANGE', P .. 'active:' .. uid, 0, -1)) do
    local r = load_run(id)
    if not r then
      call('ZREM', P .. 'active:' .. uid, id)
    elseif r.st == 'running' then
      call('HSET', P .. 'run:' .. id, 'cx', 'replaced')
      running = true
    else
      supersede(id, r, 'cancelled', 'replaced')
    end
  end
  return running
end

local function admit(uid, policy, backlog, stream)
  local active = P .. 'active:' .. uid
  if policy == 'Forbid' and call('ZCARD', active) > 0 then return 'Overlap' end
  -- few active runs cannot be many unstarted ones, and the size is the cheaper question
  if policy ~= 'Replace' and call('ZCARD', active) >= backlog and call('ZCOUNT', active, '-inf', 0) >= backlog then
    return 'Backlog'
  end
  lengths[stream] = lengths[stream] or call('XLEN', stream)
  if lengths[stream] >= LANE_LIMIT then return 'Backlog' end
  return nil
end

-- Starts a run, if it may. Answers why there will be none, or its id where it is over already.
local function start(uid, h, nominal)
  local id = uid .. '-s' .. nominal
  local key = P .. 'run:' .. id
  if call('EXISTS', key) == 1 then return call('HEXISTS', key, 'fin') == 1 and id or nil end
  local queue, priority, policy = h[6], h[7], h[8]
  local stream = lane(queue, priority)
  local refused = admit(uid, policy, tonumber(h[9]), stream)
  if refused then
    skip(P .. 'job:' .. uid, refused, 1, nominal, nominal)
    return refused
  end
  local waits = policy == 'Replace' and call('ZCARD', P .. 'active:' .. uid) > 0 and replace(uid)
  if waits then
    call('ZADD', P .. 'waiting:' .. uid, nominal, id)
    call('HSET', key, 'st', 'queued', 'uid', uid, 'ns', h[10], 'nm', h[11], 'nom', nominal, 'gen', h[1], 'q', queue,
      'ln', priority, 'att', '0', 'at', now_text)
  else
    local eid = call('XADD', stream, '*', 'v', '1', 'run', id, 'uid', uid, 'namespace', h[10], 'name', h[11],
      'nominal', nominal, 'generation', h[1])
    call('HSET', key, 'st', 'queued', 'uid', uid, 'ns', h[10], 'nm', h[11], 'nom', nominal, 'gen', h[1], 'q', queue,
      'ln', priority, 'att', '0', 'at', now_text, 'eid', eid)
    wakes[queue] = (wakes[queue] or 0) + 1
    lengths[stream] = lengths[stream] + 1
  end
  if h[12] ~= '-1' then call('HSET', key, 'dl', num(nominal + h[12])) end
  call('ZADD', P .. 'active:' .. uid, '-' .. nominal, id)
  started[id] = true
  h.last = nominal
end

-- What keeps a job from being dispatched by this caller, or nil.
local function refusal(job, h, gen, rev, from, nominals, once)
  if not h[1] then return 'gone' end
  if h[1] ~= gen or h[2] ~= rev then
    local newer = tonumber(h[1]) > tonumber(gen) or (h[1] == gen and h[2] > rev)
    return newer and 'stale:' .. h[1] or 'behind'
  end
  if h[4] == '1' or h[5] == '1' then return 'held' end
  if once and h[13] then return 'done:' .. h[3] end
  if tonumber(h[3]) > now + 60000 then
    -- a cursor from a clock that ran ahead would silence the job until that clock's time came
    call('HSET', job, 'cur', now_text)
    return 'cursor:' .. now_text
  end
  if h[3] ~= from then return 'cursor:' .. h[3] end
  -- they come in order
  local last = string.match(nominals, '%d+$')
  if last and tonumber(last) > early then return 'early' end
  return nil
end

local function dispatch(uid, gen, rev, from, to, nominals, skips)
  local job = P .. 'job:' .. uid
  local h = call('HMGET', job, 'gen', 'rev', 'cur', 'sus', 'inv', 'q', 'ln', 'pol', 'max', 'ns', 'name', 'sdl', 'once')
  local once = string.sub(to, 1, 1) == 'o'
  local refused = refusal(job, h, gen, rev, from, nominals, once)
  if refused then return refused end
  if once then to = string.sub(to, 2) end
  if skips ~= '' then
    for reason, count, first, last in string.gmatch(skips, '(%a+):(%d+):(%d+):(%d+)') do
      skip(job, reason, count, first, last)
      if once then call('HSET', job, 'once', reason, 'done', now_text) end
    end
  end
  for nominal in string.gmatch(nominals, '%d+') do
    local over = start(uid, h, nominal)
    if once then call('HSET', job, 'once', over or (uid .. '-s' .. nominal)) end
    if once and over then call('HSET', job, 'done', now_text) end
  end
  if h.last then call('HSET', job, 'cur', to, 'ls', h.last) else call('HSET', job, 'cur', to) end
  dirty[#dirty + 1] = call('HINCRBY', job, 'seq', 1)
  dirty[#dirty + 1] = uid
  return 'ok'
end

local function write(key, pairs_of)
  for first = 1, #pairs_of, 1000 do
    call('ZADD', key, unpack(pairs_of, first, math.min(first + 999, #pairs_of)))
  end
end

local answers = {}
for i = 4, #ARGV, 7 do
  answers[#answers + 1] = dispatch(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5], ARGV[i + 6])
end
for id in pairs(started) do
  unfinished[#unfinished + 1] = recheck_at
  unfinished[#unfinished + 1] = id
end
write(P .. 'unfinished', unfinished)
write(P .. 'dirty', dirty)
wake()
return answers
