-- Writes the snapshots of a student, if the state is still at the version that they were derived from.
-- KEYS  evidence, then a key for each snapshot
-- ARGV  version, lifetime in seconds, then the text of each snapshot
-- Returns 1, or 0 where the state is another or gone.
if redis.call('HGET', KEYS[1], 'version') ~= ARGV[1] then
  return 0
end
for i = 2, #KEYS do
  redis.call('SET', KEYS[i], ARGV[1 + i], 'EX', ARGV[2])
end
return 1
