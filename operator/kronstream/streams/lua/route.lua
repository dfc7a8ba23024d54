#!lua
-- needs: admission
-- needs: requesting
-- needs: waiting
-- Lets events have their effects. ARGV[2] the epoch, then twenty values for each effect: handler, generation, item, event
-- id, kind (run | create), body, dedupe ('<window>:<digest>' or ''), debounce ('<quiet>:<most>:<l|f>:<digest>' or ''), pace
-- ('<count>:<per>:<d|x>' or ''), most open, retry in ('' = it fails); and of its request uid ('' = there is no such job),
-- run, nominal, generation, payload, keys, by, trace, depth ('' = none). Answers {word, detail} for each (see FateWord),
-- or {'epoch'} alone when the store was lost since.
local WIDTH = 20

local function given(text) return text ~= '' and text or nil end

local function parse(first)
  local e = { handler = ARGV[first], gen = ARGV[first + 1], item = ARGV[first + 2], event = ARGV[first + 3], kind = ARGV[first + 4],
    body = ARGV[first + 5], dedupe = ARGV[first + 6], debounce = ARGV[first + 7], pace = ARGV[first + 8], most_open = ARGV[first + 9],
    retry_in = ARGV[first + 10] }
  if ARGV[first + 11] ~= '' then
    e.request = { uid = ARGV[first + 11], run = ARGV[first + 12], nominal = ARGV[first + 13], gen = given(ARGV[first + 14]),
      payload = given(ARGV[first + 15]), keys = given(ARGV[first + 16]), by = given(ARGV[first + 17]), trace = given(ARGV[first + 18]),
      depth = given(ARGV[first + 19]) }
  end
  return e
end

-- Whether the caller may speak for a handler: what refuses it, or nil.
local generations = {}
local function refused(e)
  local gen = generations[e.handler]
  if gen == nil then
    gen = tonumber(call('HGET', P .. 'job:' .. e.handler, 'gen')) or false
    if not gen and call('EXISTS', P .. 'tomb:' .. e.handler) == 1 then gen = 'deleted' end
    generations[e.handler] = gen
  end
  if gen == 'deleted' then return 'deleted', '' end
  local own = tonumber(e.gen)
  if not gen or gen < own then return 'unknown', '' end
  if gen > own then return 'stale', num(gen) end
  return nil
end

-- What became of an effect that was routed before, or nil.
local function answered(e)
  local run = e.request and e.request.run
  if not run then return call('GET', P .. 'ec:' .. e.item) or nil end
  local told = call('MGET', P .. 'ec:' .. e.item, P .. 'claim:' .. run)
  if told[1] then return told[1] end
  -- a worker may hold the run of a store that was lost
  local started = told[2] == 'started' or (not told[2] and call('EXISTS', P .. 'run:' .. run) == 1)
  return started and 'started:' .. run or told[2]
end

-- Remembers what became of an effect; the claim of its run tells that of one that was begun.
local function fate(e, word, detail)
  call('SET', P .. 'ec:' .. e.item, word .. ':' .. (detail or ''), 'PX', CLAIMED)
  return { word, detail or '' }
end

-- Puts an effect into the window of its key: into the one that is open, or a new one. Answers nil when there is none.
local function debounced(e)
  if e.debounce == '' then return nil end
  local quiet, most, take, digest = string.match(e.debounce, '^(%d+):(%d+):(%a):(.+)$')
  local window = P .. 'edb:' .. e.handler .. ':' .. digest
  local item = call('GET', window)
  local i = item and load_item(item)
  if i and i.db == digest then
    if take == 'l' and #e.body > #i.b and full(0, #e.body - #i.b) then return { 'full', '' } end
    local due = math.min(now + tonumber(quiet), tonumber(i.s) + tonumber(most))
    call('ZADD', P .. 'ewait', num(due), item)
    if take == 'l' then
      call('HSET', P .. 'ei:' .. item, 'b', e.body, 'ev', e.event)
      weigh(0, #e.body - #i.b)
    end
    count(e.handler, 'e:db')
    return fate(e, 'debounced', num(due))
  end
  if full(1, #e.body) then return { 'full', '' } end
  local due = now + math.min(tonumber(quiet), tonumber(most))
  keep(e.item, e, due)
  call('HSET', P .. 'ei:' .. e.item, 'db', digest, 'pc', e.pace)
  call('SET', window, e.item, 'PX', num(tonumber(most) + CLAIMED))
  remark(e.handler)
  return fate(e, 'debounced', num(due))
end

local function create(e)
  if full(1, #e.body) then return { 'full', '' } end
  keep(e.item, e, now)
  find_place(e.item, e.handler, e.most_open)
  remark(e.handler)
  return fate(e, 'queued')
end

-- A run whose job is not there, or cannot be used.
local function try_again(e, word)
  local message = word == 'gone' and 'there is no such job' or 'the job cannot be used: its spec is invalid'
  if e.retry_in ~= '' and full(1, #e.body) then return { 'full', '' } end
  note_triggered(e.handler)
  note_error(e.handler, message, e.event)
  if e.retry_in ~= '' then
    keep(e.item, e, now + tonumber(e.retry_in), 1)
  else
    count(e.handler, 'e:bad')
    bury_effect(e.handler, e.body, word == 'gone' and 'NoSuchJob' or 'JobInvalid', message)
  end
  return fate(e, word)
end

local function run(e)
  if not e.request then return try_again(e, 'gone') end
  local word, detail = begin(e.request)
  if word == 'moved' then return { word, detail } end
  if word == 'gone' or word == 'held' then return try_again(e, word) end
  note_triggered(e.handler)
  if word == 'started' then
    note_done(e.handler)
    return { word, e.request.run }
  end
  count(e.handler, 'e:bad')
  note_error(e.handler, 'the run was skipped: ' .. detail, e.event)
  return { word, detail }
end

-- Holds an effect to its handler's pace; nil lets it act.
local function paced(e)
  if e.pace == '' then return nil end
  local per_time, per, delays = read_pace(e.pace)
  local at = next_begin('e/' .. e.handler, per_time, per)
  if at <= now then return nil end
  if delays and full(1, #e.body) then return { 'full', '' } end
  count(e.handler, 'e:rl')
  if not delays then return fate(e, 'dropped') end
  at = math.ceil(reserve('e/' .. e.handler, per_time, per))
  keep(e.item, e, at)
  call('HSET', P .. 'ei:' .. e.item, 'pd', 1)
  return fate(e, 'delayed', num(at))
end

local STORED_NOTHING = { full = true, moved = true }

local function act(e)
  local answer = debounced(e) or paced(e)
  if answer then return answer end
  answer = e.kind == 'create' and create(e) or e.kind ~= 'create' and run(e)
  if e.pace ~= '' and not STORED_NOTHING[answer[1]] then
    local per_time, per = read_pace(e.pace)
    reserve('e/' .. e.handler, per_time, per)
  end
  return answer
end

local function route(e)
  local word, detail = refused(e)
  if word then return { word, detail } end
  local before = answered(e)
  if before then return { 'known', before } end
  if e.dedupe == '' then return act(e) end
  local window, digest = string.match(e.dedupe, '^(%d+):(.+)$')
  local key = P .. 'ede:' .. e.handler .. ':' .. digest
  if call('EXISTS', key) == 1 then
    count(e.handler, 'e:dd')
    return fate(e, 'duplicate')
  end
  local answer = act(e)
  if not STORED_NOTHING[answer[1]] then call('SET', key, e.item, 'PX', window) end
  return answer
end

if call('GET', P .. 'epoch') ~= ARGV[2] then return { { 'epoch', '' } } end
local answers = {}
for first = 3, #ARGV, WIDTH do answers[#answers + 1] = route(parse(first)) end
-- a handler's own runs are marked by `flush`, too: its mark has to be the last one
flush()
write_counts()
return answers
