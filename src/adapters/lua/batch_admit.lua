-- Lets a job in, or finds the one that was made with the same request key.
-- KEYS  the unfinished jobs of who asks, then the request key where there is one
-- ARGV  batch id, digest of what is asked, most unfinished jobs, lifetime in seconds, time
-- Returns {'created' | 'known' | 'conflict' | 'full', batch id}.
if KEYS[2] then
  local known = redis.call('HMGET', KEYS[2], 'batch_id', 'content')
  if known[1] then
    return {known[2] == ARGV[2] and 'known' or 'conflict', known[1]}
  end
end
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then
  return {'full', ''}
end
redis.call('ZADD', KEYS[1], ARGV[5], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[4])
if KEYS[2] then
  redis.call('HSET', KEYS[2], 'batch_id', ARGV[1], 'content', ARGV[2])
  redis.call('EXPIRE', KEYS[2], ARGV[4])
end
return {'created', ARGV[1]}
