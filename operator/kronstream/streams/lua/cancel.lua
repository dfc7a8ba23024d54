#!lua flags=allow-oom
-- Cancels runs. ARGV: group, who asked, then run ids. Answers for each: cancelled | asked (it runs: its handler sees the
-- cancellation, as does that of the worker who takes over what goes on elsewhere) | over | unknown.
local function cancel(id)
  local r = load_run(id)
  if not r then return 'unknown' end
  if call('HEXISTS', P .. 'run:' .. id, 'fin') == 1 then return 'over' end
  call('HSET', P .. 'run:' .. id, 'cby', ARGV[2])
  if in_hands(r) then
    call('HSETNX', P .. 'run:' .. id, 'cx', 'requested')
    return 'asked'
  end
  settle(id, r, 'cancelled', 'requested')
  return 'cancelled'
end

local answers = {}
for i = 3, #ARGV do answers[#answers + 1] = cancel(ARGV[i]) end
wake()
return answers
