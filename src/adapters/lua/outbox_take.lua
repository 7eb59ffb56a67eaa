-- Takes the notices that are due to a target. KEYS due, notices, attempts. ARGV now, until when, how many, lifetime in seconds.
-- Returns for each the how-manieth attempt it is, and its content.
local found = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])) do
  local content = redis.call('HGET', KEYS[2], id)
  if content then
    redis.call('ZADD', KEYS[1], ARGV[2], id)
    table.insert(found, redis.call('HINCRBY', KEYS[3], id, 1))
    table.insert(found, content)
  else
    redis.call('ZREM', KEYS[1], id)
  end
end
redis.call('EXPIRE', KEYS[3], ARGV[4])
return found
