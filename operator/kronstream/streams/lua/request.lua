#!lua
-- needs: admission
-- Starts runs that somebody asked for. ARGV[2] the epoch, ARGV[3] JSON array of requests: uid, run, nominal, gen (null: the
-- one in force), payload (JSON text or null), keys (gates as JSON text, or null: those of the job), of (the run that is done again, or null), by, trace, value (of the annotation
-- run-now, or null). Answers for each {word, detail}:
-- started | known (asked for before; the first answer is the detail) | gone | held | moved (another generation is in
-- force, its number is the detail) | busy (what is to be done again is not over) | lost (it has no record) |
-- skipped (the detail is the reason); or {'epoch'} alone when the store was lost since.
local function field(value)
  if value == nil or value == cjson.null then return nil end
  return value
end

-- The first answer to a request, if there was one.
local function answered(q)
  local answer = call('GET', P .. 'claim:' .. q.run)
  if answer then return answer end
  -- claims are lost with the store; its job's status still told the value, or a worker the run
  local value = field(q.value)
  if value and call('HGET', P .. 'job:' .. q.uid, 'rn') == value then return 'started' end
  return call('EXISTS', P .. 'run:' .. q.run) == 1 and 'started' or nil
end

local function refusal(q, h)
  if not h[1] then return 'gone', '' end
  local gen, of = field(q.gen), field(q.of)
  if gen and num(gen) ~= h[1] then return 'moved', h[1] end
  if h[5] == '1' then return 'held', '' end
  if not of then return nil end
  local st = call('HMGET', P .. 'run:' .. of, 'st', 'fin')
  if not st[1] then return 'lost', '' end
  if not st[2] then return 'busy', st[1] end
  return nil
end

local function extras(q)
  local extra = {}
  for name, value in pairs({ pl = field(q.payload), of = field(q.of), by = field(q.by), tr = field(q.trace),
    kl = field(q.keys) }) do
    extra[#extra + 1] = name
    extra[#extra + 1] = value
  end
  if field(q.payload) then
    extra[#extra + 1] = 'own'
    extra[#extra + 1] = 1
  end
  return #extra > 0 and extra or nil
end

local function request(q)
  local job = P .. 'job:' .. q.uid
  local before = answered(q)
  if before then
    -- an older value that came back is the one that the status has to tell: the claim may be lost
    if field(q.value) and call('EXISTS', job) == 1 and call('HGET', job, 'rn') ~= q.value then
      call('HSET', job, 'rn', q.value)
      mark(q.uid)
    end
    return { 'known', before }
  end
  local h = load_job(job)
  local word, detail = refusal(q, h)
  if word then return { word, detail } end
  local nominal = num(q.nominal)
  local reason = start(q.uid, h, q.run, nominal, '', extras(q))
  call('SET', P .. 'claim:' .. q.run, reason and 'skipped:' .. reason or 'started', 'PX', CLAIMED)
  if field(q.value) then call('HSET', job, 'rn', q.value) end
  if reason then
    call('HINCRBY', job, 'n:skipped', 1)
    count_skip(job, reason, 1, nominal, nominal)
  end
  mark(q.uid)
  return { reason and 'skipped' or 'started', reason or '' }
end

if call('GET', P .. 'epoch') ~= ARGV[2] then return { { 'epoch', '' } } end
local answers = {}
for i, q in ipairs(cjson.decode(ARGV[3])) do answers[i] = request(q) end
flush()
return answers
