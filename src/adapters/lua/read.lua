-- Reads what a result is derived from. KEYS evidence, others, told. ARGV the version that is known already, or ''.
-- Returns version and what was told, and where the version is not the known one events, aggregates, number and bytes of
-- other outcomes, and the marker that the state was made under; or nothing for no state.
local version = redis.call('HGET', KEYS[1], 'version')
if not version then
  return {}
end
local told = redis.call('GET', KEYS[3]) or ''
if version == ARGV[1] then
  return {version, told}
end
local fields = redis.call('HMGET', KEYS[1], 'events', 'body', 'others', 'erased')
return {version, told, fields[1], fields[2], fields[3], redis.call('GET', KEYS[2]) or '', fields[4] or ''}
