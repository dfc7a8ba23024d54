#!lua flags=allow-oom
-- needs: waiting
-- needs: erasing
-- Forgets deleted jobs: queued runs end, running ones may finish, everything left gets a time to live.
-- ARGV: group, the instant before which a job must have been adopted ('' = any), then uids. Answers how many.
local before = tonumber(ARGV[2])
local forgotten = 0
local DROPPED = 1000

-- What waits for a handler goes with it; of very much the rest later.
local function forget_handler(uid)
  call('ZREM', P .. 'roll', uid)
  drop_waiting(uid, DROPPED)
  if call('ZCARD', P .. 'eitems:' .. uid) > 0 then return want_tending(uid, 0) end
  call('DEL', P .. 'eopen:' .. uid, P .. 'eline:' .. uid)
  call('ZREM', P .. 'etend', uid)
end

-- The history is listed as long as there is one; of very many deleted jobs the one that ends first is let go.
local function keep_past(uid, namespace, name, born, age)
  local member, runs = namespace .. ' ' .. name .. ' ' .. uid, call('EXISTS', P .. 'active:' .. uid)
  if runs + call('EXISTS', P .. 'good:' .. uid, P .. 'bad:' .. uid) == 0 then
    return call('ZREM', P .. 'byname', member)
  end
  local span = runs == 1 and math.max(age, ORPHAN_TTL) or age
  call('HSET', P .. 'past:' .. uid, 'ns', namespace, 'nm', name, 'born', born)
  call('PEXPIRE', P .. 'past:' .. uid, num(span))
  call('ZADD', P .. 'gone', num(now + span), member)
  if call('ZCARD', P .. 'gone') > PAST_LIMIT then erase(call('ZRANGE', P .. 'gone', 0, 0)[1], DROPPED) end
end

local function forget(uid)
  local adopted = call('ZSCORE', P .. 'jobs', uid)
  if not adopted or (before and tonumber(adopted) >= before) then return end
  local job = P .. 'job:' .. uid
  local known = call('HMGET', job, 'hage', 'ns', 'name', 'born')
  local age = tonumber(known[1]) or ORPHAN_TTL
  if string.sub(uid, 1, 3) == 'eh.' then forget_handler(uid) end
  -- another job may have the name by now
  local name = (known[2] or '') .. '/' .. (known[3] or '')
  if call('HGET', P .. 'names', name) == uid then call('HDEL', P .. 'names', name) end
  call('DEL', P .. 'waiting:' .. uid)
  for _, id in ipairs(call('ZRANGE', P .. 'active:' .. uid, 0, -1)) do
    local r = load_run(id)
    if r and r.st ~= 'running' then settle(id, r, 'cancelled', 'deleted') end
    if r and r.st == 'running' then call('PEXPIRE', P .. 'run:' .. id, ORPHAN_TTL) end
  end
  call('DEL', job)
  -- what still runs: the job may come back
  call('PEXPIRE', P .. 'active:' .. uid, ORPHAN_TTL)
  for _, id in ipairs(call('ZRANGE', P .. 'bfs:' .. uid, 0, -1)) do
    if call('HGET', P .. 'backfill:' .. id, 'st') == 'running' then end_backfill(id, 'cancelled') end
  end
  call('PEXPIRE', P .. 'bfs:' .. uid, CLAIMED)
  call('ZREM', P .. 'unfinished', '@' .. uid)
  call('PEXPIRE', P .. 'work:' .. uid, RECHECK)
  call('PEXPIRE', P .. 'good:' .. uid, num(age))
  call('PEXPIRE', P .. 'bad:' .. uid, num(age))
  for _, state in ipairs(BAD) do call('PEXPIRE', P .. 'bad:' .. uid .. ':' .. state, num(age)) end
  call('ZREM', P .. 'jobs', uid)
  call('ZREM', P .. 'dirty', uid)
  keep_past(uid, known[2] or '', known[3] or '', known[4] or '0', age)
  call('SET', P .. 'tomb:' .. uid, num(now), 'PX', 86400000)
  forgotten = forgotten + 1
end

for i = 3, #ARGV do forget(ARGV[i]) end
-- slots of groups went to others
wake()
return forgotten
