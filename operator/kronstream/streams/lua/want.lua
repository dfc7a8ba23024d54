#!lua flags=allow-oom
-- Which kinds of outcomes a scope's handlers listen for. ARGV: group, scope, kinds ('' = none), the turn up to which the
-- caller knows every handler. Answers 1, or 0 where one came into force since: nothing was written.
if tonumber(call('GET', P .. 'turn') or '0') > tonumber(ARGV[4]) then return 0 end
if ARGV[3] == '' then call('HDEL', P .. 'wanted', ARGV[2]) else call('HSET', P .. 'wanted', ARGV[2], ARGV[3]) end
return 1
