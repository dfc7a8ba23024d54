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

local function is_open(till) return till == '' or tonumber(till) > now end

local function write(field, text)
  call('HSET', key, field, text)
  changed = 1
end

local function declare(scope, till, rest)
  local field = source .. '/' .. scope
  named[field] = true
  local from, was, said = parse(call('HGET', key, field) or nil)
  if from and was == till and said == rest then return end
  if from and is_open(was) then
    -- what is over ends now, not before: nothing of a paused time runs later
    return write(field, from .. '|' .. (is_open(till) and till or num(now)) .. '|' .. rest)
  end
  if not is_open(till) then return end
  -- an interval that ended stays beside the new one
  if from then call('HSET', key, source .. '@' .. was .. '/' .. scope, from .. '|' .. was .. '||') end
  write(field, since .. '|' .. till .. '|' .. rest)
end

for i = 4, #ARGV, 4 do declare(ARGV[i], ARGV[i + 1], ARGV[i + 2] .. '|' .. ARGV[i + 3]) end
local rows = call('HGETALL', key)
for i = 1, #rows, 2 do
  local from, till, rest = parse(rows[i + 1])
  if till ~= '' and tonumber(till) < now - KEPT then
    call('HDEL', key, rows[i])
  elseif not named[rows[i]] and string.sub(rows[i], 1, #source + 1) == source .. '/' and is_open(till) then
    write(rows[i], from .. '|' .. num(now) .. '|' .. rest)
  end
end
return changed
