-- Reads a cohort, all of one moment. KEYS cohort, its students, its teachers.
-- Returns version, name, thresholds or '', students, teachers; or nothing for no cohort. Of thousands of members each in a reply of its own
-- would cost the client more than all the rest, so they come joined by line feeds, which no id has.
local fields = redis.call('HMGET', KEYS[1], 'version', 'name', 'thresholds')
if not fields[1] then
  return {}
end
return {fields[1], fields[2], fields[3] or '', table.concat(redis.call('SMEMBERS', KEYS[2]), '\n'),
  table.concat(redis.call('SMEMBERS', KEYS[3]), '\n')}
