#!lua flags=allow-oom
-- An operator replica's heartbeat. ARGV: group, replica, 'join' | 'beat' | 'begin' | 'ready' | 'leave', epoch to set.
-- A replica that joins is not counted among the live ones yet: it does not know all jobs.
-- One that leaves is told who is left. Answers {now, microseconds, epoch or '', pulse number, {replica, last beat, …}}. The pulse number only grows; one
-- that fell tells that an older copy of the store came back. An absent epoch tells that the store was lost: every
-- replica begins, contributes what it remembers, says ready, and the last of them opens the new epoch.
local replica, phase, candidate = ARGV[2], ARGV[3], ARGV[4]
watch_clock()
local replicas, rebuild = P .. 'replicas', P .. 'rebuild'
if phase == 'leave' then
  call('HDEL', replicas, replica)
  return { num(now), clock[2], '', 0, call('HGETALL', replicas) }
end
if phase ~= 'join' then call('HSET', replicas, replica, num(now)) end
local beats = call('HGETALL', replicas)
for i = 1, #beats, 2 do
  -- of one whose last beat lies ahead nobody can tell how it is: the clock went back
  local silent = now - tonumber(beats[i + 1])
  if silent > 60000 or silent < -1000 then call('HDEL', replicas, beats[i]) end
end
local epoch = call('GET', P .. 'epoch')

local function everybody_ready()
  local since = tonumber(call('HGET', rebuild, 'since'))
  if since > now then call('HSET', rebuild, 'since', num(now)) end
  if now - since > 30000 then return true end
  if now - since < 1000 then return false end
  for i = 1, #beats, 2 do
    local alive = now - tonumber(beats[i + 1]) <= 700
    if alive and call('HEXISTS', rebuild, 'ready:' .. beats[i]) == 0 then return false end
  end
  return true
end

if not epoch and (phase == 'begin' or phase == 'ready') then
  call('HSETNX', rebuild, 'since', num(now))
  call('PEXPIRE', rebuild, 60000)
  if phase == 'ready' then
    call('HSET', rebuild, 'ready:' .. replica, 1)
    if everybody_ready() then
      call('SET', P .. 'epoch', candidate)
      call('DEL', rebuild)
      epoch = candidate
    end
  end
end
return { num(now), clock[2], epoch or '', call('INCR', P .. 'pulse'), beats }
