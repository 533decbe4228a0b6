#!lua
-- Applies a commit that narrowed once more, if a fail-over has lost it, and leaves alone what was changed since. Answers the number
-- that it has got, 0 when it isn't lost, and the terms of the history that it is in.
-- KEYS: state, log numbers, channel, replays; then one for each put, delete, index put, index delete and append.
-- ARGV: epoch; the announced keys in JSON; how many there are of each of those five; the number that the commit had, and the terms
-- that it saw; then what each of them says; last, the term that the server is in.
local state = redis.call('HMGET', KEYS[1], 'epoch', 'terms', 'sequence')
if state[1] ~= ARGV[1] then return redis.error_reply('EPOCH another') end

-- Where the commit's history ends here: before the first term that it has not seen.
local known, was, seen, terms, term = {}, tonumber(ARGV[8]), ARGV[9], state[2] or '', ARGV[#ARGV]
for one in seen:gmatch('(%w+):%d+ ') do known[one] = true end
local fork, last
for one, base in terms:gmatch('(%w+):(%d+) ') do
    last = one
    if known[one] then fork = nil else fork = fork or tonumber(base) end
end
if last ~= term and not known[term] then fork = fork or tonumber(state[3] or 0) end
if not fork or was <= fork then return { 0, terms } end

local origin = (seen:match('(%w+):%d+ $') or '') .. ':'
local done = redis.call('HGET', KEYS[4], origin .. ARGV[8])
if done then return { tonumber(done), terms } end

local keys, arguments = 4, 9
local function key()
    keys = keys + 1
    return KEYS[keys]
end
local function argument()
    arguments = arguments + 1
    return ARGV[arguments]
end
-- Whether a record is as the commit found it, or as an earlier one of its own history left it.
local function is_left(record)
    local version = redis.call('HGET', record, 'v')
    if not version or tonumber(version) <= fork then return true end
    local by, number = (redis.call('HGET', KEYS[4], record) or ''):match('^' .. version .. ' (%w*:)(%d+)$')
    return by == origin and tonumber(number) < was
end

-- INVARIANT: nothing below can fail, as in a commit.
local number = redis.call('HINCRBY', KEYS[1], 'sequence', 1)
local version = string.format('%.0f', number)
if term ~= '' and last ~= term then
    if select(2, terms:gsub(' ', ' ')) >= 16 then terms = terms:sub(terms:find(' ', 1, true) + 1) end
    terms = terms .. term .. ':' .. string.format('%.0f', number - 1) .. ' '
    redis.call('HSET', KEYS[1], 'terms', terms)
end
local whole = true
for _ = 1, tonumber(ARGV[3]) do
    local record, value, time, existed = key(), argument(), argument(), argument()
    -- What was there and is not any more is as dead as it can be.
    if is_left(record) and (existed == '' or redis.call('EXISTS', record) == 1) then
        redis.call('HSET', record, 'v', version, 'd', value)
        redis.call('HSET', KEYS[4], record, version .. ' ' .. origin .. ARGV[8])
        if time == '' then redis.call('PERSIST', record) else redis.call('PEXPIREAT', record, time) end
    else
        whole = false
    end
end
for _ = 1, tonumber(ARGV[4]) do
    local record = key()
    if is_left(record) then redis.call('DEL', record) else whole = false end
end
for _ = 1, tonumber(ARGV[5]) do
    local index, score, member = key(), argument(), argument()
    if whole then redis.call('ZADD', index, score, member) end
end
for _ = 1, tonumber(ARGV[6]) do
    local index, member = key(), argument()
    if whole then redis.call('ZREM', index, member) end
end
for _ = 1, tonumber(ARGV[7]) do
    local appended = redis.call('HINCRBY', KEYS[2], argument(), 1)
    redis.call('XADD', key(), string.format('%.0f-0', appended), 'd', argument())
end
redis.call('HSET', KEYS[4], origin .. ARGV[8], version)
redis.call('PEXPIRE', KEYS[4], 600000)
if ARGV[2] ~= '' then
    local previous = redis.call('HGET', KEYS[1], 'announced') or '0'
    redis.call('HSET', KEYS[1], 'announced', version)
    redis.call('SPUBLISH', KEYS[3], '{"epoch":"' .. ARGV[1] .. '","sequence":' .. version .. ',"previous":' .. previous
        .. ',"keys":' .. ARGV[2] .. '}')
end
return { number, terms }
