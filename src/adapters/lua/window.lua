-- Reads one window of outcomes. KEYS evidence, the window; ARGV the name of its number: answers or others.
-- Returns how many are stored, and their bytes.
return {redis.call('HGET', KEYS[1], ARGV[1]) or '0', redis.call('GET', KEYS[2]) or ''}
