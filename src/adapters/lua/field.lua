-- Reads one field of a student's state. KEYS evidence. ARGV the field.
-- Returns its bytes, or nothing for no state.
local value = redis.call('HGET', KEYS[1], ARGV[1])
return value and {value} or {}
