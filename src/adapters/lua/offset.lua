-- Moves an offset of a partition. KEYS offsets of the partition; ARGV field, expected or 'max', new.
-- With an expected value ('' for none) it is a compare-and-set that returns 1 or 0; with 'max' the offset never moves
-- backwards, and the result is what it is now.
local now = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if ARGV[2] == 'max' then
  if now ~= '' and tonumber(now) >= tonumber(ARGV[3]) then
    return tonumber(now)
  end
elseif now ~= ARGV[2] then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return ARGV[2] == 'max' and tonumber(ARGV[3]) or 1
