#!lua flags=no-writes
-- Reads a page of an index, lowest first, by rank: Redis sorts by score, then by the member's bytes, as we do.
-- KEYS: state, index. ARGV: epoch; the score after which the page begins, and its member, both empty for the beginning; the
-- highest score, empty for all; `descending` or nothing; at most how many.
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return redis.error_reply('EPOCH another') end

local index, score, member, up_to, limit = KEYS[2], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[6])

-- Byte by byte: Lua's own comparison follows the locale that the server was started in.
local function comes_before(one, other)
    for place = 1, math.min(#one, #other) do
        local left, right = one:byte(place), other:byte(place)
        if left ~= right then return left < right end
    end
    return #one < #other
end

-- How many entries come before the given one, or up to and with it.
local function rank(with_itself)
    local low = redis.call('ZCOUNT', index, '-inf', '(' .. score)
    local high = low + redis.call('ZCOUNT', index, score, score)
    while low < high do
        local middle = math.floor((low + high) / 2)
        local there = redis.call('ZRANGE', index, middle, middle)[1]
        if comes_before(there, member) or (with_itself and there == member) then low = middle + 1 else high = middle end
    end
    return low
end

local first, count = 0, redis.call('ZCOUNT', index, '-inf', up_to == '' and '+inf' or up_to)
if ARGV[5] == 'descending' then
    if score ~= '' then count = math.min(count, rank(false)) end
    first = math.max(0, count - limit)
elseif score ~= '' then
    first = rank(true)
end
local last = math.min(first + limit, count) - 1
if last < first then return {} end
return redis.call('ZRANGE', index, first, last, 'WITHSCORES')
