-- Adds a student's part of a batch in one step, if the state is still the one that the sums were worked out from.
-- KEYS  evidence, answers, others, counted, marker of an erasure, list of the day's checkpoints, then a checkpoint for
--       each event counted
-- ARGV  expected version ('' where there is no state), new version, events ever counted, packed aggregates,
--       first day kept, lifetime of the state (where it is over, the state goes) and of a checkpoint in seconds,
--       for answers, others and counted: 'APPEND' or 'SET' and the bytes; entries in answers and others;
--       the marker that the events were judged by ('' for none), lifetime of the list; then the digest of each event's content
-- Returns 1, or 0 where the state is another.
if (redis.call('HGET', KEYS[1], 'version') or '') ~= ARGV[1] then
  return 0
end
if ARGV[1] == '' then
  -- A state is made under a marker; a newer one deletes it, so that as long as the version holds the marker does too.
  if (redis.call('GET', KEYS[5]) or '') ~= ARGV[16] then
    return 0
  end
  if ARGV[16] ~= '' then
    redis.call('HSET', KEYS[1], 'erased', ARGV[16])
  end
end
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'events', ARGV[3], 'body', ARGV[4], 'first_day', ARGV[5],
  'answers', ARGV[14], 'others', ARGV[15])
redis.call('EXPIRE', KEYS[1], ARGV[6])
for i = 2, 4 do
  local how, bytes = ARGV[4 + 2 * i], ARGV[5 + 2 * i]
  if how == 'APPEND' and bytes ~= '' then
    -- Not APPEND itself: when the power fails in the middle of this, Redis 7.0 may carry out half of it when it starts for
    -- the second time, and what is put in its place as a whole does no harm twice.
    redis.call('SET', KEYS[i], (redis.call('GET', KEYS[i]) or '') .. bytes)
  elseif how == 'SET' then
    redis.call('SET', KEYS[i], bytes)
  end
  redis.call('EXPIRE', KEYS[i], ARGV[6])
end
-- The list lets an erasure find the checkpoints without looking through all keys; it may name some twice.
for first = 7, #KEYS, 1000 do
  local last = math.min(first + 999, #KEYS)
  if redis.call('RPUSH', KEYS[6], unpack(KEYS, first, last)) == last - first + 1 then
    redis.call('EXPIRE', KEYS[6], ARGV[17])
  end
end
for i = 7, #KEYS do
  redis.call('SET', KEYS[i], ARGV[11 + i], 'EX', ARGV[7])
end
return 1
