#!lua flags=allow-oom
-- Pauses of namespaces and of all jobs ('*'), as one source declares them. ARGV: group, source, the instant from which new
-- ones count ('' = now), then scope, until ('' = open), who, why, four values each. What the source does not name any more
-- ends now; ended ones are kept for as long as missed instants may be caught up. Answers 1 when something changed.
local KEPT = 31 * 86400000
local source, since = ARGV[2], ARGV[3] ~= '' and ARGV[3] or num(now)
local key = P .. 'scopes'
local named, changed = {}, 0

local function parse(text)
  local from, till, rest = string.match(text or '', '^(%d+)|(%d*)|(.*)$')
  return from, till, rest
end

for i = 4, #ARGV, 4 do
  local field = source .. '/' .. ARGV[i]
  named[field] = true
  local from, till = parse(call('HGET', key, field) or nil)
  local open = from and (till == '' or tonumber(till) > now)
  local text = (open and from or since) .. '|' .. ARGV[i + 1] .. '|' .. ARGV[i + 2] .. '|' .. ARGV[i + 3]
  if text ~= call('HGET', key, field) then
    -- an interval that ended stays beside the new one
    if from and not open then call('HSET', key, 'until-' .. till .. '/' .. ARGV[i], from .. '|' .. till .. '||') end
    call('HSET', key, field, text)
    changed = 1
  end
end
local rows = call('HGETALL', key)
for i = 1, #rows, 2 do
  local from, till, rest = parse(rows[i + 1])
  if till ~= '' and tonumber(till) < now - KEPT then
    call('HDEL', key, rows[i])
  elseif not named[rows[i]] and string.sub(rows[i], 1, #source + 1) == source .. '/'
    and (till == '' or tonumber(till) > now) then
    call('HSET', key, rows[i], from .. '|' .. num(now) .. '|' .. rest)
    changed = 1
  end
end
return changed
