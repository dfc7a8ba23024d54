#!lua
-- needs: admission
-- Starts runs that somebody asked for. ARGV[2] the epoch, ARGV[3] JSON array of requests: uid, run, nominal, gen (null: the
-- one in force), payload (JSON text or null), of (the run that is done again, or null), by, trace, value (of the annotation
-- run-now, or null), backfill (or null). Answers for each {word, detail}:
-- started | known (asked for before; the first answer is the detail) | gone | held | moved (another generation is in
-- force, its number is the detail) | busy (what is to be done again is not over) | lost (it has no record) |
-- skipped (the detail is the reason); or {'epoch'} alone when the store was lost since.
local CLAIMED = 604800000

local function field(value)
  if value == nil or value == cjson.null then return nil end
  return value
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
  for name, value in pairs({ pl = field(q.payload), of = field(q.of), by = field(q.by), tr = field(q.trace), bf = field(q.backfill) }) do
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
  local claim = P .. 'claim:' .. q.run
  local known = call('GET', claim)
  if known then return { 'known', known } end
  local job = P .. 'job:' .. q.uid
  -- a store that was lost has no claims, but the statuses told the last value
  if field(q.value) and call('HGET', job, 'rn') == q.value then return { 'known', 'started' } end
  local h = call('HMGET', job, unpack(JOB))
  local word, detail = refusal(q, h)
  if word then return { word, detail } end
  local reason = start(q.uid, h, q.run, num(q.nominal), '', extras(q))
  local answer = reason and 'skipped:' .. reason or 'started'
  local patient = field(q.backfill) ~= nil
  -- a backfill asks again until there is room
  if not (reason and patient) then call('SET', claim, answer, 'PX', CLAIMED) end
  if field(q.value) then call('HSET', job, 'rn', q.value) end
  if reason and not patient then
    call('HINCRBY', job, 'n:skipped', 1)
    count_skip(job, reason, 1, num(q.nominal), num(q.nominal))
  end
  if not (reason and patient) then mark(q.uid) end
  return { reason and 'skipped' or 'started', reason or '' }
end

if call('GET', P .. 'epoch') ~= ARGV[2] then return { { 'epoch', '' } } end
local answers = {}
for i, q in ipairs(cjson.decode(ARGV[3])) do answers[i] = request(q) end
flush()
return answers
