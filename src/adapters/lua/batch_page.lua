-- Reads items of a job that are ended, in the order asked for.
-- KEYS  items, results, failed, changed
-- ARGV  the position after which to begin, how many
-- Returns of each the position, the student, 1 where it failed, 1 where the level changes, and the body.
local page, wanted, after = {}, tonumber(ARGV[2]), ARGV[1]
while #page < 5 * wanted do
  local items = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. after, '+inf', 'WITHSCORES', 'LIMIT', 0, wanted)
  if #items == 0 then
    break
  end
  for i = 1, #items, 2 do
    local body = #page < 5 * wanted and redis.call('HGET', KEYS[2], items[i])
    if body then
      local failed = redis.call('ZSCORE', KEYS[3], items[i]) and 1 or 0
      local entry = {tonumber(items[i + 1]), items[i], failed, redis.call('SISMEMBER', KEYS[4], items[i]), body}
      for _, value in ipairs(entry) do
        page[#page + 1] = value
      end
    end
    after = items[i + 1]
  end
end
return page
