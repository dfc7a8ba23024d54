#!lua flags=allow-oom
-- needs: holding
-- needs: plain
-- Ends attempts. ARGV: group, then for every outcome fourteen values: run, token, state, reason, retry_in ('' = over),
-- duration, result, error JSON, output, uid, generation, nominal, message, killed (1: it ended the process that executed
-- it, else ''). Answers 1 (recorded, or recorded before) or 0 (the token is not current; nothing was written) for each, or
-- -1 alone: the store was lost, and is not filled again as far as one of the jobs; nothing was written.

local function finish(id, token, state, why, retry_in, duration, result, err, out, uid, gen, nominal, message, killed)
  if state == 'success' and err == '' and message == '' then
    local r = load_run(id, PLAIN_FIELDS)
    if r and r.st == 'running' and r.tok == token and succeed(id, r, duration, result, out) then return 1 end
  end
  flush_plain()
  local r = load_run(id) or revive(id, uid, gen, nominal, token)
  if not r then return 0 end
  local adopted = r.rv and r.st == 'queued' and not r.eid
  if not adopted and r.tok ~= token then return 0 end
  if not adopted and r.st ~= 'running' then return 1 end
  if adopted then
    r.att = '1'
    call('HSET', P .. 'run:' .. id, 'att', 1, 'tok', token)
    call('HDEL', P .. 'run:' .. id, 'rv')
    seize(id, r)
  end
  conclude(id, r, state, why, retry_in, duration, result, err, out, message, killed == '1')
  return 1
end

if call('EXISTS', P .. 'epoch') == 0 then
  for i = 2, #ARGV, 14 do
    if call('EXISTS', P .. 'run:' .. ARGV[i], P .. 'job:' .. ARGV[i + 9]) == 0 then return { -1 } end
  end
end
local answers = {}
for i = 2, #ARGV, 14 do
  answers[#answers + 1] = finish(unpack(ARGV, i, i + 13))
end
flush_plain()
wake()
return answers
