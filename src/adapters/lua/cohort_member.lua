-- Makes somebody a member of a cohort, or one no longer.
-- KEYS  cohort, its members of a kind, the cohorts that this member is in
-- ARGV  cohort id, new version, 'SADD' or 'SREM', member id, how many members of the kind there may be
-- Returns 1 changed, 0 unchanged, -1 no such cohort, -2 full.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return -1
end
local adding = ARGV[3] == 'SADD'
if (redis.call('SISMEMBER', KEYS[2], ARGV[4]) == 1) == adding then
  return 0
end
if adding and redis.call('SCARD', KEYS[2]) >= tonumber(ARGV[5]) then
  return -2
end
redis.call(ARGV[3], KEYS[2], ARGV[4])
redis.call(ARGV[3], KEYS[3], ARGV[1])
redis.call('HSET', KEYS[1], 'version', ARGV[2])
return 1
