-- Ends a job that is not ended.
-- KEYS  status, pending
-- ARGV  new status, time, token of whoever ends their own work ('' for a job that is stopped)
-- Returns who asked for it, or nothing where it was not ended.
local found = redis.call('HMGET', KEYS[1], 'status', 'token', 'requester')
if found[1] ~= 'queued' and found[1] ~= 'running' then
  return false
end
if ARGV[3] ~= '' and found[2] ~= ARGV[3] then
  return false
end
if ARGV[1] == 'completed' and redis.call('EXISTS', KEYS[2]) == 1 then
  return false
end
redis.call('HSET', KEYS[1], 'status', ARGV[1], 'finished_us', ARGV[2])
return found[3]
