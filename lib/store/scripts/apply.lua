-- Applies a batch of session operations in order: the only way in which connections change the state.
-- ARGV[8]: TTL (ms); [9]: grace (ms) of `g`; then per operation nine of:
--   op, user, session, device, role, beat, opened, groups, extra
--   o  a session opens; an earlier connection of the same device ends with it     extra: reason, '' is connected
--   b  a heartbeat; opens the session again if it had ended                       extra: metadata (JSON) or ''
--   r  a living session asserted after Redis was lost                             extra: ''
--   e  a session ends                                                             extra: reason
--   g  a session ends after the grace, unless it beats again                      extra: reason
--   d  the server drains: the session lives at least so long from now             extra: ms
--   f  all sessions of the user end                                               extra: reason
-- beat: the time of the last sign of life, 0 for now. Reply: now, epoch, rev, online users, one letter per operation:
--   . as asked, no change   n went online   f went offline   l too late, not applied   m no such session   x keys of another type
local TTL, GRACE = tonumber(ARGV[8]), tonumber(ARGV[9])

local function beat_time(text)
  local beat = tonumber(text) or 0
  if beat == 0 or beat > NOW then
    return NOW
  end
  return math.max(beat, NOW - TTL)
end

-- The courtesy copies, when somebody else deleted or shortened them.
local function restore(user, s, role)
  local meta = PREFIX .. 'meta:' .. user
  settle(user)
  if call('HEXISTS', meta, 'status') == 0 then
    call('HSET', meta, 'status', 'online', 'lastSeen', int(s.beat), 'deviceId', s.device, 'role', role)
  end
end

local function take_over(user, session, device, opened)
  for _, s in ipairs(sessions_of(user)) do
    if s.name ~= session and s.name ~= EXTERNAL and s.device == device and tonumber(s.opened) < tonumber(opened) then
      call('HDEL', PREFIX .. 'sessions:' .. user, s.name)
    end
  end
end

-- A further session of a user who is online: the live copies follow, those of the last transition are kept aside.
local function join(user, s, role)
  local meta = PREFIX .. 'meta:' .. user
  local device = call('HGET', meta, 'deviceId')
  if device and device ~= s.device then
    call('HSETNX', meta, 'sinceDevice', device)
    call('HSET', meta, 'deviceId', s.device)
  end
  touch(user, s.beat)
  restore(user, s, role)
end

local function live(op, user, session, device, role, beat, opened, groups, extra)
  local sessions, meta = PREFIX .. 'sessions:' .. user, PREFIX .. 'meta:' .. user
  beat = beat_time(beat)
  local deadline = beat + TTL
  if deadline <= NOW then
    return 'l'
  end
  local added = pcall_redis('HSET', sessions, session, session_value(deadline, beat, opened, '', groups, device))
  if is_error(added) then
    return 'x'
  end
  local s = { name = session, deadline = deadline, beat = beat, groups = groups, device = device }
  if added == 0 and op ~= 'o' then
    -- Nearly every heartbeat takes this way.
    if call('PEXPIREAT', PREFIX .. 'user:' .. user, int(deadline), 'GT') == 0 then
      if not call('ZSCORE', DUE, user) then
        go_online(user, 'heartbeat', s, role)
        return 'n'
      end
      restore(user, s, role)
    end
    if beat < NOW - 250 then
      touch(user, beat)
    elseif pcall_redis('HSET', meta, 'lastSeen', int(beat)) == 1 then
      restore(user, s, role)
    end
    if extra ~= '' then
      pcall_redis('HSET', meta, 'metadata', extra)
    end
    return '.'
  end
  if not key_is(meta, 'hash') then
    call('HDEL', sessions, session)
    return 'x'
  end
  if op == 'o' and device ~= '' then
    take_over(user, session, device, opened)
  end
  if call('ZSCORE', DUE, user) then
    join(user, s, role)
    return '.'
  end
  local reason = op == 'b' and 'heartbeat' or op == 'r' and 'recovered' or extra ~= '' and extra or 'connected'
  go_online(user, reason, s, role)
  if op == 'b' and extra ~= '' then
    call('HSET', meta, 'metadata', extra)
  end
  return 'n'
end

local function stored(user, session)
  local value = pcall_redis('HGET', PREFIX .. 'sessions:' .. user, session)
  if is_error(value) or not key_is(PREFIX .. 'meta:' .. user, 'hash') then
    return nil, 'x'
  end
  if not value then
    return nil, 'm'
  end
  return session_parse(session, value)
end

local function finish(user, session, beat, reason)
  local s, code = stored(user, session)
  if not s then
    if code == 'm' and beat > 0 then
      touch(user, math.min(beat, NOW))
    end
    return code
  end
  local seen = math.max(s.beat, math.min(beat, NOW))
  call('HDEL', PREFIX .. 'sessions:' .. user, session)
  local _, last = sessions_of(user)
  if last or not call('ZSCORE', DUE, user) then
    touch(user, seen)
    if last and call('ZSCORE', DUE, user) then
      settle(user)
    end
    return '.'
  end
  go_offline(user, reason, seen, s.device)
  return 'f'
end

-- Lowers (g) or raises (d) a session's deadline.
local function reschedule(op, user, session, beat, extra)
  local s, code = stored(user, session)
  if not s then
    return code
  end
  if op == 'g' then
    s.deadline, s.reason = math.min(s.deadline, NOW + GRACE), extra
    s.beat = math.max(s.beat, math.min(beat, NOW))
  else
    s.deadline = math.max(s.deadline, NOW + tonumber(extra))
  end
  call('HSET', PREFIX .. 'sessions:' .. user, session,
    session_value(s.deadline, s.beat, s.opened, s.reason, s.groups, s.device))
  touch(user, s.beat)
  if call('ZSCORE', DUE, user) then
    settle(user)
  end
  return '.'
end

local function force_offline(user, reason)
  if not key_is(PREFIX .. 'meta:' .. user, 'hash') or not key_is(PREFIX .. 'sessions:' .. user, 'hash') then
    return 'x'
  end
  if not call('ZSCORE', DUE, user) then
    return 'm'
  end
  local _, last = sessions_of(user)
  go_offline(user, reason, last and last.beat or 0, last and last.device or call('HGET', PREFIX .. 'meta:' .. user, 'deviceId') or '')
  return 'f'
end

local online = call('ZCARD', DUE)
enter_epoch()
if fenced() then
  return redis.error_reply('FENCED a later connection of this node has spoken')
end
local codes = {}
for i = 10, #ARGV, 9 do
  local op, user, session = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local code
  if op == 'o' or op == 'b' or op == 'r' then
    code = live(op, user, session, ARGV[i + 3], ARGV[i + 4], ARGV[i + 5], ARGV[i + 6], ARGV[i + 7], ARGV[i + 8])
  elseif op == 'e' then
    code = finish(user, session, tonumber(ARGV[i + 5]), ARGV[i + 8])
  elseif op == 'g' or op == 'd' then
    code = reschedule(op, user, session, tonumber(ARGV[i + 5]), ARGV[i + 8])
  else
    code = force_offline(user, ARGV[i + 8])
  end
  online = online + (code == 'n' and 1 or code == 'f' and -1 or 0)
  codes[#codes + 1] = code
end
return { int(NOW), epoch, int(rev), online, table.concat(codes) }
