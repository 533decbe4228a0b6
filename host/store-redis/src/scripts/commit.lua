#!lua
-- Applies one commit, or nothing. Answers the place of the check that does not hold, or the commit's number followed by the
-- numbers that the appended values got, and, where asked for, by the terms of the history that it is in.
-- KEYS: state, log numbers, channel; then one for each check, put, delete, index put, index mark, index delete, append, trim and
-- count. ARGV: epoch; the announced keys in JSON (empty: nobody is told); how many there are of each of those but the marks, of
-- logs that must end as stated, and of marks; whether the terms are asked for (empty: no); then what each of them says, those logs
-- after the checks; last, the term that the server is in.
local state = redis.call('HMGET', KEYS[1], 'epoch', 'terms')
if state[1] ~= ARGV[1] then return redis.error_reply('EPOCH another') end

local keys, arguments = 3, 13
local function key()
    keys = keys + 1
    return KEYS[keys]
end
local function argument()
    arguments = arguments + 1
    return ARGV[arguments]
end
local function forget_after(key, time)
    if time == '' then redis.call('PERSIST', key) else redis.call('PEXPIREAT', key, time) end
end

for check = 1, tonumber(ARGV[3]) do
    if (redis.call('HGET', key(), 'v') or '') ~= argument() then return check end
end
for ends = 1, tonumber(ARGV[11]) do
    if (redis.call('HGET', KEYS[2], argument()) or '0') ~= argument() then return tonumber(ARGV[3]) + ends end
end

-- INVARIANT: nothing below can fail, since Redis undoes nothing. Lack of memory or of replicas was told before the first line.
local number = redis.call('HINCRBY', KEYS[1], 'sequence', 1)
local version = string.format('%.0f', number)
local answer = { number }
-- Each term with the number of the last commit before it: up to there all histories that part later are one.
local terms, term = state[2] or '', ARGV[#ARGV]
if term ~= '' and terms:match('(%w+):%d+ $') ~= term then
    if select(2, terms:gsub(' ', ' ')) >= 16 then terms = terms:sub(terms:find(' ', 1, true) + 1) end
    terms = terms .. term .. ':' .. string.format('%.0f', number - 1) .. ' '
    redis.call('HSET', KEYS[1], 'terms', terms)
end
for _ = 1, tonumber(ARGV[4]) do
    local record = key()
    redis.call('HSET', record, 'v', version, 'd', argument())
    forget_after(record, argument())
end
for _ = 1, tonumber(ARGV[5]) do redis.call('DEL', key()) end
for _ = 1, tonumber(ARGV[6]) do redis.call('ZADD', key(), argument(), argument()) end
for _ = 1, tonumber(ARGV[12]) do redis.call('ZADD', key(), 'NX', argument(), argument()) end
for _ = 1, tonumber(ARGV[7]) do redis.call('ZREM', key(), argument()) end
for _ = 1, tonumber(ARGV[8]) do
    local appended = redis.call('HINCRBY', KEYS[2], argument(), 1)
    redis.call('XADD', key(), string.format('%.0f-0', appended), 'd', argument())
    answer[#answer + 1] = appended
end
for _ = 1, tonumber(ARGV[9]) do
    local log, newest = key(), tonumber(redis.call('HGET', KEYS[2], argument()) or 0)
    redis.call('XTRIM', log, 'MINID', string.format('%.0f-0', math.min(tonumber(argument()) + 1, newest)))
end
for _ = 1, tonumber(ARGV[10]) do
    local group, name, amount = key(), argument(), argument()
    -- Redis adds in 64 bits and refuses what is beyond them; Lua's own numbers would lose digits.
    if type(redis.pcall('HINCRBY', group, name, amount)) == 'table' then
        redis.call('HSET', group, name, amount:sub(1, 1) == '-' and '-9223372036854775808' or '9223372036854775807')
    end
    forget_after(group, argument())
end
if ARGV[2] ~= '' then
    local previous = redis.call('HGET', KEYS[1], 'announced') or '0'
    redis.call('HSET', KEYS[1], 'announced', version)
    redis.call('SPUBLISH', KEYS[3], '{"epoch":"' .. ARGV[1] .. '","sequence":' .. version .. ',"previous":' .. previous
        .. ',"keys":' .. ARGV[2] .. '}')
end
if ARGV[13] ~= '' then answer[#answer + 1] = terms end
return answer
