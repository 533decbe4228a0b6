#!lua
-- Puts what a dump holds. Nobody serves from the store meanwhile, so that half of it does no harm.
-- KEYS: state, log numbers; then one for each item. ARGV: epoch; then of each item what it is, and what it says.
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return redis.error_reply('EPOCH another') end

local arguments = 1
local function argument()
    arguments = arguments + 1
    return ARGV[arguments]
end
local function forget_after(key, time)
    if time ~= '' then redis.call('PEXPIREAT', key, time) end
end

for place = 3, #KEYS do
    local key, what = KEYS[place], argument()
    if what == 'stand' then
        redis.call('HSET', key, 'sequence', argument(), 'announced', argument())
    elseif what == 'record' then
        redis.call('HSET', key, 'v', argument(), 'd', argument())
        forget_after(key, argument())
    elseif what == 'member' then
        redis.call('ZADD', key, argument(), argument())
    elseif what == 'logged' then
        local log, number = argument(), argument()
        redis.call('XADD', key, number .. '-0', 'd', argument())
        redis.call('HSET', KEYS[2], log, number)
    elseif what == 'sum' then
        redis.call('HSET', key, argument(), argument())
        forget_after(key, argument())
    else
        redis.call('UNLINK', key)
    end
end
return 1
