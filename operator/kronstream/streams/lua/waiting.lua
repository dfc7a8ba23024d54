-- Effects of events that wait: for a quiet moment, for their time, for a place among the open jobs of their handler, or
-- for another attempt. `ei:<item>` has h (handler), k (kind), b (body), ev (the event's id), s (since when), a (attempts
-- begun), mo (most open), pc (pace), pd (its time is reserved), db (its debounce window), tok (of who has it).
local MOST_WAITING, MOST_BYTES = 100000, 268435456
local ITEM = { 'h', 'k', 'b', 'ev', 's', 'a', 'mo', 'pc', 'pd', 'db', 'tok' }

local function load_item(item)
  local values = call('HMGET', P .. 'ei:' .. item, unpack(ITEM))
  if not values[1] then return nil end
  local i = {}
  for n = 1, #ITEM do i[ITEM[n]] = values[n] end
  return i
end

-- Whether so many more effects, or bytes, would be too much.
local function full(effects, bytes)
  local load = call('HMGET', P .. 'eload', 'n', 'b')
  return tonumber(load[1] or 0) + effects > MOST_WAITING or tonumber(load[2] or 0) + bytes > MOST_BYTES
end

local function weigh(count, bytes)
  call('HINCRBY', P .. 'eload', 'n', count)
  call('HINCRBY', P .. 'eload', 'b', bytes)
end

-- Lets an effect wait until `due`, which is nil for one that is put into a line.
local function keep(item, e, due, attempts)
  call('HSET', P .. 'ei:' .. item, 'h', e.handler, 'k', e.kind, 'b', e.body, 'ev', e.event, 's', stamp, 'a', attempts or 0, 'mo',
    e.most_open)
  call('ZADD', P .. 'eitems:' .. e.handler, stamp, item)
  if due then call('ZADD', P .. 'ewait', num(due), item) end
  weigh(1, #e.body)
end

local function forget_item(item, i)
  call('DEL', P .. 'ei:' .. item)
  call('ZREM', P .. 'ewait', item)
  call('ZREM', P .. 'eitems:' .. i.h, item)
  call('ZREM', P .. 'eline:' .. i.h, item)
  call('ZREM', P .. 'eopen:' .. i.h, 'i:' .. item)
  weigh(-1, -#i.b)
end

-- Drops the oldest of what waits for a handler; how many.
local function drop_waiting(handler, limit)
  local items = call('ZRANGE', P .. 'eitems:' .. handler, 0, limit - 1)
  for _, item in ipairs(items) do
    local i = load_item(item)
    if i then forget_item(item, i) else call('ZREM', P .. 'eitems:' .. handler, item) end
  end
  return #items
end

-- Asks that somebody looks at a handler's line and its open jobs, at the latest after a time.
local function want_tending(handler, ms)
  call('ZADD', P .. 'etend', 'LT', num(now + ms), handler)
end

-- A place among the open jobs of its handler for an effect that creates one, or one in the line; true for a place.
local function find_place(item, handler, most_open)
  local open, line = P .. 'eopen:' .. handler, P .. 'eline:' .. handler
  if call('ZSCORE', open, 'i:' .. item) then return true end
  if call('ZCARD', line) == 0 and call('ZCARD', open) < tonumber(most_open) then
    call('ZADD', open, stamp, 'i:' .. item)
    return true
  end
  call('ZREM', P .. 'ewait', item)
  line_up(line, item)
  want_tending(handler, 0)
  return false
end

local ERROR_LIMIT = 1024

-- What is counted and noted of handlers, written together at the end; nothing is of one that was forgotten.
local counted, noted, counting = {}, {}, {}
local function remark(handler)
  if counted[handler] then return end
  counted[handler], noted[handler] = {}, {}
  counting[#counting + 1] = handler
end

local function count(handler, name, n)
  remark(handler)
  local c = counted[handler]
  c[name] = (c[name] or 0) + (n or 1)
end

local function note_error(handler, message, event)
  remark(handler)
  local told = noted[handler]
  told['e:lem'], told['e:lee'] = string.sub(message, 1, ERROR_LIMIT), string.sub(event or '', 1, ERROR_LIMIT)
  told['e:lea'] = stamp
end

local function note_triggered(handler)
  count(handler, 'e:t')
  noted[handler]['e:lt'] = stamp
end

local function note_done(handler)
  count(handler, 'e:ok')
  noted[handler]['e:lok'] = stamp
end

-- One look and one write for a handler, since a call costs more than what it does; so it comes after whatever else marks it.
local function write_counted(handler, c, marks)
  local job, names, set = P .. 'job:' .. handler, { 'gen', 'seq' }, {}
  for name in pairs(c) do names[#names + 1] = name end
  local known = call('HMGET', job, unpack(names))
  if not known[1] then return end
  for n = 3, #names do set[#set + 1], set[#set + 2] = names[n], num((known[n] or 0) + c[names[n]]) end
  for name, value in pairs(noted[handler]) do set[#set + 1], set[#set + 2] = name, value end
  local seq = num((known[2] or 0) + 1)
  call('HSET', job, 'seq', seq, unpack(set))
  marks[#marks + 1], marks[#marks + 2] = seq, handler
end

local function write_counts()
  local marks = {}
  for _, handler in ipairs(counting) do write_counted(handler, counted[handler], marks) end
  for first = 1, #marks, 1000 do call('ZADD', P .. 'dirty', unpack(marks, first, math.min(first + 999, #marks))) end
  counted, noted, counting = {}, {}, {}
end

local LETTERS = 5000

-- An effect that was given up, among the dead letters of events.
local function bury_effect(handler, body, reason, message)
  call('XADD', P .. 'edead', 'MAXLEN', LETTERS, '*', 'reason', reason, 'message', string.sub(message, 1, ERROR_LIMIT), 'at', stamp,
    'handler', handler, 'text', body)
end

-- A handler's pace as count, per, and whether what is over is put off; nil for ''.
local function read_pace(text)
  local count_in, per, over = string.match(text or '', '^(%d+):(%d+):(%a)$')
  if count_in then return tonumber(count_in), tonumber(per), over == 'd' end
end
