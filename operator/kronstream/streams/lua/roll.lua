#!lua flags=no-writes
-- Generations of event handlers in the order in which they came into force. ARGV: group, the turn after which, how many.
-- Answers {the turn up to which these are all, whether more follow (1, 0), {uid, generation, namespace, name}, …}.
local last = tonumber(call('GET', P .. 'turn') or '0')
local after = tonumber(ARGV[2])
-- the store was lost, or is an older copy: turns began anew
if last < after then after = 0 end
if last == after then return { num(last), 0 } end
local rows = call('ZRANGEBYSCORE', P .. 'roll', '(' .. num(after), '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[3])
local more = #rows == 2 * tonumber(ARGV[3])
local answers = { more and num(rows[#rows]) or num(last), more and 1 or 0 }
for i = 1, #rows, 2 do
  local h = call('HMGET', P .. 'job:' .. rows[i], 'gen', 'ns', 'name')
  if h[1] then answers[#answers + 1] = { rows[i], h[1], h[2], h[3] } end
end
return answers
