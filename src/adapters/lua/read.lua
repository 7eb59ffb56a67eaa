-- Reads what a result is derived from. KEYS evidence, others, told.
-- Returns version, events, aggregates, number and bytes of other outcomes, and what was told; or nothing for no state.
local fields = redis.call('HMGET', KEYS[1], 'version', 'events', 'body', 'others')
if not fields[1] then
  return {}
end
return {fields[1], fields[2], fields[3], fields[4], redis.call('GET', KEYS[2]) or '', redis.call('GET', KEYS[3]) or ''}
