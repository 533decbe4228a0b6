#!lua
-- Says that a store is filled, unless somebody else has begun to fill it meanwhile. Answers whether it is.
-- KEYS: store. ARGV: the format of a store that is being filled, epoch, the format that it has from now on.
local found = redis.call('HMGET', KEYS[1], 'format', 'epoch')
if found[1] ~= ARGV[1] or found[2] ~= ARGV[2] then return 0 end

redis.call('HSET', KEYS[1], 'format', ARGV[3], 'whole', 1)
return 1
