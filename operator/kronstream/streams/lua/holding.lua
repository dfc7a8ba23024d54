-- Runs of which the store knows less than the worker that holds them.

-- A run that its worker turns out to hold has its slots, whatever stands in line.
local function seize(id, r)
  call('ZADD', P .. 'active:' .. r.uid, num(now), id)
  -- it may have stood before others for whom there is room
  if r.grp then
    call('ZADD', P .. 'group:' .. r.grp, num(now), id)
    if call('ZREM', P .. 'gwait:' .. r.grp, id) == 1 then release_group(r.grp) end
  end
  if call('ZREM', P .. 'waiting:' .. r.uid, id) == 1 then release_waiting(r.uid) end
end

-- Whether the store knew a run before: a scheduled one lies behind the cursor, another has its claim.
local function claimed(id, nominal, cursor)
  if string.find(id, '-s%d+$') then return tonumber(nominal) <= tonumber(cursor) end
  return call('EXISTS', P .. 'claim:' .. id) == 1
end

-- A run without a record: writes one for the worker that holds it, if the record was lost with the store. A record
-- that only left the history tells nothing new: its token was given by the job as it still is, which knew the run.
-- Answers the run, or nil.
local function revive(id, uid, gen, nominal, token)
  local j = call('HMGET', P .. 'job:' .. uid, 'ns', 'name', 'q', 'ln', 'born', 'cur', 'gen', 'grp', 'gmx')
  if not j[1] then return nil end
  if string.match(token, '[^:]*$') == j[5] and claimed(id, nominal, j[6]) then return nil end
  -- a generation that went with the store cannot be tried again: the next attempt is the present one's
  if call('HEXISTS', P .. 'work:' .. uid, gen) == 0 then gen = j[7] end
  local key = P .. 'run:' .. id
  call('HSET', key, 'st', 'running', 'uid', uid, 'ns', j[1], 'nm', j[2], 'nom', nominal, 'gen', gen,
    'q', j[3], 'ln', j[4], 'att', 1, 'tok', token, 'at', num(now), 'sta', num(now))
  -- a payload of its own went with the record
  if string.find(token, 'p:[^:]*$') then call('HSET', key, 'own', 1) end
  if j[8] and j[8] ~= '' then call('HSET', key, 'grp', j[8], 'gmx', j[9]) end
  if not string.find(id, '-s%d+$') then call('SET', P .. 'claim:' .. id, 'started', 'PX', CLAIMED) end
  local r = load_run(id)
  seize(id, r)
  return r
end
