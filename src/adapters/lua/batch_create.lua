-- Makes a job that was let in, unless it is there.
-- KEYS  status, items, pending
-- ARGV  specification, kind, requester, lifetime in seconds, the students joined by line feeds
-- Returns 1, or 0 where it is there.
if redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
local position = 0
for student in string.gmatch(ARGV[5], '[^\n]+') do
  redis.call('ZADD', KEYS[2], position, student)
  redis.call('ZADD', KEYS[3], position, student)
  position = position + 1
end
for i = 2, 3 do
  redis.call('EXPIRE', KEYS[i], ARGV[4])
end
redis.call('HSET', KEYS[1], 'kind', ARGV[2], 'status', 'queued', 'requester', ARGV[3], 'spec', ARGV[1],
  'token', 0, 'attempts', 0, 'lease_until_us', 0)
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1
