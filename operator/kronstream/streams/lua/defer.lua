#!lua flags=allow-oom
-- Sets started runs aside whose work this worker cannot read, for a while: a newer one will. It is no delivery, and no
-- attempt. ARGV: group, ms, then run and token in pairs.
local later = tonumber(ARGV[2])
for i = 3, #ARGV, 2 do
  local id, r = ARGV[i], load_run(ARGV[i])
  if r and r.st == 'running' and r.tok == ARGV[i + 1] then
    if call('EXISTS', P .. 'job:' .. r.uid) == 0 then
      settle(id, r, 'cancelled', 'deleted')
    else
      lay_down(id, r)
      withdraw(id, r)
      call('HSET', P .. 'run:' .. id, 'dlv', num(math.max(tonumber(r.dlv or '1') - 1, 0)))
      call('ZADD', P .. 'unfinished', num(now + later), id)
    end
  end
end
wake()
return redis.status_reply('OK')
