-- Runs that somebody asks for, by an identity of their own. A request has uid, run, nominal, and perhaps gen, payload,
-- keys, of, by, trace, value, depth (see `request.lua`).
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
  for name, value in pairs({ pl = field(q.payload), of = field(q.of), by = field(q.by), tr = field(q.trace),
    kl = field(q.keys), dp = field(q.depth) }) do
    extra[#extra + 1] = name
    extra[#extra + 1] = value
  end
  if field(q.payload) then
    extra[#extra + 1] = 'own'
    extra[#extra + 1] = 1
  end
  return #extra > 0 and extra or nil
end

-- Starts a run that was not asked for before. Answers a word and its detail.
local function begin(q)
  local job = P .. 'job:' .. q.uid
  local h = load_job(job)
  local word, detail = refusal(q, h)
  if word then return word, detail end
  local nominal = num(q.nominal)
  local reason = start(q.uid, h, q.run, nominal, '', extras(q))
  call('SET', P .. 'claim:' .. q.run, reason and 'skipped:' .. reason or 'started', 'PX', CLAIMED)
  if field(q.value) then call('HSET', job, 'rn', q.value) end
  if reason then
    call('HINCRBY', job, 'n:skipped', 1)
    count_skip(job, reason, 1, nominal, nominal)
    tell_skipped(q.run, q.uid, reason, 1, nominal, nominal, field(q.depth))
  end
  mark(q.uid)
  return reason and 'skipped' or 'started', reason or ''
end
