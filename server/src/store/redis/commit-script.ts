// The atomic commit as Redis runs it.

/**
 * KEYS[1]: the prefix. ARGV: how many expectations, then for each expectation and each change: map, key, whether there
 * is a value, the value. Answers 1, or 0 with nothing changed where an expectation does not hold.
 */
export const COMMIT_SCRIPT = `
local expectations = tonumber(ARGV[1])
local function rowAt(index)
  local at = 2 + index * 4
  return KEYS[1] .. ARGV[at], ARGV[at + 1], ARGV[at + 2] == '1', ARGV[at + 3]
end
for index = 0, expectations - 1 do
  local map, key, hasValue, value = rowAt(index)
  local found = redis.call('HGET', map, key)
  if hasValue then
    if found ~= value then return 0 end
  elseif found then
    return 0
  end
end
for index = expectations, (#ARGV - 1) / 4 - 1 do
  local map, key, hasValue, value = rowAt(index)
  if hasValue then
    redis.call('HSET', map, key, value)
    redis.call('ZADD', map .. ':order', 0, key)
  else
    redis.call('HDEL', map, key)
    redis.call('ZREM', map .. ':order', key)
  end
end
return 1
`;
