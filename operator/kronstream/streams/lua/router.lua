#!lua flags=allow-oom
-- A router's heartbeat. ARGV: group, router, 'beat' | 'leave' | 'look'. Answers the live ones.
local ALIVE, SILENT = 3000, 60000
local routers = P .. 'routers'
if ARGV[3] == 'leave' then call('ZREM', routers, ARGV[2]) end
if ARGV[3] == 'beat' then call('ZADD', routers, stamp, ARGV[2]) end
call('ZREMRANGEBYSCORE', routers, '-inf', num(now - SILENT))
-- of one whose last beat lies ahead nobody can tell how it is: the clock went back
call('ZREMRANGEBYSCORE', routers, num(now + 1000), '+inf')
return call('ZRANGEBYSCORE', routers, num(now - ALIVE), '+inf')
