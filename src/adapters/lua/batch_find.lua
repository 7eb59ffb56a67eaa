-- Reads a job, all of one moment.
-- KEYS  status, items, results, failed, changed
-- ARGV  how many of the items that failed are told
-- Returns {specification, status, finished or '', items, results, failed, changed, then of each item that failed the
-- student and the body}; or nothing for no job.
local found = redis.call('HMGET', KEYS[1], 'spec', 'status', 'finished_us')
if not found[1] then
  return false
end
local job = {found[1], found[2], found[3] or '', redis.call('ZCARD', KEYS[2]), redis.call('HLEN', KEYS[3]),
  redis.call('ZCARD', KEYS[4]), redis.call('SCARD', KEYS[5])}
for _, student in ipairs(redis.call('ZRANGE', KEYS[4], 0, ARGV[1] - 1)) do
  job[#job + 1] = student
  job[#job + 1] = redis.call('HGET', KEYS[3], student)
end
return job
