#!lua flags=allow-oom
-- Removes consumers that rollouts and crashes left: nothing is pending for them, no card says that they live, and nobody
-- asked under their name for a while. ARGV: group, how long that is in ms, then queues. Answers how many.
local removed = 0
for i = 3, #ARGV do
  for _, priority in ipairs({ 'critical', 'high', 'medium', 'low' }) do
    local stream = lane(ARGV[i], priority)
    local consumers = redis.pcall('XINFO', 'CONSUMERS', stream, group)
    for _, row in ipairs(consumers.err and {} or consumers) do
      local c = {}
      for j = 1, #row, 2 do c[row[j]] = row[j + 1] end
      if c.pending == 0 and c.idle >= tonumber(ARGV[2]) and call('EXISTS', P .. 'worker:' .. c.name) == 0 then
        call('XGROUP', 'DELCONSUMER', stream, group, c.name)
        removed = removed + 1
      end
    end
  end
end
return removed
