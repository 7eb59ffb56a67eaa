-- Writes those results of a job that are not there yet, and prolongs the lease, if it still holds.
-- KEYS  status, pending, results, failed, changed
-- ARGV  token, end of the lease; then of each item the student, 'done' or 'failed', 1 where the level changes, and the body
-- Returns 1, or 0 where the lease does not hold.
local found = redis.call('HMGET', KEYS[1], 'status', 'token')
if found[1] ~= 'running' or found[2] ~= ARGV[1] then
  return 0
end
for i = 3, #ARGV, 4 do
  local student = ARGV[i]
  local position = redis.call('ZSCORE', KEYS[2], student)
  -- What was erased meanwhile is not pending. The result comes first: half of this, done again, is the whole.
  if position then
    redis.call('HSETNX', KEYS[3], student, ARGV[i + 3])
    if ARGV[i + 1] == 'failed' then
      redis.call('ZADD', KEYS[4], position, student)
    end
    if ARGV[i + 2] == '1' then
      redis.call('SADD', KEYS[5], student)
    end
    redis.call('ZREM', KEYS[2], student)
  end
end
local lifetime = redis.call('PTTL', KEYS[1])
for i = 3, 5 do
  redis.call('PEXPIRE', KEYS[i], lifetime)
end
redis.call('HSET', KEYS[1], 'lease_until_us', ARGV[2])
if #ARGV > 2 then
  redis.call('HSET', KEYS[1], 'attempts', 0)
end
return 1
