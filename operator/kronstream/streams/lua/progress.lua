#!lua
-- Notes how far a run is. ARGV: group, run, token (the attempt's or that of its work elsewhere), JSON. Answers 1 or 0.
local key = P .. 'run:' .. ARGV[2]
local r = call('HMGET', key, 'st', 'tok', 'xt')
if r[1] ~= 'running' or (r[2] ~= ARGV[3] and r[3] ~= ARGV[3]) then return 0 end
call('HSET', key, 'pg', ARGV[4])
return 1
