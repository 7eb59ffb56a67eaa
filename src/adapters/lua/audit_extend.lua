-- Appends rows to the audit trail, if it ends where it is thought to.
-- KEYS  chain, rows, then for each row the lists of who it is about and who acted
-- ARGV  seal of the row expected to be the last ('' where there is none), lifetime of a list in seconds, for a new trail
--       its id, the anchor's number and seal and its signature, else four times '', then for each row its number,
--       content and seal and the number of its lists
-- Returns 1, or 0 where the trail ends elsewhere.
-- The end of the trail is its last row and nothing beside it: when the power fails in the middle of this, Redis 7.0 may
-- carry out half of it when it starts for the second time, and then fewer rows are there, but none without an end.
local last = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
if (last and last[2][4] or '') ~= ARGV[1] then
  return 0
end
if last then
  -- After rows that somebody deleted, Redis would refuse their numbers for ever.
  redis.call('XSETID', KEYS[2], last[1])
else
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[1], 'chain_id', ARGV[3], 'anchor_seq', ARGV[4], 'anchor_mac', ARGV[5], 'signature', ARGV[6])
end
local first = redis.call('HGET', KEYS[1], 'anchor_seq') or '0'
local argument, key = 7, 3
while argument <= #ARGV do
  local seq = ARGV[argument]
  redis.call('XADD', KEYS[2], seq .. '-0', 'body', ARGV[argument + 1], 'mac', ARGV[argument + 2])
  for _ = 1, tonumber(ARGV[argument + 3]) do
    redis.call('ZREMRANGEBYSCORE', KEYS[key], '-inf', first)
    redis.call('ZADD', KEYS[key], seq, seq)
    redis.call('EXPIRE', KEYS[key], ARGV[2])
    key = key + 1
  end
  argument = argument + 4
end
return 1
