-- Applies a batch of session operations in order: the only way in which connections change the state.
-- ARGV[8]: TTL (ms); [9]: grace (ms) of `g`; [10]: executed later than this, it is refused (STALE): who sent it has given it up, and
-- says what is so now (0: never); then per operation six of:
--   op with the role behind it ('bmobile'; o b r), user, session, beat, tail, extra
--   o  a session opens; an earlier connection of the same device ends with it     extra: reason, '' is connected
--   b  a heartbeat; opens the session again if it had ended                       extra: metadata (JSON) or ''
--   r  a living session asserted after Redis was lost                             extra: ''
--   e  a session ends                                                             extra: reason
--   g  a session ends after the grace, unless it beats again                      extra: reason
--   d  the server drains: the session lives at least so long from now             extra: ms
--   f  all sessions of the user end                                               extra: reason
-- beat: the time of the last sign of life; 0: now (o b r), none known (others). tail (o b r): what a session's value ends with:
--   opened, no reason, groups (JSON or ''), device; (e g): metadata of a beat that was not written yet (JSON) or ''.
-- Reply: now, epoch, rev, online users, one letter per operation:
--   . as asked, no change   n went online   f went offline   l too late, not applied   m no such session   x keys of another type
local TTL, GRACE, UNTIL = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local SESSIONS, META, USER = PREFIX .. 'sessions:', PREFIX .. 'meta:', PREFIX .. 'user:'
local OLDEST = NOW - TTL
-- A beat no older than this sets lastSeen without reading it first: where phones of one user overlap it may step back so far.
local FRESH = NOW - 250
local RECKONING = 250

-- The courtesy copies, when somebody else deleted or shortened them.
local function restore(user, s)
  settle(user)
  local meta = META .. user
  if key_is(meta, 'hash') and call('HEXISTS', meta, 'status') == 0 then
    call('HSET', meta, 'status', 'online', 'lastSeen', int(s.beat), 'deviceId', s.device, 'role', s.role)
  end
end

-- An opening may be late: Redis stood still, or the batch was lost. A session that beat behind it has come back already. Other
-- servers reckon Redis's time a little otherwise, and a time to come is none.
local function came_back(s, opened)
  local own = string.sub(s.name, 1, #NODE + 1) == NODE .. '/'
  return s.beat > opened + (own and 0 or RECKONING) and s.beat <= NOW
end

local function take_over(user, session, device, opened)
  for _, s in ipairs(sessions_of(user)) do
    if s.name ~= session and s.name ~= EXTERNAL and s.device == device and tonumber(s.opened) <= opened
      and not came_back(s, opened) then
      call('HDEL', SESSIONS .. user, s.name)
    end
  end
end

-- A further session of a user who is online: the live copies follow, those of the last transition are kept aside.
local function join(user, s)
  local meta = META .. user
  local device = call('HGET', meta, 'deviceId')
  if device and device ~= s.device then
    call('HSETNX', meta, 'sinceDevice', device)
    call('HSET', meta, 'deviceId', s.device)
  end
  touch(user, s.beat)
  restore(user, s)
end

-- A session that was not there (fresh), one that opens, or one whose user is not in the index.
local function enter(op, user, s, extra, fresh)
  if not key_is(META .. user, 'hash') then
    call('HDEL', SESSIONS .. user, s.name)
    return 'x'
  end
  local alone = call('HLEN', SESSIONS .. user) == 1
  if op == 'o' and s.device ~= '' and not alone then
    take_over(user, s.name, s.device, tonumber(s.opened))
  end
  local listed = call('ZSCORE', DUE, user)
  -- Online without a session: somebody deleted them, as an eviction does. Whoever has one of this user says so again.
  if listed and alone and fresh then
    ask_for_sessions(user)
  end
  if listed then
    join(user, s)
  else
    go_online(user, op == 'b' and 'heartbeat' or op == 'r' and 'recovered' or extra ~= '' and extra or 'connected', s)
    if not alone then
      settle(user)
    end
  end
  if op == 'b' and extra ~= '' then
    call('HSET', META .. user, 'metadata', extra)
  end
  return listed and '.' or 'n'
end

-- A beat that does not move the user's last deadline on: another session lives longer, or a key is gone.
local function beat_beside(user, s, extra)
  if not call('ZSCORE', DUE, user) then
    return enter('b', user, s, extra)
  end
  touch(user, s.beat)
  restore(user, s)
  if extra ~= '' then
    pcall_redis('HSET', META .. user, 'metadata', extra)
  end
  return '.'
end

-- Of beats in one batch many came in the same millisecond.
local known_beat, known_deadline
local function deadline_of(beat, beat_text)
  if beat_text ~= known_beat then
    known_beat, known_deadline = beat_text, int(beat + TTL)
  end
  return known_deadline
end

local function live(op, op_role, user, session, beat_text, tail, extra)
  local beat = tonumber(beat_text)
  if beat == 0 or beat > NOW then
    beat, beat_text = NOW, NOW_TEXT
  elseif beat <= OLDEST then
    return 'l'
  end
  local deadline_text = deadline_of(beat, beat_text)
  local value = deadline_text .. '\t' .. beat_text .. '\t' .. tail
  local added = pcall_redis('HSET', SESSIONS .. user, session, value)
  local stands = added == 0 and op ~= 'o'
  -- Nearly every heartbeat takes this way.
  if stands and call('PEXPIREAT', USER .. user, deadline_text, 'GT') == 1 then
    local known
    if beat >= FRESH then
      known = pcall_redis('HSET', META .. user, 'lastSeen', beat_text) ~= 1
    else
      known = touch(user, beat)
    end
    if known then
      if extra ~= '' then
        pcall_redis('HSET', META .. user, 'metadata', extra)
      end
      return '.'
    end
  end
  if is_error(added) then
    return 'x'
  end
  local s = session_parse(session, value)
  s.role = string.sub(op_role, 2)
  if stands then
    return beat_beside(user, s, extra)
  end
  return enter(op, user, s, extra, added == 1)
end

local function stored(user, session)
  local value = pcall_redis('HGET', SESSIONS .. user, session)
  if is_error(value) or not key_is(META .. user, 'hash') then
    return nil, 'x'
  end
  if not value then
    return nil, 'm'
  end
  return session_parse(session, value)
end

local function keep_metadata(user, metadata)
  if metadata ~= '' then
    call('HSET', META .. user, 'metadata', metadata)
  end
end

local function finish(user, session, beat, metadata, reason)
  local s, code = stored(user, session)
  if not s then
    if code == 'm' then
      touch(user, math.min(beat, NOW))
    end
    return code
  end
  local seen = math.max(s.beat, math.min(beat, NOW))
  call('HDEL', SESSIONS .. user, session)
  keep_metadata(user, metadata)
  local _, last = sessions_of(user)
  if last then
    touch(user, seen)
    settle(user)
    return '.'
  end
  local listed = call('ZSCORE', DUE, user)
  go_offline(user, reason, seen, s.device)
  return listed and 'f' or '.'
end

-- Lowers (g) or raises (d) a session's deadline.
local function reschedule(op, user, session, beat, metadata, extra)
  local s, code = stored(user, session)
  if not s then
    return code
  end
  keep_metadata(user, metadata)
  s.beat = math.max(s.beat, math.min(beat, NOW))
  if op == 'g' then
    s.deadline, s.reason = math.min(s.deadline, NOW + GRACE), extra
  else
    s.deadline = math.max(s.deadline, NOW + tonumber(extra))
  end
  call('HSET', SESSIONS .. user, session, session_value(s.deadline, s.beat, s.opened, s.reason, s.groups, s.device))
  touch(user, s.beat)
  settle(user)
  return '.'
end

local function force_offline(user, reason)
  if not key_is(META .. user, 'hash') or not key_is(SESSIONS .. user, 'hash') then
    return 'x'
  end
  if not call('ZSCORE', DUE, user) then
    return 'm'
  end
  local _, last = sessions_of(user)
  go_offline(user, reason, last and last.beat or 0, last and last.device or call('HGET', META .. user, 'deviceId') or '')
  return 'f'
end

local online = call('ZCARD', DUE)
enter_epoch()
if fenced() then
  return redis.error_reply('FENCED a later connection of this node has spoken')
end
if UNTIL > 0 and NOW > UNTIL then
  return redis.error_reply('STALE nobody waits for this any more')
end
local codes = {}
for i = 11, #ARGV, 6 do
  local op, user, session, beat = string.sub(ARGV[i], 1, 1), ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local tail, extra = ARGV[i + 4], ARGV[i + 5]
  local code
  if op == 'b' or op == 'o' or op == 'r' then
    code = live(op, ARGV[i], user, session, beat, tail, extra)
  elseif op == 'e' then
    code = finish(user, session, tonumber(beat), tail, extra)
  elseif op == 'g' or op == 'd' then
    code = reschedule(op, user, session, tonumber(beat), tail, extra)
  else
    code = force_offline(user, extra)
  end
  online = online + (code == 'n' and 1 or code == 'f' and -1 or 0)
  codes[#codes + 1] = code
end
keep_count()
return { NOW_TEXT, epoch, int(rev), online, table.concat(codes) }
