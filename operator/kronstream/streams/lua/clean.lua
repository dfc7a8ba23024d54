#!lua flags=allow-oom
-- Takes back marks of statuses that were written. ARGV: group, then uid and the sequence number written, in pairs.
for i = 2, #ARGV, 2 do
  local score = call('ZSCORE', P .. 'dirty', ARGV[i])
  if score and tonumber(score) <= tonumber(ARGV[i + 1]) then call('ZREM', P .. 'dirty', ARGV[i]) end
end
return 1
