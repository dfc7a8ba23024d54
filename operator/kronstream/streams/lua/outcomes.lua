-- What becomes of runs, as events: appended to `outcomes` by the step that does it, if anybody listens for its kind.
local OUTCOMES = 1000000

-- The kinds that anybody listens for; read once a call.
local wanted
local function listened(kind)
  if not wanted then
    wanted = {}
    for _, kinds in ipairs(call('HVALS', P .. 'wanted')) do
      for one in string.gmatch(kinds, '%a+') do wanted[one] = true end
    end
  end
  return wanted[kind]
end

local function publish(fields) call('XADD', P .. 'outcomes', 'MAXLEN', '~', OUTCOMES, '*', unpack(fields)) end

-- Tells of a run what its record and its job say now. `message` may be nil.
local function tell(kind, id, message)
  if not listened(kind) then return end
  local names = { 'uid', 'ns', 'nm', 'nom', 'st', 'why', 'att', 'dur', 'sta', 'fin', 'tr', 'dp' }
  local r = call('HMGET', P .. 'run:' .. id, unpack(names))
  local j = call('HMGET', P .. 'job:' .. r[1], 'dp', 'pf', 'cf')
  local fields = { 'kind', kind, 'run', id, 'at', stamp }
  for i = 1, #names do
    local value = r[i] or (i == #names and j[1])
    if value then fields[#fields + 1], fields[#fields + 2] = names[i], value end
  end
  if j[2] then fields[#fields + 1], fields[#fields + 2] = 'pf', j[2] end
  -- plain successes are counted later
  local failures = kind == 'succeeded' and '0' or j[3]
  if failures then fields[#fields + 1], fields[#fields + 2] = 'cf', failures end
  if message and message ~= '' then fields[#fields + 1], fields[#fields + 2] = 'msg', message end
  publish(fields)
end

-- Tells of `count` instants from `first` to `last` that made no run; `id` is what the first one's run would have had.
-- `depth` may be nil.
local function tell_skipped(id, uid, reason, count, first, last, depth)
  if not listened('skipped') then return end
  local j = call('HMGET', P .. 'job:' .. uid, 'ns', 'name', 'pf', 'cf', 'dp')
  local fields = { 'kind', 'skipped', 'run', id, 'at', stamp, 'uid', uid, 'ns', j[1] or '', 'nm', j[2] or '', 'nom', first,
    'st', 'skipped', 'why', reason, 'count', count, 'last', last }
  for name, value in pairs({ pf = j[3] or nil, cf = j[4] or nil, dp = depth or j[5] or nil }) do
    fields[#fields + 1], fields[#fields + 2] = name, value
  end
  publish(fields)
end
