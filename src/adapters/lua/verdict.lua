-- Keeps what became of an event that added nothing. KEYS verdict; ARGV status, lifetime in seconds. Returns 1.
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
