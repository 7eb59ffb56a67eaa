-- Forgets a notice of a target. KEYS due, notices, attempts, the index of its student. ARGV its id, and its entry in the index.
-- Returns 1, or 0 where there was none.
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
redis.call('SREM', KEYS[4], ARGV[2])
return redis.call('HDEL', KEYS[2], ARGV[1])
