-- Successes that nothing else hangs on, ended together: what `settle` does to one run, in one command for all runs of a
-- job, or of all jobs, wherever Redis takes several members. Whoever begins anything else calls `flush_plain` first.
local PLAIN_LIMIT = 500
local PLAIN_FIELDS = { 'st', 'uid', 'nom', 'gen', 'q', 'ln', 'att', 'eid', 'tok', 'cx', 'rv', 'sta', 'dl', 'grp', 'bf', 'xt', 'pk',
  'gt', 'nb', 'kl', 'sl' }
local plain = { jobs = {}, order = {}, runs = {}, entries = {} }

-- A job whose runs may be ended together, as it stands until the flush; false for one whose end hangs on successes.
local function plain_job(uid)
  local j = plain.jobs[uid]
  if j == nil then
    local f = call('HMGET', P .. 'job:' .. uid, 'gen', 'hok', 'hage', 'once', 'es', 'n:success', 'dn', 'dsum', 'seq', 'exp')
    j = f[1] and (not f[5] or f[5] == '') and { gen = f[1], keep = f[2], age = tonumber(f[3]) or ORPHAN_TTL, once = f[4],
      good = tonumber(f[6] or 0), timed = tonumber(f[7] or 0), sum = tonumber(f[8] or 0), seq = tonumber(f[9] or 0),
      expected = tonumber(f[10]) or math.huge }
    plain.jobs[uid] = j or false
  end
  return j
end

local function flush_job(uid, j)
  local good, waiting, count = P .. 'good:' .. uid, P .. 'waiting:' .. uid, #j.runs
  call('ZREM', P .. 'active:' .. uid, unpack(j.runs))
  call('HSET', P .. 'job:' .. uid, 'n:success', num(j.good + count), 'dn', num(j.timed + count), 'dsum', num(j.sum),
    'seq', num(j.seq + count), unpack(j.last))
  call('ZADD', good, unpack(j.scored))
  trim(good, tonumber(j.keep) or 10, j.age)
  if call('EXISTS', waiting) == 1 then
    call('ZREM', waiting, unpack(j.runs))
    release_waiting(uid)
  end
end

local function flush_plain()
  local known = plain
  plain = { jobs = {}, order = {}, runs = {}, entries = {} }
  if #known.runs == 0 then return end
  for stream, eids in pairs(known.entries) do
    redis.pcall('XACK', stream, group, unpack(eids))
    call('XDEL', stream, unpack(eids))
  end
  call('ZREM', P .. 'unfinished', unpack(known.runs))
  call('HINCRBY', P .. 'counts', 'ended|success|', #known.runs)
  local marks = {}
  for _, uid in ipairs(known.order) do
    local j = known.jobs[uid]
    flush_job(uid, j)
    marks[#marks + 1], marks[#marks + 2] = num(j.seq + #j.runs), uid
  end
  call('ZADD', P .. 'dirty', unpack(marks))
end

-- Ends a running run whose token was found to be current, if it is as plain as that. Answers whether it was.
local function succeed(id, r, duration, result, out)
  if r.grp or r.bf or r.rv or r.xt or r.pk or r.gt or r.nb or r.kl or r.sl then return false end
  local j = plain_job(r.uid)
  if not j or j.gen ~= r.gen or j.once == id or tonumber(duration) > j.expected then return false end
  local key = P .. 'run:' .. id
  if r.att ~= '1' or r.cx or r.dl then
    call('HDEL', key, 'eid', 'res', 'err', 'out', 'why', 'cx', 'dl', 'ptk')
  elseif r.eid then
    call('HDEL', key, 'eid')
  end
  local set = { 'st', 'success', 'fin', stamp, 'dur', duration }
  if result ~= '' then set[7], set[8] = 'res', result end
  if out ~= '' then set[#set + 1], set[#set + 2] = 'out', out end
  call('HSET', key, unpack(set))
  call('PEXPIRE', key, num(j.age))
  tell('succeeded', id)
  if not j.runs then
    j.runs, j.scored = {}, {}
    plain.order[#plain.order + 1] = r.uid
  end
  local stream = r.eid and lane(r.q, r.ln)
  if stream then
    local eids = plain.entries[stream] or {}
    eids[#eids + 1] = r.eid
    plain.entries[stream] = eids
  end
  plain.runs[#plain.runs + 1] = id
  j.runs[#j.runs + 1] = id
  j.scored[#j.scored + 1], j.scored[#j.scored + 2] = stamp, id
  j.sum = j.sum + tonumber(duration)
  j.last = { 'lr', id, 'lrst', 'success', 'lrsta', r.sta or '', 'lrdur', duration, 'lrmsg', '', 'lok', stamp, 'cf', 0,
    'lokr', id, 'lokn', r.nom, 'lokh', result ~= '' and 1 or '' }
  if #plain.runs >= PLAIN_LIMIT then flush_plain() end
  return true
end
