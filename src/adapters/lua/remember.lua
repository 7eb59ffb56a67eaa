-- Writes what was derived of a student, if the state is still at the version that it was derived from.
-- KEYS  evidence, then a key for each value
-- ARGV  version, lifetime in seconds, then each value
-- Returns 1; 0 where the state is another; -1 where it is gone.
local version = redis.call('HGET', KEYS[1], 'version')
if not version then
  return -1
elseif version ~= ARGV[1] then
  return 0
end
for i = 2, #KEYS do
  redis.call('SET', KEYS[i], ARGV[1 + i], 'EX', ARGV[2])
end
return 1
