#!lua flags=allow-oom
-- needs: waiting
-- Counts events that handlers let pass by. ARGV: group, token, then for each five values: handler, filtered, errors, the
-- last error's message, its event's id. A token counts once.
local REMEMBERED = 600000
if not call('SET', P .. 'etally:' .. ARGV[2], 1, 'NX', 'PX', REMEMBERED) then return 0 end
for first = 3, #ARGV, 5 do
  local handler, filtered, errors, message, event = unpack(ARGV, first, first + 4)
  count(handler, 'e:f', tonumber(filtered))
  count(handler, 'e:er', tonumber(errors))
  if message ~= '' then note_error(handler, message, event) end
end
write_counts()
return 1
