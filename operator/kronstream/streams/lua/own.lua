#!lua flags=allow-oom
-- Whose the data is. ARGV: group, an installation, then those that it takes the data over from. Answers the installation
-- that the data belongs to, from now on.
local mine = ARGV[2]
local owner = call('GET', P .. 'installation')
local mayTake = not owner
for i = 3, #ARGV do
  mayTake = mayTake or owner == ARGV[i]
end
if mayTake then
  call('SET', P .. 'installation', mine)
  return mine
end
return owner
