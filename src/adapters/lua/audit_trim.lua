-- Forgets the rows of the audit trail up to an anchor, unless there is a later one.
-- KEYS chain, rows; ARGV chain id, number of the first row kept, then the anchor: number, seal, signature.
local chain = redis.call('HMGET', KEYS[1], 'chain_id', 'anchor_seq')
if chain[1] ~= ARGV[1] or tonumber(chain[2]) >= tonumber(ARGV[3]) then
  return 0
end
redis.call('HSET', KEYS[1], 'anchor_seq', ARGV[3], 'anchor_mac', ARGV[4], 'signature', ARGV[5])
redis.call('XTRIM', KEYS[2], 'MINID', ARGV[2] .. '-0')
return 1
