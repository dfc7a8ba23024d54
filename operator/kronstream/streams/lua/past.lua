#!lua flags=allow-oom
-- needs: erasing
-- Lets go of deleted jobs whose history has ended. ARGV: group, how many at most. Answers the namespaces of the others.
for _, member in ipairs(call('ZRANGEBYSCORE', P .. 'gone', '-inf', stamp, 'LIMIT', 0, tonumber(ARGV[2]))) do
  call('ZREM', P .. 'byname', member)
  no_longer_past(member, string.match(member, ' (%S+)$'))
end
local known, namespaces = {}, {}
for _, member in ipairs(call('ZRANGE', P .. 'gone', 0, -1)) do
  local namespace = string.match(member, '^%S+')
  if not known[namespace] then namespaces[#namespaces + 1], known[namespace] = namespace, true end
end
return namespaces
