#!lua flags=no-writes
-- Runs one command that reads one key, and answers what it answers.
-- KEYS: state, key. ARGV: epoch, command, what follows the key.
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return redis.error_reply('EPOCH another') end

return redis.call(ARGV[2], KEYS[2], unpack(ARGV, 3))
