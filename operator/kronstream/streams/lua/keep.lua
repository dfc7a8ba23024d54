-- Keeps the answer to a request with a key, and forgets the oldest of its owner's beyond so many bytes. What ended by
-- itself counts until it is the oldest. ARGV: group, key, text, seconds, owner, bytes, bytes that each takes besides.
local line, size = P .. 'apiline:' .. ARGV[5], P .. 'apisize:' .. ARGV[5]
local bytes = #ARGV[3] + ARGV[7]
call('SET', P .. 'api:' .. ARGV[2], ARGV[3], 'EX', ARGV[4])
call('RPUSH', line, num(bytes) .. ' ' .. ARGV[2])
local all = call('INCRBY', size, num(bytes))
while all > tonumber(ARGV[6]) do
  local oldest = call('LPOP', line)
  if not oldest then break end
  local taken, key = oldest:match('^(%d+) (.*)$')
  call('DEL', P .. 'api:' .. key)
  all = call('DECRBY', size, taken)
end
call('EXPIRE', line, ARGV[4])
call('EXPIRE', size, ARGV[4])
