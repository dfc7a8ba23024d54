#!lua flags=allow-oom
-- Gives started runs back with no attempt consumed. ARGV: group, target consumer ('' = whoever reads next), then run and
-- token in pairs. Answers 1 or 0 (token not current, or the target is gone) for each.
local target = ARGV[2]

local function release(id, token)
  local r = load_run(id)
  if not r or r.st ~= 'running' or r.tok ~= token then return 0 end
  if call('EXISTS', P .. 'job:' .. r.uid) == 0 then
    settle(id, r, 'cancelled', 'deleted')
    return 1
  end
  if target ~= '' and (not r.eid or call('EXISTS', P .. 'worker:' .. target) == 0) then return 0 end
  lay_down(id, r)
  if target == '' then
    withdraw(id, r)
    enqueue(id, r)
  else
    call('XCLAIM', lane(r.q, r.ln), group, target, 0, r.eid, 'JUSTID')
    call('HSET', P .. 'worker:' .. target, 'handed', 1)
    call('ZADD', P .. 'unfinished', num(now + 5000), id)
  end
  return 1
end

local answers = {}
for i = 3, #ARGV, 2 do answers[#answers + 1] = release(ARGV[i], ARGV[i + 1]) end
wake()
return answers
