#!lua flags=allow-oom
-- needs: waiting
-- Ends attempts at waiting effects. ARGV: group, then for each seven values: item, token, ending (done | retry | away |
-- skipped | failed), wait in ms, reason, message, the UID of the job that was created ('' = none). Answers 1, or 0 where the token
-- is not current.
local LOOKED_AT = 5000

local function settle_effect(item, token, ending, wait, reason, message, created)
  local i = load_item(item)
  if not i or i.tok ~= token then return 0 end
  if ending == 'retry' or ending == 'away' then
    call('HDEL', P .. 'ei:' .. item, 'tok')
    if ending == 'away' then call('HINCRBY', P .. 'ei:' .. item, 'aw', 1) end
    call('ZADD', P .. 'ewait', num(now + tonumber(wait)), item)
    if message ~= '' then note_error(i.h, message, i.ev) end
    return 1
  end
  if ending == 'done' then
    note_done(i.h)
    if created ~= '' and call('EXISTS', P .. 'job:' .. i.h) == 1 then
      call('ZADD', P .. 'eopen:' .. i.h, stamp, 'j:' .. created)
      want_tending(i.h, LOOKED_AT)
    end
  else
    count(i.h, 'e:bad')
    note_error(i.h, message, i.ev)
    if ending == 'failed' then bury_effect(i.h, i.b, reason, message) end
  end
  forget_item(item, i)
  if call('ZCARD', P .. 'eline:' .. i.h) > 0 then want_tending(i.h, 0) end
  return 1
end

local answers = {}
for first = 2, #ARGV, 7 do answers[#answers + 1] = settle_effect(unpack(ARGV, first, first + 6)) end
write_counts()
return answers
