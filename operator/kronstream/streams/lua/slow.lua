#!lua
-- Marks runs that take longer than expected. ARGV: group, then run and token in pairs.
for i = 2, #ARGV, 2 do
  local r = load_run(ARGV[i])
  if r and r.st == 'running' and r.tok == ARGV[i + 1] and not r.sl then
    mark_slow(ARGV[i], P .. 'job:' .. r.uid)
    touch(r.uid)
  end
end
return 1
