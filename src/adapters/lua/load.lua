-- Reads what a student's part of a batch is worked out from. KEYS as apply.lua has them.
-- Returns version, events, aggregates, numbers of answers and of other outcomes, ids counted, other outcomes; or nothing.
local fields = redis.call('HMGET', KEYS[1], 'version', 'events', 'body', 'answers', 'others')
if not fields[1] then
  return {}
end
return {fields[1], fields[2], fields[3], fields[4], fields[5], redis.call('GET', KEYS[4]) or '',
  redis.call('GET', KEYS[3]) or ''}
