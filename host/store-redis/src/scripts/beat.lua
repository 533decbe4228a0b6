#!lua
-- One heartbeat: writes that this host is there, so that a primary that may not write refuses it, and answers the number of
-- the last announced commit, and the time in seconds and microseconds.
-- KEYS: state, host. ARGV: epoch, what to write, for how many milliseconds.
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return redis.error_reply('EPOCH another') end

redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
local time = redis.call('TIME')
return { redis.call('HGET', KEYS[1], 'announced') or '0', time[1], time[2] }
