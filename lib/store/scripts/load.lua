-- SPDX-License-Identifier: MIT
-- A page of the roster: who is online, each user with the last transition as of one moment. Writes nothing.
-- KEYS and ARGV[1..7]: see prelude.lua
-- ARGV[8]: cursor of ZSCAN
-- ARGV[9]: page size (a hint)
-- Reply: now, epoch ('' for none), rev, next cursor, and for each user:
--   user, lastSeen and deviceId of the last transition, its rev, groups (JSON or '')
local page = call('ZSCAN', DUE, ARGV[8], 'COUNT', ARGV[9])
local users = {}
for i = 1, #page[2], 2 do
  local user = page[2][i]
  local m = pcall_redis('HMGET', PREFIX .. 'meta:' .. user, 'sinceSeen', 'sinceDevice', 'deviceId', 'rev', 'groups', 'lastSeen')
  if is_error(m) then
    m = {}
  end
  local n = #users
  users[n + 1], users[n + 2], users[n + 3] = user, m[1] or m[6] or '0', m[2] or m[3] or ''
  users[n + 4], users[n + 5] = m[4] or '0', m[5] or ''
end
return { NOW_TEXT, call('HGET', EPOCH, 'id') or '', call('GET', REV) or '0', page[1], users }
