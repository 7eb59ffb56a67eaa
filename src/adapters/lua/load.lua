-- Reads what a student's part of a batch is worked out from. KEYS as apply.lua has them.
-- Returns the marker of an erasure that the state was made under, version, events, aggregates, numbers of answers and of
-- other outcomes, ids counted, other outcomes; where there is no state only the marker that one would be made under.
local fields = redis.call('HMGET', KEYS[1], 'version', 'events', 'body', 'answers', 'others', 'erased')
if not fields[1] then
  return {redis.call('GET', KEYS[5]) or ''}
end
return {fields[6] or '', fields[1], fields[2], fields[3], fields[4], fields[5], redis.call('GET', KEYS[4]) or '',
  redis.call('GET', KEYS[3]) or ''}
