#!lua flags=no-writes
-- Reads records. Answers version and value of each, in the order of their keys.
-- KEYS: state; then the records. ARGV: epoch.
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return redis.error_reply('EPOCH another') end

local records = {}
for place = 2, #KEYS do records[place - 1] = redis.call('HMGET', KEYS[place], 'v', 'd') end
return records
