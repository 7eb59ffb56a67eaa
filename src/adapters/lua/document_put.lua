-- Keeps a document if its version is the one expected. KEYS document; ARGV expected ('' for none), new version, body.
-- Returns 1, or 0 where the version is another.
if (redis.call('HGET', KEYS[1], 'version') or '') ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'body', ARGV[3])
return 1
