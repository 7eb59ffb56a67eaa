-- Reads the window of outcomes that are no answers. KEYS evidence, others.
-- Returns how many are stored, and their bytes.
return {redis.call('HGET', KEYS[1], 'others') or '0', redis.call('GET', KEYS[2]) or ''}
