#!lua flags=allow-oom
-- Pauses a queue, or lets it go on. ARGV: group, queue, 'pause' | 'resume', who, why. Answers 1, or 0 when it was so.
local queue = ARGV[2]
if ARGV[3] == 'pause' then
  return call('HSETNX', P .. 'qpauses', queue, cjson.encode({ since = now, by = ARGV[4], reason = ARGV[5] }))
end
local there = call('HDEL', P .. 'qpauses', queue)
if there == 1 then
  wakes[queue] = 16
  wake()
end
return there
