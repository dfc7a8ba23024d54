#!lua flags=allow-oom
-- Skips instants of a job that lie ahead, or takes that back. ARGV: group, uid, 'skip' | 'unskip', then instants.
-- Answers ok | same | gone | full | past.
local LIMIT = 20
local uid, action = ARGV[2], ARGV[3]
local job = P .. 'job:' .. uid
local h = call('HMGET', job, 'cur', 'sx')
if not h[1] then return 'gone' end
local wanted, count, changed = {}, 0, false
for at in string.gmatch(h[2] or '', '%d+') do
  -- what was passed over otherwise is done with
  if tonumber(at) > tonumber(h[1]) then
    wanted[at] = true
    count = count + 1
  end
end
for i = 4, #ARGV do
  local at = ARGV[i]
  if action == 'skip' and tonumber(at) <= tonumber(h[1]) then return 'past' end
  if action == 'skip' and not wanted[at] then
    wanted[at], count, changed = true, count + 1, true
  elseif action == 'unskip' and wanted[at] then
    wanted[at], count, changed = nil, count - 1, true
  end
end
if count > LIMIT then return 'full' end
if not changed then return 'same' end
local list = {}
for at in pairs(wanted) do list[#list + 1] = at end
table.sort(list, function(a, b) return tonumber(a) < tonumber(b) end)
if count == 0 then call('HDEL', job, 'sx') else call('HSET', job, 'sx', table.concat(list, ','), 'odd', 1) end
touch(uid)
return 'ok'
