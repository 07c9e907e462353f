-- SPDX-License-Identifier: MIT
-- A page of the sessions that stand under this node's name, so that the node can end those that it no longer has. Writes nothing.
-- KEYS and ARGV[1..7]: see prelude.lua
-- ARGV[8]: cursor of ZSCAN
-- ARGV[9]: page size (a hint)
-- Reply: now, next cursor, and (user, session) pairs
local mine = NODE .. '/'
local page = call('ZSCAN', DUE, ARGV[8], 'COUNT', ARGV[9])
local found = {}
for i = 1, #page[2], 2 do
  local sessions = pcall_redis('HGETALL', PREFIX .. 'sessions:' .. page[2][i])
  for k = 1, is_error(sessions) and 0 or #sessions, 2 do
    if string.sub(sessions[k], 1, #mine) == mine then
      found[#found + 1], found[#found + 2] = page[2][i], sessions[k]
    end
  end
end
return { NOW_TEXT, page[1], found }
