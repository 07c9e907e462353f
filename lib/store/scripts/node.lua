-- A daemon says that it lives, and hears how things stand.
-- ARGV[8]: program; [9]: address; [10]: offset of its clock (ms); [11]: the epoch in which all its sessions stand ('' for none
-- yet); [12]: ms after which a silent daemon is forgotten; [13]: 'leave' to go.
-- Reply: now, epoch, rev, online users, last sweep ('0': never), ms held back, the daemons (name, JSON, …), and the version of the
-- list of revoked tokens ('0': none).
local FORGET = tonumber(ARGV[12])

local function describe()
  return '{"program":' .. cjson.encode(ARGV[8]) .. ',"address":' .. cjson.encode(ARGV[9]) .. ',"seen":' .. NOW_TEXT
    .. ',"offset":' .. ARGV[10] .. ',"asserted":' .. cjson.encode(ARGV[11]) .. '}'
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

local online = call('ZCARD', DUE)
enter_epoch()
if fenced() then
  return redis.error_reply('FENCED a later connection of this node has spoken')
end
for _, key in ipairs({ NODES, FENCE }) do
  if not key_is(key, 'hash') then
    call('DEL', key)
  end
end
if ARGV[13] == 'leave' then
  call('HDEL', NODES, NODE)
  call('HDEL', FENCE, NODE)
else
  -- A new daemon is made known at once: whoever may have to wait for it must know of it.
  if call('HSET', NODES, NODE, describe()) == 1 then
    call('PUBLISH', CONTROL, '{"cmd":"node","node":' .. cjson.encode(NODE) .. ',"db":' .. DB .. '}')
  end
  call('HSET', FENCE, NODE, int(GENERATION))
end
local state = call('HMGET', EPOCH, 'swept', 'hold')
local held = math.max(0, (tonumber(state[2] or 0) or 0) - NOW)
local revoked = pcall_redis('HGET', PREFIX .. 'revoked', 'version')
if is_error(revoked) then
  revoked = '0'
end
return { NOW_TEXT, epoch, int(rev), online, state[1] or '0', held, forget_silent(call('HGETALL', NODES)), revoked or '0' }
