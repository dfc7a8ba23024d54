#!lua flags=allow-oom
-- Ends a backfill; runs that it started go on. ARGV: group, backfill, who. Answers ok | over | gone.
local id, who = ARGV[2], ARGV[3]
local st = call('HGET', P .. 'backfill:' .. id, 'st')
if not st then return 'gone' end
if st ~= 'running' then return 'over' end
call('HSET', P .. 'backfill:' .. id, 'cby', who)
end_backfill(id, 'cancelled')
return 'ok'
