#!lua flags=allow-oom
-- needs: erasing
-- Deletes the history of deleted jobs of a namespace, but for runs that go on.
-- ARGV: group, namespace, the instant before which a job was first adopted ('' = any), how many records at most.
-- Answers {records deleted, jobs of which something is left}.
local namespace, before, left = ARGV[2] .. ' ', tonumber(ARGV[3]), tonumber(ARGV[4])
local taken, remain = 0, 0
for _, member in ipairs(call('ZRANGE', P .. 'gone', 0, -1)) do
  if string.sub(member, 1, #namespace) == namespace then
    local born = tonumber(call('HGET', P .. 'past:' .. string.match(member, ' (%S+)$'), 'born') or '0')
    if not before or born < before then
      local count, whole = 0, false
      if left > 0 then count, whole = erase(member, left) end
      taken, left = taken + count, left - count - 1
      if not whole then remain = remain + 1 end
    end
  end
end
return { taken, remain }
