-- Keeps notices for a target, but for those that are kept already.
-- KEYS due, notices, then for each notice the index of its student. ARGV lifetime in seconds, how the target is called in
-- an index, then for each notice when it is due, its id and its content.
for at = 0, #KEYS - 3 do
  local due, id, content = ARGV[3 + 3 * at], ARGV[4 + 3 * at], ARGV[5 + 3 * at]
  if redis.call('HSETNX', KEYS[2], id, content) == 1 then
    redis.call('ZADD', KEYS[1], due, id)
  end
  redis.call('SADD', KEYS[3 + at], ARGV[2] .. ' ' .. id)
  redis.call('EXPIRE', KEYS[3 + at], ARGV[1])
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
redis.call('EXPIRE', KEYS[2], ARGV[1])
return 1
