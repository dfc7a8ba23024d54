#!lua flags=allow-oom
-- Whose the data is. ARGV: group, a cluster, the cluster that it takes the data over from or ''. Answers the cluster that
-- the data belongs to, from now on.
local mine, before = ARGV[2], ARGV[3]
local owner = call('GET', P .. 'installation')
if not owner or (before ~= '' and owner == before) then
  call('SET', P .. 'installation', mine)
  return mine
end
return owner
