-- Returns where the audit trail begins and ends, of one moment. KEYS chain, rows.
-- Returns chain id, the anchor's number and seal, its signature ('' for what is missing), and the last row as a list.
local found = redis.call('HMGET', KEYS[1], 'chain_id', 'anchor_seq', 'anchor_mac', 'signature')
for i = 1, 4 do
  found[i] = found[i] or ''
end
found[5] = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)
return found
