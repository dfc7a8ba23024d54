#!lua
-- needs: admission
-- needs: requesting
-- Starts runs that somebody asked for. ARGV[2] the epoch, ARGV[3] JSON array of requests: uid, run, nominal, gen (null: the
-- one in force), payload (JSON text or null), keys (gates as JSON text, or null: those of the job), of (the run that is done again, or null), by, trace, value (of the annotation
-- run-now, or null), depth (how many events led to it, or null: what the job says). Answers for each {word, detail}:
-- started | known (asked for before; the first answer is the detail) | gone | held | moved (another generation is in
-- force, its number is the detail) | busy (what is to be done again is not over) | lost (it has no record) |
-- skipped (the detail is the reason); or {'epoch'} alone when the store was lost since.

-- The first answer to a request, if there was one.
local function answered(q)
  local answer = call('GET', P .. 'claim:' .. q.run)
  if answer then return answer end
  -- claims are lost with the store; its job's status still told the value, or a worker the run
  local value = field(q.value)
  if value and call('HGET', P .. 'job:' .. q.uid, 'rn') == value then return 'started' end
  return call('EXISTS', P .. 'run:' .. q.run) == 1 and 'started' or nil
end

local function request(q)
  local before = answered(q)
  if not before then return { begin(q) } end
  -- an older value that came back is the one that the status has to tell: the claim may be lost
  local job = P .. 'job:' .. q.uid
  if field(q.value) and call('EXISTS', job) == 1 and call('HGET', job, 'rn') ~= q.value then
    call('HSET', job, 'rn', q.value)
    mark(q.uid)
  end
  return { 'known', before }
end

if call('GET', P .. 'epoch') ~= ARGV[2] then return { { 'epoch', '' } } end
local answers = {}
for i, q in ipairs(cjson.decode(ARGV[3])) do answers[i] = request(q) end
flush()
return answers
