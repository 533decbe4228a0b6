#!lua
-- Says that a store is to be filled from a dump, where there is none, or one that was not filled to its end. Answers whether it is.
-- KEYS: store. ARGV: the format of a store that is being filled, epoch, number of shards.
local format = redis.call('HGET', KEYS[1], 'format')
if redis.call('EXISTS', KEYS[1]) == 1 and format ~= ARGV[1] then return 0 end

redis.call('HSET', KEYS[1], 'format', ARGV[1], 'epoch', ARGV[2], 'shards', ARGV[3])
return 1
