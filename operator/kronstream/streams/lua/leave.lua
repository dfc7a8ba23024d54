#!lua flags=allow-oom
-- A worker goes. ARGV: group, consumer, then its queues. The consumer is removed only where nothing is pending for it.
local consumer = ARGV[2]
call('DEL', P .. 'worker:' .. consumer)
call('ZREM', P .. 'workers', consumer)
for i = 3, #ARGV do
  for _, priority in ipairs({ 'critical', 'high', 'medium', 'low' }) do
    local stream = lane(ARGV[i], priority)
    local pending = redis.pcall('XPENDING', stream, group, '-', '+', 1, consumer)
    if not pending.err and #pending == 0 then redis.pcall('XGROUP', 'DELCONSUMER', stream, group, consumer) end
  end
end
return 1
