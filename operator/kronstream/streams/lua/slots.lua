-- Slots: how many runs of a job, and how many of a group of jobs, are active at a time. A run waits for its job first and
-- for its group then, so that whoever has a group's slot waits for nothing. A waiting run is active, too.

-- Runs of a job that have its slots.
local function running(uid)
  return call('ZCARD', P .. 'active:' .. uid) - call('ZCARD', P .. 'waiting:' .. uid)
end

-- The place behind the last one of a sorted set that is a line.
local function line_up(line, id)
  local last = call('ZRANGE', line, -1, -1, 'WITHSCORES')
  call('ZADD', line, num((tonumber(last[2]) or 0) + 1), id)
end

local function group_has_room(group_name, max) return has_room(P .. 'group:' .. group_name, tonumber(max)) end

-- How many may be active in a run's group: its job's present word, as long as the job belongs to the group.
local function group_max(r)
  local j = call('HMGET', P .. 'job:' .. r.uid, 'grp', 'gmx')
  return j[1] == r.grp and j[2] or r.gmx
end

-- A run that has its job's slot: into its lane, or into the line of its group, where `place` may be kept for it.
local function advance(id, r, place)
  local entry_now = not r.grp or call('ZSCORE', P .. 'group:' .. r.grp, id)
  if not entry_now and call('ZCARD', P .. 'gwait:' .. r.grp) == 0 and group_has_room(r.grp, group_max(r)) then
    call('ZADD', P .. 'group:' .. r.grp, num(now), id)
    entry_now = true
  end
  if entry_now then return enqueue(id, r) end
  if place then call('ZADD', P .. 'gwait:' .. r.grp, place, id) else line_up(P .. 'gwait:' .. r.grp, id) end
  call('ZADD', P .. 'unfinished', num(now + RECHECK), id)
end

-- Gives the free slots of a group to those that stand first in its line.
local function release_group(group_name)
  local line = P .. 'gwait:' .. group_name
  local id = call('ZRANGE', line, 0, 0)[1]
  while id do
    local r = load_run(id)
    if r and not group_has_room(group_name, group_max(r)) then return end
    call('ZREM', line, id)
    if r and r.st == 'queued' then
      call('ZADD', P .. 'group:' .. group_name, num(now), id)
      enqueue(id, r)
    end
    id = call('ZRANGE', line, 0, 0)[1]
  end
end

-- Gives the free slots of a job to those that wait for them.
local function release_waiting(uid)
  local line = P .. 'waiting:' .. uid
  local id = call('ZRANGE', line, 0, 0)[1]
  if not id then return end
  local j = call('HMGET', P .. 'job:' .. uid, 'lim', 'pol')
  local limit = tonumber(j[1]) or (j[2] == 'Allow' and 0 or 1)
  while id and (limit == 0 or running(uid) < limit) do
    local r = load_run(id)
    -- a worker may hold it still, and has until the sweep to say so
    if r and r.rv then return end
    call('ZREM', line, id)
    if r and r.st == 'queued' then advance(id, r) elseif not r then call('ZREM', P .. 'active:' .. uid, id) end
    id = call('ZRANGE', line, 0, 0)[1]
  end
end

-- Takes an ended run out of every set and gives what it had to others.
local function vacate(id, r)
  call('ZREM', P .. 'unfinished', id)
  call('ZREM', P .. 'active:' .. r.uid, id)
  call('ZREM', P .. 'waiting:' .. r.uid, id)
  leave_gates(id, r)
  if not r.grp then return end
  -- also who only stood in line may have held others up, by a smaller limit
  local freed = call('ZREM', P .. 'gwait:' .. r.grp, id) + call('ZREM', P .. 'group:' .. r.grp, id)
  if freed > 0 then release_group(r.grp) end
end
