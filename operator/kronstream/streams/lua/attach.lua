#!lua flags=allow-oom
-- Notes that an attempt starts work elsewhere. ARGV: group, run, token, a token for that work. Answers the token of the
-- work: of an earlier worker of the same attempt, else the given one; '' when the attempt is not current.
local r = load_run(ARGV[2])
if not r or r.st ~= 'running' or r.tok ~= ARGV[3] then return '' end
if r.xt then return r.xt end
call('HSET', P .. 'run:' .. ARGV[2], 'xt', ARGV[4])
return ARGV[4]
