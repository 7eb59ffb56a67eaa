-- Takes a job, if nobody holds it.
-- KEYS  status, pending
-- ARGV  time, end of the lease
-- Returns {specification, token, attempts, the students left joined by line feeds}, {} where somebody holds it, or nothing
-- where it is ended or gone.
local found = redis.call('HMGET', KEYS[1], 'status', 'lease_until_us', 'spec')
if found[1] ~= 'queued' and found[1] ~= 'running' then
  return false
end
if tonumber(found[2]) > tonumber(ARGV[1]) then
  return {}
end
local token = redis.call('HINCRBY', KEYS[1], 'token', 1)
local attempts = redis.call('HINCRBY', KEYS[1], 'attempts', 1)
redis.call('HSET', KEYS[1], 'status', 'running', 'lease_until_us', ARGV[2])
return {found[3], token, attempts, table.concat(redis.call('ZRANGE', KEYS[2], 0, -1), '\n')}
