#!lua flags=allow-oom
-- Pauses and resumes jobs beside their spec. ARGV: group, 'pause' | 'resume', who asked, why, until ('' = until resumed),
-- then uids. Instants from the pause's beginning to its end make no runs, also when they are looked at later.
-- Answers for each: ok | same (it was so already) | past (it would have ended already) | gone.
local action, by, why, till = ARGV[2], ARGV[3], ARGV[4], ARGV[5]

local function pause(uid, job, p)
  if till ~= '' and tonumber(till) <= now then return 'past' end
  local open = p[2] and (p[3] == '' or tonumber(p[3]) > now)
  if open and p[3] == till and p[4] == by and p[5] == why then return 'same' end
  call('HSET', job, 'psn', paused_since(p[2], p[3], p[6]), 'pun', till, 'pby', by, 'prs', why, 'odd', 1)
  call('HDEL', job, 'pau')
  if till ~= '' then call('ZADD', P .. 'unfinished', till, '@' .. uid) end
  return 'ok'
end

local function resume(uid, job, p)
  local open = p[2] and (p[3] == '' or tonumber(p[3]) > now)
  if not open then return 'same' end
  call('HSET', job, 'pun', num(now))
  if p[7] then call('HSET', job, 'cf', 0) end
  call('HDEL', job, 'pby', 'prs', 'pau')
  call('ZREM', P .. 'unfinished', '@' .. uid)
  return 'ok'
end

local answers = {}
for i = 6, #ARGV do
  local uid, job = ARGV[i], P .. 'job:' .. ARGV[i]
  local p = call('HMGET', job, 'gen', 'psn', 'pun', 'pby', 'prs', 'cur', 'pau')
  local answer = 'gone'
  if p[1] then answer = action == 'pause' and pause(uid, job, p) or action == 'resume' and resume(uid, job, p) end
  if answer == 'ok' then touch(uid) end
  answers[#answers + 1] = answer
end
return answers
