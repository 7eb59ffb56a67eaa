-- Reads the offsets of a partition. KEYS offsets of the partition. Returns applied, published; '' for none.
return {redis.call('HGET', KEYS[1], 'applied') or '', redis.call('HGET', KEYS[1], 'published') or ''}
