#!lua
-- needs: admission
-- Dispatches what is due. ARGV[2] the epoch, ARGV[3] the tolerance for early instants in ms, then for every job seven
-- values: uid, generation, revision, cursor planned from, cursor to set, "nominal,nominal+delay…" and
-- "reason:count:first:last;…". Answers one string for each job: ok | early | held | gone | stale:<gen> | behind |
-- cursor:<ms> | done:<cursor> (the only dispatch of a one-time job was made before) | ended (by endAfter), or the single
-- string 'epoch' when the store was lost since.
if call('GET', P .. 'epoch') ~= ARGV[2] then return { 'epoch' } end
-- what the first dispatch after a jump catches up must be known to be caught up
watch_clock()
local early = now + tonumber(ARGV[3])
local DAY = 86400000

local LATE = 5000

local function skip(uid, reason, count, first, last)
  local job = P .. 'job:' .. uid
  call('HINCRBY', job, 'n:skipped', count)
  count_skip(job, reason, count, first, last)
  tell_skipped(uid .. '-s' .. first, uid, reason, count, first, last)
end

-- Pauses of namespaces ('' before it is read) and of all: [since, until) by namespace.
local scopes
local function scope_pauses(namespace)
  if not scopes then
    scopes = {}
    local rows = call('HGETALL', P .. 'scopes')
    for i = 1, #rows, 2 do
      local scope = string.match(rows[i], '/(.*)$')
      local since, till = string.match(rows[i + 1], '^(%d+)|(%d*)|')
      scopes[scope] = scopes[scope] or {}
      table.insert(scopes[scope], { tonumber(since), tonumber(till) or math.huge })
    end
  end
  return scopes['*'], scopes[namespace]
end

local function within(pauses, at)
  for _, pause in ipairs(pauses or {}) do
    if at >= pause[1] and at < pause[2] then return true end
  end
  return false
end

-- Whether an instant lies in a pause of its job, its namespace, or all.
local function paused(h, at)
  if h[21] and at >= tonumber(h[21]) and (h[22] == '' or at < tonumber(h[22])) then return true end
  local all, own = scope_pauses(h[10])
  return within(all, at) or within(own, at)
end

-- When the clock last jumped forward.
local jumped
local function last_jump()
  jumped = jumped or tonumber(call('GET', P .. 'jump') or '0')
  return jumped
end

-- Whether an instant had its run before the clock went back.
local function ran(id, h, at)
  if not h[24] then return false end
  return (at <= tonumber(h[24]) and at > tonumber(h[25])) or call('EXISTS', P .. 'claim:' .. id) == 1
end

-- Why an instant makes no run though its job fires. With a jitter it comes due later than it is; what is late starts
-- in no pause either.
local function excuse(uid, h, nominal, delay)
  local all, own = scope_pauses(h[10])
  if not (h.odd or all or own) then return nil end
  local at = tonumber(nominal)
  if paused(h, at) or (delay > 0 and paused(h, at + delay)) or paused(h, now) then return 'Paused' end
  if h[23] and string.find(',' .. h[23] .. ',', ',' .. nominal .. ',', 1, true) then
    local left = string.gsub(',' .. h[23] .. ',', ',' .. nominal .. ',', ',', 1)
    left = string.match(left, '^,(.*),$') or ''
    if left == '' then call('HDEL', P .. 'job:' .. uid, 'sx') else call('HSET', P .. 'job:' .. uid, 'sx', left) end
    h[23] = left
    return 'Requested'
  end
  return nil
end

-- Starts a scheduled run, if it may. Answers why there will be none, or its id where it is over already.
local function fire(uid, h, nominal, delay)
  local id = uid .. '-s' .. nominal
  local key = P .. 'run:' .. id
  if call('EXISTS', key) == 1 then return call('HEXISTS', key, 'fin') == 1 and id or nil end
  if ran(id, h, tonumber(nominal)) then return id end
  local refused = excuse(uid, h, nominal, delay) or start(uid, h, id, nominal, nominal + delay)
  if refused then
    skip(uid, refused, 1, nominal, nominal)
    return refused
  end
  h.last = nominal
  if now - nominal - delay >= LATE then tell('late', id) end
  -- caught up after a jump: if the clock goes back again, its instant comes once more, perhaps after its record went
  local jump = last_jump()
  if tonumber(nominal) <= jump and jump <= now then call('SET', P .. 'claim:' .. id, 'started', 'PX', DAY) end
end

-- A cursor from a clock that ran ahead would silence the job until that clock's time came; what it passed over since the
-- clock jumped had its runs.
local function set_back(uid, job, h)
  local from, to = math.max(last_jump(), now), tonumber(h[3])
  if h[24] then
    -- once more: of what ran, one stretch is remembered
    if to <= from then from = now end
    from, to = math.min(from, tonumber(h[25])), math.max(to, tonumber(h[24]))
  end
  call('HSET', job, 'cur', now_text, 'ran', num(to), 'ranf', num(from), 'odd', 1)
  mark(uid)
  return 'cursor:' .. now_text
end

-- What keeps a job from being dispatched by this caller, or nil.
local function refusal(uid, job, h, gen, rev, from, due, once)
  if not h[1] then return 'gone' end
  if h[1] ~= gen or h[2] ~= rev then
    local newer = tonumber(h[1]) > tonumber(gen) or (h[1] == gen and h[2] > rev)
    return newer and 'stale:' .. h[1] or 'behind'
  end
  if h[4] == '1' or h[5] == '1' then return 'held' end
  if once and h[13] then return 'done:' .. h[3] end
  if tonumber(h[3]) > now + 60000 then return set_back(uid, job, h) end
  if h[3] ~= from then return 'cursor:' .. h[3] end
  -- they come in order
  local last, delay = string.match(due, '(%d+)%+?(%d*)$')
  if last and tonumber(last) + (tonumber(delay) or 0) > early then return 'early' end
  return nil
end

local function dispatch(uid, gen, rev, from, to, due, skips)
  local job = P .. 'job:' .. uid
  local h = load_job(job)
  local once = string.sub(to, 1, 1) == 'o'
  local refused = refusal(uid, job, h, gen, rev, from, due, once)
  if refused then return refused end
  local was = h[18]
  if ended(uid, h) then
    if not was then mark(uid) end
    return 'ended'
  end
  if once then to = string.sub(to, 2) end
  if skips ~= '' then
    for reason, count, first, last in string.gmatch(skips, '(%a+):(%d+):(%d+):(%d+)') do
      skip(uid, reason, count, first, last)
      if once then call('HSET', job, 'once', reason, 'done', now_text) end
    end
  end
  for nominal, delay in string.gmatch(due, '(%d+)%+?(%d*)') do
    if ended(uid, h) then break end
    local over = fire(uid, h, nominal, tonumber(delay) or 0)
    if once then call('HSET', job, 'once', over or (uid .. '-s' .. nominal)) end
    if once and over then call('HSET', job, 'done', now_text) end
  end
  ended(uid, h)
  if h[24] and tonumber(to) >= tonumber(h[24]) then call('HDEL', job, 'ran', 'ranf') end
  if h.last and not h.odd then
    -- nothing else has touched the job meanwhile: one write for all
    local seq = num((h.seq or 0) + 1)
    call('HSET', job, 'cur', to, 'ls', h.last, 'seq', seq)
    dirty[#dirty + 1] = seq
    dirty[#dirty + 1] = uid
    return 'ok'
  end
  if h.last then call('HSET', job, 'cur', to, 'ls', h.last) else call('HSET', job, 'cur', to) end
  mark(uid)
  return 'ok'
end

local answers = {}
for i = 4, #ARGV, 7 do
  answers[#answers + 1] = dispatch(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5], ARGV[i + 6])
end
flush()
return answers
