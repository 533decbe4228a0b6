#!lua flags=no-writes
-- Names keys of a shard, some at a time. Answers where to go on (0: that was all), and the names, of which one may come twice.
-- KEYS: state. ARGV: epoch, where to go on, pattern of the names, about how many keys to look at.
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return redis.error_reply('EPOCH another') end

return redis.call('SCAN', ARGV[2], 'MATCH', ARGV[3], 'COUNT', ARGV[4])
