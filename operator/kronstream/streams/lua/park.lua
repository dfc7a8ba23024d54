#!lua flags=allow-oom
-- Leaves an attached attempt to its work elsewhere. ARGV: group, run, token, timeout in ms from the attempt's start.
-- Answers 1 (also when it was parked before), or 0 when the attempt is not current.
local id, token = ARGV[2], ARGV[3]
local key = P .. 'run:' .. id
local r = load_run(id)
if not r or r.st ~= 'running' or not r.xt then return 0 end
if r.pk then return call('HGET', key, 'ptk') == token and 1 or 0 end
if r.tok ~= token then return 0 end
if r.cx then
  -- nobody holds it any more: its work is to be taken back
  call('HDEL', key, 'tok')
  r.tok = false
  settle(id, r, 'cancelled', r.cx)
else
  local deadline = num(tonumber(r.sta) + tonumber(ARGV[4]))
  withdraw(id, r)
  -- whoever held it may not speak for it any more
  call('HDEL', key, 'tok')
  call('HSET', key, 'pk', deadline, 'ptk', token)
  call('ZADD', P .. 'unfinished', deadline, id)
end
wake()
return 1
