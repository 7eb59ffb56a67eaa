-- Keeps the thresholds of a cohort, where there is one. KEYS cohort. ARGV the thresholds.
-- Returns 1, or 0 for no cohort.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
redis.call('HSET', KEYS[1], 'thresholds', ARGV[1])
return 1
