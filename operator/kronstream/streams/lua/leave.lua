#!lua flags=allow-oom
-- A worker goes. ARGV: group, consumer, queue. The consumer is removed only where nothing is pending for it.
local consumer, queue = ARGV[2], ARGV[3]
call('DEL', P .. 'worker:' .. consumer)
call('ZREM', P .. 'workers', consumer)
for _, priority in ipairs({ 'critical', 'high', 'medium', 'low' }) do
  local stream = lane(queue, priority)
  local pending = redis.pcall('XPENDING', stream, group, '-', '+', 1, consumer)
  if not pending.err and #pending == 0 then redis.pcall('XGROUP', 'DELCONSUMER', stream, group, consumer) end
end
return 1
