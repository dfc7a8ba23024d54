#!lua
-- Orders about many runs, carried on under a lease. ARGV: group, action, then
-- put: id, JSON of the fields, most orders, run...  -> ok | known | full
-- claim: token, lease (ms), limit                   -> {id, run...} | {}
-- advance: id, token, lease, done, refused, kept    -> ok | lost
-- stop: id, kept                                    -> ok | over | gone
-- It does not watch the clock: that the API looks tells nothing of whether operators and workers did.
local action = ARGV[2]

local function key(id) return P .. 'order:' .. id end
local function list(id) return P .. 'orderruns:' .. id end

local function finish(id, state, kept)
  call('HSET', key(id), 'st', state, 'fin', num(now))
  call('HDEL', key(id), 'tok')
  call('ZREM', P .. 'orders', id)
  call('DEL', list(id))
  call('PEXPIRE', key(id), kept)
end

local function put(id, fields, most)
  if call('EXISTS', key(id)) == 1 then return 'known' end
  if call('ZCARD', P .. 'orders') >= tonumber(most) then return 'full' end
  for name, value in pairs(cjson.decode(fields)) do
    call('HSET', key(id), name, type(value) == 'number' and num(value) or value)
  end
  call('HSET', key(id), 'st', 'running', 'ok', 0, 'bad', 0, 'at', num(now))
  for i = 6, #ARGV, 1000 do call('RPUSH', list(id), unpack(ARGV, i, math.min(i + 999, #ARGV))) end
  call('ZADD', P .. 'orders', num(now), id)
  return 'ok'
end

-- What was done is in front of what is to be done; what a lost answer told is told again once the lease is over.
local function claim(token, lease, limit)
  local id = call('ZRANGEBYSCORE', P .. 'orders', '-inf', num(now), 'LIMIT', 0, 1)[1]
  if not id then return {} end
  local o = call('HMGET', key(id), 'ok', 'bad')
  if not o[1] then
    call('ZREM', P .. 'orders', id)
    call('DEL', list(id))
    return {}
  end
  call('HSET', key(id), 'tok', token)
  call('ZADD', P .. 'orders', num(now + lease), id)
  local first = tonumber(o[1]) + tonumber(o[2])
  return { id, unpack(call('LRANGE', list(id), first, first + limit - 1)) }
end

local function advance(id, token, lease, done, refused, kept)
  local o = call('HMGET', key(id), 'st', 'tok')
  if o[1] ~= 'running' or o[2] ~= token then return 'lost' end
  local good = call('HINCRBY', key(id), 'ok', done)
  local bad = call('HINCRBY', key(id), 'bad', refused)
  if good + bad >= call('LLEN', list(id)) then
    finish(id, 'done', kept)
  else
    call('ZADD', P .. 'orders', num(now + lease), id)
  end
  return 'ok'
end

local function stop(id, kept)
  local st = call('HGET', key(id), 'st')
  if not st then return 'gone' elseif st ~= 'running' then return 'over' end
  finish(id, 'cancelled', kept)
  return 'ok'
end

if action == 'put' then return put(ARGV[3], ARGV[4], ARGV[5]) end
if action == 'claim' then return claim(ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])) end
if action == 'advance' then return advance(ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6], ARGV[7], ARGV[8]) end
return stop(ARGV[3], ARGV[4])
