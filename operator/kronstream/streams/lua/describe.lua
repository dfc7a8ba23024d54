-- State of jobs for their status. ARGV: group, then uids. Answers {{field, value, …}, active, {run ids}} or {} for each.
local SHOWN = 20
local answers = {}
for i = 2, #ARGV do
  local job = call('HGETALL', P .. 'job:' .. ARGV[i])
  if #job == 0 then
    answers[#answers + 1] = {}
  else
    local active = P .. 'active:' .. ARGV[i]
    -- should the store be lost, what runs must be known first, then who waits, in their order
    local runs = call('ZRANGEBYSCORE', active, '(0', '+inf', 'LIMIT', 0, SHOWN)
    for _, id in ipairs(call('ZREVRANGEBYSCORE', active, 0, '-inf', 'LIMIT', 0, SHOWN - #runs)) do runs[#runs + 1] = id end
    answers[#answers + 1] = { job, call('ZCARD', active), runs }
  end
end
return answers
