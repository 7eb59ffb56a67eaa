-- Reads a cohort, all of one moment. KEYS cohort, its students, its teachers.
-- Returns version, name, students, teachers; or nothing for no cohort.
local fields = redis.call('HMGET', KEYS[1], 'version', 'name')
if not fields[1] then
  return {}
end
return {fields[1], fields[2], redis.call('SMEMBERS', KEYS[2]), redis.call('SMEMBERS', KEYS[3])}
