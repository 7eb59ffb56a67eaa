-- Takes a student out of a job, with what became of them. KEYS items, pending, results, failed, changed. ARGV the student.
-- Returns 1, or 0 where they are not in it.
for i = 2, 4 do
  redis.call(i == 3 and 'HDEL' or 'ZREM', KEYS[i], ARGV[1])
end
redis.call('SREM', KEYS[5], ARGV[1])
return redis.call('ZREM', KEYS[1], ARGV[1])
