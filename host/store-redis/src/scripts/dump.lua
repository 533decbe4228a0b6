#!lua flags=no-writes
-- Reads records. Answers version, value, and the time in milliseconds at which each is forgotten (-1: never), in the order of their
-- keys.
-- KEYS: state; then the records. ARGV: epoch.
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return redis.error_reply('EPOCH another') end

local records = {}
for place = 2, #KEYS do
    local record = redis.call('HMGET', KEYS[place], 'v', 'd')
    records[place - 1] = { record[1], record[2], redis.call('PEXPIRETIME', KEYS[place]) }
end
return records
