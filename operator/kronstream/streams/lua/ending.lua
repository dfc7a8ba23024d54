-- Ends of runs: history, counters, and what follows from them.
-- Keeps a list of a job's finished runs within its bounds.
local function trim(key, limit, age)
  local over = call('ZCARD', key) - limit
  if over > 0 then
    for _, old in ipairs(call('ZRANGE', key, 0, over - 1)) do call('DEL', P .. 'run:' .. old) end
    call('ZREMRANGEBYRANK', key, 0, over - 1)
  end
  call('ZREMRANGEBYSCORE', key, '-inf', num(now - age))
  call('PEXPIRE', key, num(age))
end

local function remember(uid, id, good, limit, age)
  local key = P .. (good and 'good:' or 'bad:') .. uid
  call('ZADD', key, num(now), id)
  trim(key, limit, age)
  call('PEXPIRE', P .. 'run:' .. id, num(age))
end

-- Counts instants that make no run; `n:skipped` is the caller's.
local function count_skip(job, reason, count, first, last)
  call('HINCRBY', P .. 'counts', 'skipped|' .. reason, count)
  call('HINCRBY', job, 'sk:' .. reason, count)
  call('HSET', job, 'skr', reason, 'skn', count, 'ska', first, 'skb', last)
end

local SKIPS = { deadline = 'Deadline', overlap = 'Overlap' }

-- From when a new pause counts: one that is open, or whose instants nobody has looked at yet, becomes part of it.
local function paused_since(since, till, cursor)
  if since and (till == '' or tonumber(till) > now or tonumber(till) > tonumber(cursor)) then return since end
  return num(now)
end

-- A job that failed so often in a row that it is to be paused.
local function give_up(job, failures, limit, since, till, cursor)
  if not limit or limit == '' or failures < tonumber(limit) or (since and till == '') then return end
  call('HSET', job, 'psn', paused_since(since, till, cursor), 'pun', '', 'pby', 'kronstream', 'odd', 1,
    'prs', failures .. ' runs in a row failed', 'pau', 1)
end

-- Whether a job has had as many runs, or successes, as it may have ('' or nil = any number).
local function spent(uid, runs, successes)
  runs, successes = tonumber(runs or ''), tonumber(successes or '')
  if not runs and not successes then return false end
  local n = call('HMGET', P .. 'job:' .. uid, 'n:success', 'n:failed', 'n:cancelled', 'n:dead')
  if successes and tonumber(n[1] or 0) >= successes then return true end
  if not runs then return false end
  local total = call('ZCARD', P .. 'active:' .. uid)
  for i = 1, 4 do total = total + tonumber(n[i] or 0) end
  return total >= runs
end

-- A run of a backfill is over: the next one may start, if it only waited for that.
local function tell_backfill(id, backfill, state)
  call('ZREM', P .. 'bfruns:' .. backfill, id)
  if call('EXISTS', P .. 'backfill:' .. backfill) == 1 then
    call('HINCRBY', P .. 'backfill:' .. backfill, state == 'success' and 'ok' or 'bad', 1)
    if call('HDEL', P .. 'backfill:' .. backfill, 'full') == 1 then call('ZADD', P .. 'backfills', 'XX', num(now), backfill) end
  end
end

-- Ends a backfill; what is told of it is kept for a while.
local function end_backfill(id, state)
  local key = P .. 'backfill:' .. id
  call('HSET', key, 'st', state, 'fin', num(now))
  call('ZREM', P .. 'backfills', id)
  call('PEXPIRE', key, CLAIMED)
  call('PEXPIRE', P .. 'bfruns:' .. id, CLAIMED)
end

-- Work elsewhere that nobody looks after any more: whoever started it is to take it back.
local RECALLS = 10000
local function recall(id, r)
  if not r.xt or r.tok then return end
  call('RPUSH', P .. 'recalls', cjson.encode({ run = id, uid = r.uid, generation = tonumber(r.gen), token = r.xt,
    -- one that waits for another worker has its attempt still to be counted
    namespace = r.ns, name = r.nm, attempt = tonumber(r.att) + (r.st == 'queued' and 1 or 0) }))
  call('LTRIM', P .. 'recalls', -RECALLS, -1)
  r.xt = false
end

-- A run takes longer than its job's expectedWithin.
local function mark_slow(id, job)
  call('HSET', P .. 'run:' .. id, 'sl', 1)
  if call('EXISTS', job) == 1 then call('HINCRBY', job, 'n:slow', 1) end
  tell('slow', id)
end

local function kind_of(state) return state == 'success' and 'succeeded' or state end

-- Ends a run: record, entry, indexes, counters, history; then whatever waited for it may go.
-- `duration` and `message` may be nil.
local function settle(id, r, state, why, duration, message)
  withdraw(id, r)
  recall(id, r)
  local key, job = P .. 'run:' .. id, P .. 'job:' .. r.uid
  call('HSET', key, 'st', state, 'fin', num(now))
  if why then call('HSET', key, 'why', why) else call('HDEL', key, 'why') end
  call('HDEL', key, 'cx', 'rv', 'dl', 'xt', 'pk', 'ptk', 'nb', 'kl')
  call('HINCRBY', P .. 'counts', 'ended|' .. state .. '|' .. (why or ''), 1)
  vacate(id, r)
  if r.bf then tell_backfill(id, r.bf, state) end
  local j = call('HMGET', job, 'gen', 'hok', 'hbad', 'hage', 'once', 'sf', 'es', 'psn', 'pun', 'cur', 'er', 'end', 'exp')
  if state == 'dead' then bury_run(id, r, why, message) end
  if j[13] and duration and not r.sl and tonumber(duration) > tonumber(j[13]) then mark_slow(id, job) end
  if not j[1] then
    call('PEXPIRE', key, ORPHAN_TTL)
    tell(kind_of(state), id, message)
    return
  end
  call('HINCRBY', job, 'n:' .. state, 1)
  if state == 'skipped' then
    count_skip(job, SKIPS[why], 1, r.nom, r.nom)
    -- what never started was no run: there may be another one, from now on
    if j[12] and not spent(r.uid, j[11], j[7]) then
      call('HDEL', job, 'end')
      call('HSET', job, 'cur', num(math.max(tonumber(j[10]), now)))
    end
  end
  call('HSET', job, 'lr', id, 'lrst', state, 'lrsta', r.sta or '', 'lrdur', duration or '', 'lrmsg', message or why or '')
  if state == 'success' then
    call('HSET', job, 'lok', num(now), 'cf', 0, 'lokr', id, 'lokn', r.nom, 'lokh', r.has and 1 or '')
    if j[7] and j[7] ~= '' and tonumber(call('HGET', job, 'n:success')) >= tonumber(j[7]) then call('HSET', job, 'end', 1, 'odd', 1) end
  elseif state == 'failed' or state == 'dead' then
    call('HSET', job, 'lbad', num(now))
    give_up(job, call('HINCRBY', job, 'cf', 1), j[6], j[8], j[9], j[10])
  end
  if duration and (state == 'success' or state == 'failed') then
    call('HINCRBY', job, 'dn', 1)
    call('HINCRBY', job, 'dsum', duration)
  end
  if j[5] == id then call('HSET', job, 'done', num(now)) end
  tell(kind_of(state), id, message)
  remember(r.uid, id, state == 'success', tonumber(state == 'success' and j[2] or j[3]) or 10, tonumber(j[4]) or ORPHAN_TTL)
  if r.gen ~= j[1] then drop_works(r.uid, j[1]) end
  release_waiting(r.uid)
  touch(r.uid)
end

-- A run whose own payload was lost with the store cannot be tried again: the job's payload is another.
local function bereft(id, r)
  return r.own and call('HEXISTS', P .. 'run:' .. id, 'pl') == 0
end

-- A started run waits again, with no attempt consumed.
local function lay_down(id, r)
  local key = P .. 'run:' .. id
  leave_gates(id, r)
  call('HSET', key, 'st', 'queued', 'att', math.max(tonumber(r.att) - 1, 0))
  call('HDEL', key, 'tok', 'wk', 'inc')
  call('ZADD', P .. 'active:' .. r.uid, '-' .. r.nom, id)
  touch(r.uid)
end

local ATTEMPTS = 20
local ATTEMPT_MESSAGE = 512

-- The beginning of a text, without half a character at its end.
local function cut(text)
  if #text <= ATTEMPT_MESSAGE then return text end
  return (string.gsub(string.sub(text, 1, ATTEMPT_MESSAGE), '[\192-\255][\128-\191]*$', '')) .. '…'
end

-- What is kept of an attempt that others follow; of very many the last ones.
local function note_attempt(key, r, why)
  local err = call('HGET', key, 'err')
  local told = err and cjson.decode(err) or {}
  local line = cjson.encode({ n = tonumber(r.att), wk = r.wk or '', sta = tonumber(r.sta or ''), fin = now, why = why,
    type = told.type or '', message = cut(told.message or '') })
  local known = call('HGET', key, 'atts')
  if known then
    local lines = {}
    for one in string.gmatch(known, '[^\n]+') do lines[#lines + 1] = one end
    lines[#lines + 1] = line
    line = table.concat(lines, '\n', math.max(1, #lines - ATTEMPTS + 1))
  end
  call('HSET', key, 'atts', line)
end

-- A failed attempt: the run waits for the next one.
local function postpone(id, r, why, wait, message)
  local key = P .. 'run:' .. id
  note_attempt(key, r, why)
  if r.sta and not r.fs then call('HSET', key, 'fs', r.sta) end
  recall(id, r)
  leave_gates(id, r)
  withdraw(id, r)
  call('HSET', key, 'st', 'retrying', 'why', why)
  call('HDEL', key, 'dlv', 'xt', 'pk', 'ptk', 'pg', 'nb')
  call('ZADD', P .. 'unfinished', num(now + tonumber(wait)), id)
  tell('retrying', id, message)
  touch(r.uid)
end

-- Whether a further attempt after a wait lies within the time that all attempts may take.
local function in_time(r, wait)
  local total = call('HGET', P .. 'job:' .. r.uid, 'tot')
  return not total or not r.sta or now + tonumber(wait) < tonumber(r.fs or r.sta) + tonumber(total)
end

-- Notes that a run ended the process that executed it; true when it did so as often as it may.
local function too_deadly(id, r)
  local most = call('HGET', P .. 'job:' .. r.uid, 'mdl') or '3'
  return call('HINCRBY', P .. 'run:' .. id, 'ki', 1) >= tonumber(most)
end

-- The end of an attempt whose token was found to be current: the end of its run, or the wait for the next attempt.
-- `why`, `retry_in`, `result`, `err`, `out` may be ''.
local function conclude(id, r, state, why, retry_in, duration, result, err, out, message, killed)
  local key = P .. 'run:' .. id
  call('HDEL', key, 'res', 'err', 'out')
  call('HSET', key, 'dur', duration)
  r.has = result ~= ''
  if r.has then call('HSET', key, 'res', result) end
  if err ~= '' then call('HSET', key, 'err', err) end
  if out ~= '' then call('HSET', key, 'out', out) end
  if r.cx and state ~= 'success' then
    settle(id, r, 'cancelled', r.cx, duration)
  elseif killed and too_deadly(id, r) then
    settle(id, r, 'dead', 'too_many_deliveries', duration, message)
  elseif retry_in ~= '' and call('EXISTS', P .. 'job:' .. r.uid) == 1 and not bereft(id, r) and in_time(r, retry_in) then
    postpone(id, r, why, retry_in, message)
  else
    if state == 'retrying' then state = 'failed' end
    settle(id, r, state, why ~= '' and why or nil, duration, message)
  end
end

-- Whether a job's retry policy lets a failure of this code be tried again.
local function covered(names, code)
  for _, name in ipairs(type(names) == 'table' and names or {}) do
    if name == code or (string.sub(name, -1) == '*' and string.sub(code, 1, #name - 1) == string.sub(name, 1, -2)) then
      return true
    end
  end
  return false
end

local function tries_again(retry, code)
  if covered(retry.not_on, code) then return false end
  return type(retry.only_on) ~= 'table' or #retry.only_on == 0 or covered(retry.only_on, code)
end

-- An attempt that nobody ended: tried again by the job's policy, or the end of the run.
local function lose(id, r, why, message)
  -- whoever held the run may not speak for it any more
  call('HDEL', P .. 'run:' .. id, 'tok')
  r.tok = false
  if r.cx then return settle(id, r, 'cancelled', r.cx) end
  local text = call('HGET', P .. 'work:' .. r.uid, r.gen)
  local work = text and cjson.decode(text)
  call('HSET', P .. 'run:' .. id, 'err', cjson.encode({ type = why, message = message, traceback = '' }))
  if not work or not call('HGET', P .. 'job:' .. r.uid, 'gen') or tonumber(r.att) > work.retry.limit or bereft(id, r)
    or not tries_again(work.retry, why) then
    return settle(id, r, 'failed', why, nil, message)
  end
  local wait = math.floor(math.min(work.retry.initial * work.retry.factor ^ math.min(tonumber(r.att) - 1, 64), work.retry.maximum))
  if not in_time(r, wait) then return settle(id, r, 'failed', why, nil, message) end
  postpone(id, r, why, wait, message)
  call('HDEL', P .. 'run:' .. id, 'wk', 'inc')
end
