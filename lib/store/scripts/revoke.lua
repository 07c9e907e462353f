-- SPDX-License-Identifier: MIT
-- Revoked tokens: adds new ones, or those that a server holds after Redis has lost them, and returns all that are in force.
-- KEYS and ARGV[1..7]: see prelude.lua
-- ARGV[8]: how many there may be
-- then of each:
--   name
--   second until which tokens issued are refused
--   ms until which it is in force
-- Reply: now, epoch, rev, version of the list, how many were rejected for lack of room, and the list (name, "issued\tuntil", …)
local REVOKED, MOST = PREFIX .. 'revoked', tonumber(ARGV[8])

local flat = pcall_redis('HGETALL', REVOKED)
local refused = is_error(flat) and refusal(flat, REVOKED) or fenced() or enter_epoch(false, pcall_redis('ZCARD', DUE))
if refused then
  return refused
end

-- The list without what is over.
local function read()
  local held, count = {}, 0
  for i = 1, #flat, 2 do
    local issued, ends = string.match(flat[i + 1], '^(%d+)\t(%d+)$')
    if issued and tonumber(ends) > NOW then
      held[flat[i]] = { issued = tonumber(issued), ends = tonumber(ends) }
      count = count + 1
    elseif flat[i] ~= 'version' then
      call('HDEL', REVOKED, flat[i])
    end
  end
  return held, count
end

local held, count = read()
local changed, rejected = {}, 0
for i = 9, #ARGV, 3 do
  local name, issued, ends, old = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), held[ARGV[i]]
  if ends > NOW and not old and count >= MOST then
    rejected = rejected + 1
  elseif ends > NOW and (not old or issued > old.issued or ends > old.ends) then
    count = old and count or count + 1
    held[name] = { issued = math.max(issued, old and old.issued or 0), ends = math.max(ends, old and old.ends or 0) }
    changed[#changed + 1] = name
  end
end
if #changed > 0 then
  call('HSET', REVOKED, 'version', int(tonumber(time[1]) * 1000000 + tonumber(time[2])))
end
for _, name in ipairs(changed) do
  local r = held[name]
  call('HSET', REVOKED, name, int(r.issued) .. '\t' .. int(r.ends))
  call('PUBLISH', CONTROL, '{"cmd":"revoke","name":' .. cjson.encode(name) .. ',"issued":' .. int(r.issued) .. ',"until":'
    .. int(r.ends) .. ',"db":' .. DB .. '}')
end
local names, list = {}, {}
for name in pairs(held) do
  names[#names + 1] = name
end
table.sort(names)
for _, name in ipairs(names) do
  list[#list + 1], list[#list + 2] = name, int(held[name].issued) .. '\t' .. int(held[name].ends)
end
return { NOW_TEXT, epoch, int(rev), call('HGET', REVOKED, 'version') or '0', rejected, list }
