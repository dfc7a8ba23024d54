-- State of jobs for their status. ARGV: group, then uids. Answers {{field, value, …}, active, {run ids}} or {} for each.
local answers = {}
for i = 2, #ARGV do
  local job = call('HGETALL', P .. 'job:' .. ARGV[i])
  if #job == 0 then
    answers[#answers + 1] = {}
  else
    local active = P .. 'active:' .. ARGV[i]
    answers[#answers + 1] = { job, call('ZCARD', active), call('ZRANGE', active, 0, 19) }
  end
end
return answers
