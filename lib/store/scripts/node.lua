-- SPDX-License-Identifier: MIT
-- Registers a daemon, which does so each second, and returns the state of the store.
-- KEYS and ARGV[1..7]: see prelude.lua
-- ARGV[8]: program
-- ARGV[9]: address
-- ARGV[10]: offset of its clock (ms)
-- ARGV[11]: the epoch in which all its sessions stand ('' for none yet)
-- ARGV[12]: ms after which a silent daemon is forgotten
-- ARGV[13]: 'leave' to remove it
-- ARGV[14]: the number of this registration of the daemon
-- ARGV[15]: the number of the last one that was answered in the epoch ARGV[17] ('0': none)
-- ARGV[16]: Redis's time in that answer
-- ARGV[17]: the epoch that the daemon knows
-- ARGV[18]: s by which the clocks of the tokens' issuers are ahead
-- ARGV[19]: how many sessions it has still to assert
-- ARGV[20]: its TTL (ms; 0: it needs none)
-- Reply: now, epoch, rev, online users, last sweep ('0': never), ms held back, the daemons (name, JSON, …), and the version of the
--   list of revoked tokens ('0': none)
local FORGET = tonumber(ARGV[12])

local function describe()
  return '{"program":' .. cjson.encode(ARGV[8]) .. ',"address":' .. cjson.encode(ARGV[9]) .. ',"seen":' .. NOW_TEXT
    .. ',"offset":' .. ARGV[10] .. ',"asserted":' .. cjson.encode(ARGV[11]) .. ',"ahead":' .. ARGV[18]
    .. ',"said":' .. ARGV[14] .. ',"left":' .. ARGV[19] .. ',"ttl":' .. ARGV[20] .. '}'
end

-- Whether Redis has lost a registration that it confirmed: it was restored from an older state, which a caller that may not ask INFO
-- notices by nothing else. A record that is missing may have been removed because the daemon was silent, by others' reckoning.
local function has_forgotten(record)
  local answered, answered_at = tonumber(ARGV[15]), tonumber(ARGV[16])
  if answered == 0 or pcall_redis('HGET', EPOCH, 'id') ~= ARGV[17] then
    return false
  end
  if type(record) ~= 'string' then
    return NOW < answered_at + FORGET
  end
  local ok, node = pcall(cjson.decode, record)
  return ok and type(node) == 'table' and (tonumber(node.said) or 0) < answered
end

local function forget_silent(flat)
  local left = {}
  for i = 1, #flat, 2 do
    local ok, node = pcall(cjson.decode, flat[i + 1])
    local seen = ok and type(node) == 'table' and tonumber(node.seen) or 0
    if seen + FORGET < NOW and flat[i] ~= NODE then
      call('HDEL', NODES, flat[i])
      call('HDEL', FENCE, flat[i])
    else
      left[#left + 1], left[#left + 2] = flat[i], flat[i + 1]
    end
  end
  return left
end

local REVOKED = PREFIX .. 'revoked'
local online, revoked = pcall_redis('ZCARD', DUE), pcall_redis('HGET', REVOKED, 'version')
local record, fence = pcall_redis('HGET', NODES, NODE), pcall_redis('HGET', FENCE, NODE)
local refused = is_error(revoked) and refusal(revoked, REVOKED) or is_error(record) and refusal(record, NODES)
  or is_error(fence) and refusal(fence, FENCE) or fenced() or enter_epoch(has_forgotten(record), online)
if refused then
  return refused
end
if ARGV[13] == 'leave' then
  call('HDEL', NODES, NODE)
  call('HDEL', FENCE, NODE)
else
  -- A new daemon is announced at once: those who may have to wait for it must know of it.
  if call('HSET', NODES, NODE, describe()) == 1 then
    call('PUBLISH', CONTROL, '{"cmd":"node","node":' .. cjson.encode(NODE) .. ',"db":' .. DB .. '}')
  end
  call('HSET', FENCE, NODE, int(GENERATION))
end
local state = call('HMGET', EPOCH, 'swept', 'hold')
local held = math.max(0, (tonumber(state[2] or 0) or 0) - NOW)
return { NOW_TEXT, epoch, int(rev), online, state[1] or '0', held, forget_silent(call('HGETALL', NODES)), revoked or '0' }
