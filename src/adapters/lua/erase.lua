-- Deletes everything of a student and sets the marker of the erasure, or of the consent after it, in one step.
-- KEYS  marker, then lists that name keys to delete, then keys to delete
-- ARGV  marker, number of the erasure, number of lists
-- Returns how many keys went; -1 where the marker is newer, or tells of consent after this very erasure.
local number, consented = string.match(redis.call('GET', KEYS[1]) or '0:0:', '^(%d+):%d+:(%d*)$')
number = tonumber(number)
if number > tonumber(ARGV[2]) or (number == tonumber(ARGV[2]) and consented ~= '') then
  return -1
end
local gone = 0
local function delete(keys, first)
  for start = first, #keys, 1000 do
    gone = gone + redis.call('UNLINK', unpack(keys, start, math.min(start + 999, #keys)))
  end
end
for i = 2, ARGV[3] + 1 do
  delete(redis.call('LRANGE', KEYS[i], 0, -1), 1)
end
delete(KEYS, 2)
redis.call('SET', KEYS[1], ARGV[1])
return gone
