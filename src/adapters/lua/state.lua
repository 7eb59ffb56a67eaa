-- Reads everything of a student. KEYS evidence, answers, others, counted.
-- Returns events, aggregates, numbers of answers and of other outcomes, and the bytes of both and of the ids counted; or
-- nothing for no state.
local fields = redis.call('HMGET', KEYS[1], 'events', 'body', 'answers', 'others')
if not fields[2] then
  return {}
end
for i = 2, 4 do
  fields[3 + i] = redis.call('GET', KEYS[i]) or ''
end
return fields
