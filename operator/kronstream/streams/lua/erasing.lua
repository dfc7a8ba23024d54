-- What is left of deleted jobs: `past` tells of each whose it was, `gone` until when there is something of it.
local PAST_LIMIT = 10000
local ERASED = 500

-- Deletes at most so many records of a list, the oldest first; answers how many it had.
local function erase_list(key, most)
  if most <= 0 then return 0 end
  local ids = call('ZRANGE', key, 0, most - 1)
  for i = 1, #ids, ERASED do
    local keys = {}
    for j = i, math.min(i + ERASED - 1, #ids) do keys[#keys + 1] = P .. 'run:' .. ids[j] end
    call('DEL', unpack(keys))
  end
  if #ids > 0 then call('ZREMRANGEBYRANK', key, 0, #ids - 1) end
  return #ids
end

local function no_longer_past(member, uid)
  call('ZREM', P .. 'gone', member)
  call('DEL', P .. 'past:' .. uid)
end

-- Deletes what is left of a deleted job, but for runs that go on. Answers how many records it took, and whether it is all.
local function erase(member, most)
  local uid = string.match(member, ' (%S+)$')
  if call('ZSCORE', P .. 'jobs', uid) then
    no_longer_past(member, uid)
    return 0, true
  end
  local good, bad = P .. 'good:' .. uid, P .. 'bad:' .. uid
  local taken = erase_list(good, most)
  taken = taken + erase_list(bad, most - taken)
  for _, key in ipairs({ good, bad, P .. 'active:' .. uid }) do
    if call('EXISTS', key) == 1 then return taken, false end
  end
  for _, state in ipairs(BAD) do call('DEL', bad .. ':' .. state) end
  for _, id in ipairs(call('ZRANGE', P .. 'bfs:' .. uid, 0, -1)) do
    call('DEL', P .. 'backfill:' .. id, P .. 'bfruns:' .. id)
  end
  call('DEL', P .. 'bfs:' .. uid)
  call('ZREM', P .. 'byname', member)
  no_longer_past(member, uid)
  return taken, true
end
