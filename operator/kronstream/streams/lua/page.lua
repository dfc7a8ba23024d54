-- Ids of a job's runs, newest first: those that wait, those that have started, then the ended ones by their ends.
-- ARGV: group, uid, offset, limit, which (all, active, success, or another state in which a run is over), 1 for the
-- records as well. Answers {total, {ids}, {records, in the same order}}. It only reads.
local uid, offset, limit, which = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local active, good, bad = P .. 'active:' .. uid, P .. 'good:' .. uid, P .. 'bad:' .. uid
local ids = {}

-- Adds what of a list lies in the page; what lies before it shortens the offset.
local function add(count, read)
  if offset < count and limit > 0 then
    local taken = read(offset, math.min(limit, count - offset))
    for _, id in ipairs(taken) do ids[#ids + 1] = id end
    limit = limit - #taken
  end
  offset = math.max(0, offset - count)
end

local total = 0
if which == 'all' or which == 'active' then
  local count = call('ZCOUNT', active, '-inf', 0)
  total = total + count
  add(count, function(from, most) return call('ZRANGEBYSCORE', active, '-inf', 0, 'LIMIT', from, most) end)
end
if which == 'all' or which == 'active' then
  local count = call('ZCOUNT', active, '(0', '+inf')
  total = total + count
  add(count, function(from, most) return call('ZREVRANGEBYSCORE', active, '+inf', '(0', 'LIMIT', from, most) end)
end

local function ended(key)
  local count = call('ZCARD', key)
  total = total + count
  add(count, function(from, most) return call('ZREVRANGE', key, from, from + most - 1) end)
end

-- The score at a rank from the newest; beyond the ends what is newer, or older, than any.
local function score(key, rank, count)
  if rank < 0 then return math.huge elseif rank >= count then return -math.huge end
  return tonumber(call('ZREVRANGE', key, rank, rank, 'WITHSCORES')[2])
end

-- Two lists as one: how many of the first lie before the offset is found by halving.
local function merged(from, most, goods, bads)
  local low, high = math.max(0, from - bads), math.min(from, goods)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if score(good, middle, goods) >= score(bad, from - middle - 1, bads) then low = middle + 1 else high = middle end
  end
  local first, second = low, from - low
  local a = call('ZREVRANGE', good, first, first + most - 1, 'WITHSCORES')
  local b = call('ZREVRANGE', bad, second, second + most - 1, 'WITHSCORES')
  local found, i, j = {}, 1, 1
  while #found < most and (a[i] or b[j]) do
    if a[i] and (not b[j] or tonumber(a[i + 1]) >= tonumber(b[j + 1])) then
      found[#found + 1], i = a[i], i + 2
    else
      found[#found + 1], j = b[j], j + 2
    end
  end
  return found
end

if which == 'success' then
  ended(good)
elseif which ~= 'all' and which ~= 'active' then
  ended(bad .. ':' .. which)
end
if which == 'all' then
  local goods, bads = call('ZCARD', good), call('ZCARD', bad)
  total = total + goods + bads
  add(goods + bads, function(from, most) return merged(from, most, goods, bads) end)
end
local records = {}
if ARGV[6] == '1' then
  for i, id in ipairs(ids) do records[i] = call('HGETALL', P .. 'run:' .. id) end
end
return { total, ids, records }
