#!lua
-- Dispatches what is due. ARGV[2] the epoch, ARGV[3] the tolerance for early instants in ms, then for every job seven
-- values: uid, generation, revision, cursor planned from, cursor to set, "nominal,nominal…" and
-- "reason:count:first:last;…". Answers one string for each job: ok | early | held | gone | stale:<gen> | behind |
-- cursor:<ms>, or the single string 'epoch' when the store was lost since.
if call('GET', P .. 'epoch') ~= ARGV[2] then return { 'epoch' } end
local early = now + tonumber(ARGV[3])
local lengths = {}

local function skip(job, reason, count, first, last)
  call('HINCRBY', job, 'n:skipped', count)
  count_skip(job, reason, count, first, last)
end

-- Asks every active run of the job to end; true when one of them still runs.
local function replace(uid)
  local running = false
  for _, id in ipairs(call('ZRANGE', P .. 'waiting:' .. uid, 0, -1)) do
    local r = load_run(id)
    call('ZREM', P .. 'waiting:' .. uid, id)
    if r then settle(id, r, 'skipped', 'overlap') end
  end
  for _, id in ipairs(call('ZRANGE', P .. 'active:' .. uid, 0, -1)) do
    local r = load_run(id)
    if not r then
      call('ZREM', P .. 'active:' .. uid, id)
    elseif r.st == 'running' then
      call('HSET', P .. 'run:' .. id, 'cx', 'replaced')
      running = true
    else
      settle(id, r, 'cancelled', 'replaced')
    end
  end
  return running
end

local function admit(uid, policy, backlog, stream)
  local active = P .. 'active:' .. uid
  if policy == 'Forbid' and call('ZCARD', active) > 0 then return 'Overlap' end
  if policy ~= 'Replace' and call('ZCOUNT', active, '-inf', 0) >= backlog then return 'Backlog' end
  lengths[stream] = lengths[stream] or call('XLEN', stream)
  if lengths[stream] >= LANE_LIMIT then return 'Backlog' end
  return nil
end

-- Starts a run, if it may. Answers why there will be none, or its id where it is over already.
local function start(uid, h, nominal)
  local id = uid .. '-s' .. nominal
  if call('EXISTS', P .. 'run:' .. id) == 1 then return call('HEXISTS', P .. 'run:' .. id, 'fin') == 1 and id or nil end
  local job, queue, priority, policy = P .. 'job:' .. uid, h[6], h[7], h[8]
  local stream = lane(queue, priority)
  local refused = admit(uid, policy, tonumber(h[9]), stream)
  if refused then
    skip(job, refused, 1, nominal, nominal)
    return refused
  end
  local waits = policy == 'Replace' and call('ZCARD', P .. 'active:' .. uid) > 0 and replace(uid)
  local r = { uid = uid, ns = h[10], nm = h[11], nom = nominal, gen = h[1], q = queue, ln = priority }
  local key = P .. 'run:' .. id
  call('HSET', key, 'st', 'queued', 'uid', uid, 'ns', r.ns, 'nm', r.nm, 'nom', nominal, 'gen', r.gen, 'q', queue,
    'ln', priority, 'att', 0, 'at', num(now))
  local deadline = tonumber(h[12])
  if deadline >= 0 then call('HSET', key, 'dl', num(nominal + deadline)) end
  call('ZADD', P .. 'active:' .. uid, '-' .. nominal, id)
  if waits then
    call('ZADD', P .. 'waiting:' .. uid, nominal, id)
    call('ZADD', P .. 'unfinished', num(now + RECHECK), id)
  else
    enqueue(id, r)
    lengths[stream] = lengths[stream] + 1
  end
  call('HSET', job, 'ls', nominal)
end

local function dispatch(uid, gen, rev, from, to, nominals, skips)
  local job = P .. 'job:' .. uid
  local h = call('HMGET', job, 'gen', 'rev', 'cur', 'sus', 'inv', 'q', 'ln', 'pol', 'max', 'ns', 'name', 'sdl', 'once')
  if not h[1] then return 'gone' end
  if h[1] ~= gen or h[2] ~= rev then
    local newer = tonumber(h[1]) > tonumber(gen) or (h[1] == gen and h[2] > rev)
    return newer and 'stale:' .. h[1] or 'behind'
  end
  if h[4] == '1' or h[5] == '1' then return 'held' end
  if tonumber(h[3]) > now + 60000 then
    -- a cursor from a clock that ran ahead would silence the job until that clock's time came
    call('HSET', job, 'cur', num(now))
    return 'cursor:' .. num(now)
  end
  if h[3] ~= from then return 'cursor:' .. h[3] end
  for nominal in string.gmatch(nominals, '%d+') do
    if tonumber(nominal) > early then return 'early' end
  end
  local once = string.sub(to, 1, 1) == 'o'
  if once and h[13] then return 'held' end
  if once then to = string.sub(to, 2) end
  for reason, count, first, last in string.gmatch(skips, '(%a+):(%d+):(%d+):(%d+)') do
    skip(job, reason, count, first, last)
    if once then call('HSET', job, 'once', reason, 'done', num(now)) end
  end
  for nominal in string.gmatch(nominals, '%d+') do
    if once then call('HSET', job, 'once', uid .. '-s' .. nominal) end
    local over = start(uid, h, nominal)
    if once and over then call('HSET', job, 'once', over, 'done', num(now)) end
  end
  call('HSET', job, 'cur', to)
  touch(uid)
  return 'ok'
end

local answers = {}
for i = 4, #ARGV, 7 do
  answers[#answers + 1] = dispatch(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5], ARGV[i + 6])
end
wake()
return answers
