#!lua flags=allow-oom
-- needs: holding
-- A worker's heartbeat. ARGV: group, consumer, incarnation, lease ms, card JSON, then for every run held five values:
-- run, token, uid, generation, nominal. Answers {now, handed, {run, reason, …} to cancel, {run, …} lost}.
local consumer, incarnation, lease = ARGV[2], ARGV[3], tonumber(ARGV[4])
local worker = P .. 'worker:' .. consumer
call('HSET', worker, 'card', ARGV[5], 'beat', num(now))
call('PEXPIRE', worker, num(lease))
call('ZADD', P .. 'workers', num(now), consumer)
call('ZREMRANGEBYSCORE', P .. 'workers', '-inf', num(now - 3600000))
local handed = call('HGET', worker, 'handed')
local cancel, lost = {}, {}

-- The store lost the record, or an older copy of it came back: the worker that holds the run says so.
local function register(id, token, uid, gen, nominal, r)
  local key = P .. 'run:' .. id
  if r then
    if call('EXISTS', P .. 'job:' .. uid) == 0 then return false end
    withdraw(id, r)
    if call('HEXISTS', P .. 'work:' .. uid, gen) == 0 then gen = r.gen end
    call('HSET', key, 'st', 'running', 'gen', gen, 'att', 1, 'tok', token, 'sta', num(now))
    call('HDEL', key, 'rv')
    seize(id, r)
  elseif not revive(id, uid, gen, nominal, token) then
    return false
  end
  call('HSET', key, 'wk', consumer, 'inc', incarnation)
  touch(uid)
  return true
end

for i = 6, #ARGV, 5 do
  local id, token, uid, gen, nominal = unpack(ARGV, i, i + 4)
  local r = load_run(id)
  local mine = r and r.st == 'running' and r.tok == token
  if not mine and (not r or (r.st == 'queued' and tonumber(r.att) == 0 and not r.dlv)) then
    mine = register(id, token, uid, gen, nominal, r)
  end
  if mine then
    call('ZADD', P .. 'unfinished', num(now + lease), id)
    if r and r.cx then
      cancel[#cancel + 1] = id
      cancel[#cancel + 1] = r.cx
    end
  elseif r or call('EXISTS', P .. 'job:' .. uid) == 1 or call('EXISTS', P .. 'epoch') == 1 then
    lost[#lost + 1] = id
  end
  -- else the store was lost and its job may still come: until it is filled again, the run stays with its worker
end
wake()
return { num(now), handed or '', cancel, lost }
