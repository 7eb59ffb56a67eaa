-- Keeps a cohort, or removes it, if its version is the one that the changes were worked out from.
-- KEYS  cohort, its students, its teachers, all cohorts; then of each member who comes or goes the cohorts that they are in
-- ARGV  cohort id, expected version ('' for none), new version ('' to remove the cohort), name; then for each of these
--       members 2 or 3 (which of KEYS they are a member in), 'SADD' or 'SREM', and their id
-- Returns 1, or 0 where the cohort is another.
if (redis.call('HGET', KEYS[1], 'version') or '') ~= ARGV[2] then
  return 0
end
if ARGV[3] == '' then
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[4], ARGV[1])
else
  redis.call('HSET', KEYS[1], 'version', ARGV[3], 'name', ARGV[4])
  redis.call('ZADD', KEYS[4], 0, ARGV[1])
end
for i = 5, #KEYS do
  local at = 3 * i - 10
  redis.call(ARGV[at + 1], KEYS[tonumber(ARGV[at])], ARGV[at + 2])
  redis.call(ARGV[at + 1], KEYS[i], ARGV[1])
end
return 1
