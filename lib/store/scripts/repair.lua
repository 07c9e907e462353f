-- Puts right what other writers left, for a list of users: each is looked at and mended in one step.
-- ARGV[8]: TTL (ms) for a key without one; [9]: how long a session of ours may live at most (ms); then the users.
-- Reply: now, epoch, rev, online users, one letter per user:
--   . in order   a adopted   k key or index restored   o stale "online" in meta corrected   e external session ended   x foreign types
local TTL, LONGEST = tonumber(ARGV[8]), tonumber(ARGV[9])
local SLACK = 1000

local function adopt(user, left, listed)
  local deadline = NOW + (left > 0 and left or TTL)
  local meta = call('HMGET', PREFIX .. 'meta:' .. user, 'deviceId', 'role')
  local seen = tonumber(call('HGET', PREFIX .. 'meta:' .. user, 'lastSeen') or 0) or 0
  if seen <= 0 or seen > NOW then
    seen = NOW
  end
  local s = { name = EXTERNAL, deadline = deadline, beat = seen, groups = '', device = meta[1] or '', role = meta[2] or 'mobile' }
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
  call('HDEL', PREFIX .. 'sessions:' .. user, EXTERNAL)
  if #list == 1 then
    go_offline(user, 'external', external.beat, external.device)
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

local function mend_listed(user, score, list, last, left)
  if left == -2 and last.deadline > NOW and has_external(list) then
    return end_external(user, list)
  end
  if key_is_off(last, left) or score > last.deadline then
    settle(user)
    return 'k'
  end
  if call('HGET', PREFIX .. 'meta:' .. user, 'status') ~= 'online' then
    call('HSET', PREFIX .. 'meta:' .. user, 'status', 'online')
    return 'k'
  end
  return '.'
end

local function mend_unlisted(user, last)
  if last and last.deadline > NOW then
    last.role = call('HGET', PREFIX .. 'meta:' .. user, 'role') or 'mobile'
    go_online(user, 'repaired', last)
    settle(user)
    return 'k'
  end
  if last then
    call('DEL', PREFIX .. 'sessions:' .. user)
  end
  if call('HGET', PREFIX .. 'meta:' .. user, 'status') == 'online' then
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

-- Redis's clock was set back: deadlines of before lie too far ahead, and would keep the silent online so long.
local function bound_sessions(user, list, last)
  if not last or last.deadline <= NOW + LONGEST + SLACK then
    return
  end
  for _, s in ipairs(list) do
    if s.name ~= EXTERNAL and s.deadline > NOW + LONGEST then
      s.deadline = NOW + TTL
      call('HSET', PREFIX .. 'sessions:' .. user, s.name,
        session_value(s.deadline, math.min(s.beat, NOW), s.opened, s.reason, s.groups, s.device))
    end
  end
  settle(user)
end

local function mend(user)
  if not key_is(PREFIX .. 'meta:' .. user, 'hash') or not key_is(PREFIX .. 'sessions:' .. user, 'hash') then
    return 'x'
  end
  local list, last = sessions_of(user)
  bound_sessions(user, list, last)
  local left = call('PTTL', PREFIX .. 'user:' .. user)
  local listed = tonumber(call('ZSCORE', DUE, user) or nil)
  list, last = sessions_of(user)
  if left ~= -2 and left ~= 0 and (not last or NOW + left > last.deadline + SLACK) then
    -- Online without a session: an eviction may have taken one of ours, and whoever has it says so again.
    if listed and not last then
      ask_for_sessions(user)
    end
    return adopt(user, left, listed)
  end
  if listed and last then
    return mend_listed(user, listed, list, last, left)
  end
  if listed then
    return bound_index(user, listed)
  end
  return mend_unlisted(user, last)
end

call('ZCARD', DUE)
enter_epoch()
local codes = {}
for i = 10, #ARGV do
  codes[#codes + 1] = mend(ARGV[i])
end
keep_count()
return { NOW_TEXT, epoch, int(rev), call('ZCARD', DUE), table.concat(codes) }
