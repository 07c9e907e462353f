-- SPDX-License-Identifier: MIT
-- Tries each command that the scripts call, on keys of its own that are gone when it ends: what a server or its access control lists
-- lack is known before a transition breaks off in the middle.
-- KEYS and ARGV[1..7]: see prelude.lua
-- ARGV[8]: 'all', or 'register' for a daemon that only registers
-- Reply: now, and for each command that fails its name and the error; for each of our keys that is of another type FOREIGN and which
local TRIAL = PREFIX .. 'trial:' .. NODE .. ':'
local STRING, HASH, ZSET, STREAM = TRIAL .. 'string', TRIAL .. 'hash', TRIAL .. 'zset', TRIAL .. 'stream'
local LATER = int(NOW + 60000)
local failed = {}

local function try(name, ...)
  local reply = pcall_redis(name, ...)
  if is_error(reply) then
    failed[#failed + 1], failed[#failed + 2] = name, reply.err
  end
end

try('SET', STRING, '1', 'PXAT', LATER)
try('GET', STRING)
try('TYPE', STRING)
try('HSET', HASH, 'a', '1')
try('HGET', HASH, 'a')
try('HMGET', HASH, 'a', 'b')
try('HGETALL', HASH)
try('HDEL', HASH, 'b')
try('ZCARD', ZSET)
try('PUBLISH', TRIAL .. 'channel', '')
if ARGV[8] == 'all' then
  try('PEXPIREAT', STRING, LATER, 'GT')
  try('PTTL', STRING)
  try('PEXPIRETIME', STRING)
  try('HEXISTS', HASH, 'a')
  try('HLEN', HASH)
  try('HINCRBY', HASH, 'a', 1)
  try('HSETNX', HASH, 'a', '1')
  try('ZADD', ZSET, 1, 'a')
  try('ZSCORE', ZSET, 'a')
  try('ZRANGE', ZSET, 0, 0, 'WITHSCORES')
  try('ZRANGEBYSCORE', ZSET, '-inf', 1, 'LIMIT', 0, 1)
  try('ZSCAN', ZSET, '0', 'COUNT', 1)
  try('ZREM', ZSET, 'a')
  try('XADD', STREAM, 'MAXLEN', '~', 1, '1-0', 'a', '1')
end
try('DEL', STRING, HASH, ZSET, STREAM)
-- A key of another type in the place of one of ours is another program's, and stays.
if #failed == 0 then
  local ours = {
    { DUE, 'zset' }, { REV, 'string' }, { EPOCH, 'hash' }, { NODES, 'hash' }, { FENCE, 'hash' }, { PREFIX .. 'revoked', 'hash' },
  }
  for _, one in ipairs(ours) do
    local key, wanted = one[1], one[2]
    if not key_is(key, wanted) then
      local found = call('TYPE', key)
      failed[#failed + 1], failed[#failed + 2] = 'FOREIGN', key .. ' is a ' .. (found.ok or found)
    end
  end
end
return { NOW_TEXT, failed }
