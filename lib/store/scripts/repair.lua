-- SPDX-License-Identifier: MIT
-- Repairs what other writers left, for a list of users: each is examined and repaired in one step.
-- KEYS and ARGV[1..7]: see prelude.lua
-- ARGV[8]: TTL (ms) for a key without one
-- ARGV[9] and on: the users
-- Reply: now, epoch, rev, online users, one letter for each user:
--   . in order   a adopted   k key or index restored   o stale "online" in meta corrected   e external session ended   x foreign types
local TTL = tonumber(ARGV[8])
local SLACK = 1000

local function adopt(user, left, listed)
  local deadline = bounded(NOW + (left > 0 and left or TTL))
  local meta = call('HMGET', PREFIX .. 'meta:' .. user, 'deviceId', 'role')
  local seen = seen_of(call('HGET', PREFIX .. 'meta:' .. user, 'lastSeen'))
  if seen <= 0 or seen > NOW then
    seen = NOW
  end
  local s = { name = EXTERNAL, deadline = deadline, beat = seen, groups = '', device = plain(meta[1]), role = meta[2] or 'mobile' }
  call('HSET', PREFIX .. 'sessions:' .. user, EXTERNAL, session_value(deadline, seen, NOW_TEXT, '', '', s.device))
  if listed then
    settle(user)
  else
    go_online(user, 'adopted', s)
  end
  return 'a'
end

-- Another writer took its key away: its session ends, ours stay.
local function end_external(user, list)
  local external
  for _, s in ipairs(list) do
    external = s.name == EXTERNAL and s or external
  end
  remove_session(user, EXTERNAL)
  if #list == 1 then
    go_offline(user, 'external', external.beat, external.device, {})
  else
    settle(user)
  end
  return 'e'
end

local function has_external(list)
  for _, s in ipairs(list) do
    if s.name == EXTERNAL then
      return true
    end
  end
  return false
end

-- Whether somebody deleted the key, or took or changed its TTL.
local function key_is_off(last, left)
  return last.deadline > NOW and (left < 0 or math.abs(NOW + left - last.deadline) > SLACK)
end

local function repair_listed(user, score, list, last, left, status)
  if left == -2 and last.deadline > NOW and has_external(list) then
    return end_external(user, list)
  end
  if key_is_off(last, left) or score > last.deadline then
    settle(user)
    return 'k'
  end
  if status ~= 'online' then
    call('HSET', PREFIX .. 'meta:' .. user, 'status', 'online')
    settle(user) -- the groups, too
    return 'k'
  end
  return '.'
end

local function repair_unlisted(user, list, last, status)
  if last and last.deadline > NOW then
    last.role = call('HGET', PREFIX .. 'meta:' .. user, 'role') or 'mobile'
    go_online(user, 'repaired', last)
    settle(user)
    return 'k'
  end
  for _, s in ipairs(list) do
    remove_session(user, s.name)
  end
  if status == 'online' then
    call('HSET', PREFIX .. 'meta:' .. user, 'status', 'offline')
    return 'o'
  end
  return '.'
end

-- Listed, but nothing says until when; an index far off would keep such a user online for ever.
local function bound_index(user, score)
  if score <= NOW + TTL then
    return '.'
  end
  call('ZADD', DUE, int(NOW + TTL), user)
  return 'k'
end

-- Redis's clock was set back: deadlines of before lie too far ahead, and would keep the silent online so long. Only a beat to come shows
-- that: a deadline far ahead may be that of a server with a longer TTL than the one who repairs. Whether there was one.
local function bound_sessions(user, list)
  local moved = false
  for _, s in ipairs(list) do
    if s.name ~= EXTERNAL and s.beat > NOW + SLACK then
      s.deadline = math.min(s.deadline, NOW + math.max(0, s.deadline - s.beat))
      remove_session(user, s.name)
      call('HSET', PREFIX .. 'sessions:' .. user, s.name,
        session_value(s.deadline, NOW, s.opened, s.reason, s.groups, s.device))
      moved = true
    end
  end
  if moved then
    settle(user)
  end
  return moved
end

local function repair(user)
  local user_key = PREFIX .. 'user:' .. user
  local flat, status = pcall_redis('HGETALL', PREFIX .. 'sessions:' .. user), pcall_redis('HGET', PREFIX .. 'meta:' .. user, 'status')
  if is_error(flat) or is_error(status) or not key_is(user_key, 'string') then
    return 'x'
  end
  local list, last = sessions_of(user, flat)
  if bound_sessions(user, list) then
    list, last = sessions_of(user)
  end
  local left = call('PTTL', user_key)
  local listed = tonumber(call('ZSCORE', DUE, user) or nil)
  if left ~= -2 and left ~= 0 and (not last or NOW + left > last.deadline + SLACK) then
    -- Online without a session: an eviction may have taken one of ours, and whoever has it asserts it again.
    if listed and not last then
      ask_for_sessions(user)
    end
    return adopt(user, left, listed)
  end
  if listed and last then
    return repair_listed(user, listed, list, last, left, status)
  end
  if listed then
    return bound_index(user, listed)
  end
  return repair_unlisted(user, list, last, status)
end

local refused = enter_epoch(false, pcall_redis('ZCARD', DUE))
if refused then
  return refused
end
local codes = {}
for i = 9, #ARGV do
  codes[#codes + 1] = repair(ARGV[i])
end
keep_count()
local online = call('ZCARD', DUE)
if counted + balance ~= online then
  call('HSET', EPOCH, 'online', online)
end
return { NOW_TEXT, epoch, int(rev), online, table.concat(codes) }
