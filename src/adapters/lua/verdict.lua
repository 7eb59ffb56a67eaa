-- Keeps what became of an event that added nothing, unless the student was erased after that event was received.
-- KEYS verdict, marker of an erasure, list of the day's checkpoints
-- ARGV status, lifetime in seconds, when the event was received, lifetime of the list
-- Returns 1, or 0 where the event is refused.
local marker = redis.call('GET', KEYS[2])
if marker then
  local consented = string.match(marker, '^%d+:%d+:(%d*)$')
  if consented == '' or tonumber(ARGV[3]) <= tonumber(consented) then
    return 0
  end
end
if redis.call('RPUSH', KEYS[3], KEYS[1]) == 1 then
  redis.call('EXPIRE', KEYS[3], ARGV[4])
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
