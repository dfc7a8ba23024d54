#!lua flags=allow-oom
-- Ends an attempt by the token of its work elsewhere. ARGV: group, run, token, state, reason, retry_in ('' = over), result,
-- error JSON, output, message. Answers 1, or 0 when it is over, or the token is another attempt's.
local id = ARGV[2]
local r = load_run(id)
if not r or not r.xt or r.xt ~= ARGV[3] or (r.st ~= 'running' and r.st ~= 'queued') then return 0 end
local key = P .. 'run:' .. id
if r.st == 'queued' then
  -- its worker is gone, and no other has taken it yet: the attempt counts
  r.att = tostring(tonumber(r.att) + 1)
  call('HSET', key, 'att', r.att)
end
call('HDEL', key, 'tok')
-- it is over by itself: there is nothing to take back
r.xt = false
local duration = num(math.max(0, now - tonumber(r.sta or now)))
conclude(id, r, ARGV[4], ARGV[5], ARGV[6], duration, ARGV[7], ARGV[8], ARGV[9], ARGV[10])
wake()
return 1
