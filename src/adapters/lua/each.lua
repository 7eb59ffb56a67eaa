-- Does a script for each of several calls, so that many students cost one command.
-- KEYS  those of all calls
-- ARGV  for each call: how many keys and how many arguments it has, then its arguments
-- Returns the packed list of what each call returns. The text of the script stands in place of the next line.
local function one(KEYS, ARGV)
  --[[ script ]]
end
local results, key, at = {}, 0, 1
while at < #ARGV do
  local keys, arguments, count = {}, {}, tonumber(ARGV[at + 1])
  for i = 1, tonumber(ARGV[at]) do
    key = key + 1
    keys[i] = KEYS[key]
  end
  for i = 1, count do
    arguments[i] = ARGV[at + 1 + i]
  end
  at = at + 2 + count
  results[#results + 1] = one(keys, arguments)
end
return cmsgpack.pack(results)
