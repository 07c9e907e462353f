-- SPDX-License-Identifier: MIT
-- Applies a batch of session operations in order: the only way in which connections change the state.
-- KEYS and ARGV[1..7]: see prelude.lua
-- ARGV[8]: TTL (ms)
-- ARGV[9]: executed later than this, it is refused (STALE), since its sender has given it up and sends what is so now (0: never)
-- then for each operation:
--   op, with the role (o b r: 'bmobile') or the grace in ms (g: 'g5000') behind it
--   user
--   session
--   beat: the time of the last sign of life; 0: now (o b r), none known (others)
--   tail (o b r): the rest of a session's value: opened, no reason, groups (JSON or ''), device; (e g): metadata of a beat that was not
--     written yet (JSON) or ''; (u): the fromId that came
--   extra, by operation:
--   o  a session opens; an earlier connection of the same device ends with it     extra: reason, '' is connected
--   b  a heartbeat, where plain commands did not do; reopens an ended session    extra: metadata (JSON) or ''
--   r  a living session asserted after Redis was lost                             extra: ''
--   e  a session ends                                                             extra: reason
--   g  a session ends after the grace, unless it beats again                      extra: reason
--   d  the server drains: the session lives at least so long from now             extra: ms
--   f  all sessions of the user end                                               extra: reason
--   u  heartbeats of the session came and did not count, the last at `beat`       extra: how many, tab, why
-- Reply: now, epoch, rev, online users, one letter for each operation:
--   . as asked, no change   n went online   f went offline   l too late, not applied   m no such session   x keys of another type
local ARGV, tonumber, sub = ARGV, tonumber, string.sub -- each look into the table of globals costs a beat
local TTL, UNTIL = tonumber(ARGV[8]), tonumber(ARGV[9])
local SESSIONS, META, USER = PREFIX .. 'sessions:', PREFIX .. 'meta:', PREFIX .. 'user:'
local OLDEST = NOW - TTL
-- A beat no older than this sets lastSeen without reading it first: where phones of one user overlap it may step back so far.
local FRESH = NOW - 250
local RECKONING = 250

-- The sessions of a user as they stand, by name and by device: read and parsed at most once in a batch, since one account may have
-- many, and kept in line by whatever writes: each function costs every batch 0.3 us, so that there are few.
local known_users = {}

local function note(known, s)
  local old = known.by_name[s.name]
  if old and old.device ~= s.device then
    known.by_device[old.device][s.name] = nil
  end
  known.by_name[s.name] = s
  known.by_device[s.device] = known.by_device[s.device] or {}
  known.by_device[s.device][s.name] = s
end

local function known_sessions(user)
  local known = known_users[user]
  if not known then
    known = { by_name = {}, by_device = {} }
    known_users[user] = known
    for _, s in ipairs((sessions_of(user))) do
      note(known, s)
    end
  end
  return known
end

-- After an HSET to a user who is known; `added` is its reply.
local function note_put(user, session, value, added)
  if not is_error(added) then
    note(known_users[user], session_parse(session, value))
  end
end

-- Its beat in meta is the caller's.
local function forget(user, session)
  call('HDEL', SESSIONS .. user, session)
  local known = known_users[user]
  local s = known and known.by_name[session]
  if s then
    known.by_name[session], known.by_device[s.device][session] = nil, nil
  end
end

local function drop(user, session)
  forget(user, session)
  pcall_redis('HDEL', META .. user, session)
end

local function leave(user, reason, seen, device, list, known)
  known_users[user] = { by_name = {}, by_device = {} }
  return go_offline(user, reason, seen, device, list, known)
end

-- Users whose index, key and groups may differ from their sessions: they are settled once, at the end of the batch.
local unsettled, is_unsettled = {}, {}
local function unsettle(user)
  if not is_unsettled[user] then
    is_unsettled[user] = true
    unsettled[#unsettled + 1] = user
  end
end

local newest = {} -- of each user the session that opened last

local function list_of(user)
  local list = {}
  for _, s in pairs(known_sessions(user).by_name) do
    list[#list + 1] = s
  end
  return list, last_of(list)
end

-- So many sessions a user may have. Of more, those that end first go down to the second number, so that not each further opening
-- looks for one; one that lives comes back with its next beat.
local SESSIONS_MAX, SESSIONS_LEFT = 256, 224

local function settle_all()
  -- Who gave no device can't come back within the grace of a session: one beside a session that ends later need not stay.
  local function drop_made_up(user, list, last)
    local left = {}
    for _, s in ipairs(list) do
      if s ~= last and s.reason ~= '' and sub(s.device, 1, 5) == 'auto-' then
        drop(user, s.name)
      else
        left[#left + 1] = s
      end
    end
    return left
  end

  local function drop_excess(user, list)
    local left, excess = {}, #list - SESSIONS_LEFT
    table.sort(list, function(a, b)
      return a.deadline < b.deadline or (a.deadline == b.deadline and a.name > b.name)
    end)
    for _, s in ipairs(list) do
      if excess > 0 and s.name ~= EXTERNAL and s.name ~= newest[user] then
        drop(user, s.name)
        excess = excess - 1
      else
        left[#left + 1] = s
      end
    end
    return left
  end

  for _, user in ipairs(unsettled) do
    local list, last = list_of(user)
    list = drop_made_up(user, list, last)
    if #list > SESSIONS_MAX then
      list = drop_excess(user, list)
    end
    settle(user, list, last)
  end
end

-- The live copies in meta: lastSeen only grows, and what somebody else deleted is put back. Returns the device that stood there.
local function keep_meta(user, s)
  local meta = META .. user
  local known = pcall_redis('HMGET', meta, 'deviceId', 'status', 'lastSeen')
  if is_error(known) then
    return nil
  end
  if not known[1] or not known[2] then
    unsettle(user) -- the groups, too
    call('HSET', meta, 'status', 'online', 'lastSeen', int(s.beat), 'deviceId', s.device, 'role', s.role,
      'since', NOW_TEXT, 'sinceSeen', int(s.beat), s.name, int(s.beat))
  else
    local beat = int(s.beat)
    call('HSET', meta, s.name, beat, 'lastSeen', s.beat > seen_of(known[3]) and beat or known[3])
  end
  return known[1]
end

local function take_over(user, session, device, opened)
  -- An opening may be late: Redis stood still, or the batch was lost. A session that beat behind it has come back already. Other
  -- servers reckon Redis's time a little otherwise, and a time to come is none.
  local function came_back(s)
    local own = sub(s.name, 1, #NODE + 1) == NODE .. '/'
    return s.beat > opened + (own and 0 or RECKONING) and s.beat <= NOW
  end

  for name, s in pairs(known_sessions(user).by_device[device] or {}) do
    if name ~= session and name ~= EXTERNAL and tonumber(s.opened) <= opened and not came_back(s) then
      drop(user, name)
    end
  end
end

-- A further session of a user who is online: the live copies follow, those of the last transition are kept aside.
local function join(user, s)
  local meta, device = META .. user, keep_meta(user, s)
  if device and device ~= s.device then
    call('HSETNX', meta, 'sinceDevice', device)
    call('HSET', meta, 'deviceId', s.device)
  end
  unsettle(user)
end

-- A session that was not there (fresh), one that opens, or one whose user is not in the index.
local function enter(op, user, s, extra, fresh)
  local known = pcall_redis('HMGET', META .. user, 'lastSeen', 'sinceDevice', 'groups')
  if is_error(known) then
    drop(user, s.name)
    return 'x'
  end
  newest[user] = s.name
  local listed = call('ZADD', DUE, 'NX', int(s.deadline), user) == 0
  -- Who is not listed has no sessions: any that somebody else left are found when they are said again, or by the sweep.
  local alone = not listed and fresh or call('HLEN', SESSIONS .. user) == 1
  if op == 'o' and s.device ~= '' and not alone then
    take_over(user, s.name, s.device, tonumber(s.opened))
  end
  -- Online without a session: somebody deleted them, as an eviction does. Whoever has one of this user asserts it again.
  if listed and alone and fresh then
    ask_for_sessions(user)
  end
  if listed then
    join(user, s)
  else
    s.listed = true
    local reason = op == 'b' and 'heartbeat' or op == 'r' and 'recovered' or extra ~= '' and extra or 'connected'
    if not go_online(user, reason, s, known) then
      call('ZREM', DUE, user)
      drop(user, s.name)
      return 'x'
    end
    if not alone then
      unsettle(user)
    end
  end
  if op == 'b' and extra ~= '' then
    call('HSET', META .. user, 'metadata', extra)
  end
  return listed and '.' or 'n'
end

-- A beat that does not move the user's last deadline on: another session lives longer, or a key is gone. Of one that stands at this
-- deadline already nothing is to be settled, as of beats that came in the same millisecond or are said again.
local function beat_beside(op, user, s, extra)
  if not call('ZSCORE', DUE, user) then
    return enter(op, user, s, extra)
  end
  if call('PEXPIRETIME', USER .. user) ~= s.deadline then
    unsettle(user)
  end
  keep_meta(user, s)
  if extra ~= '' then
    pcall_redis('HSET', META .. user, 'metadata', extra)
  end
  return '.'
end

-- Whether nobody took an entry out of the index since the epoch began; otherwise each beat looks for its own. What is asserted does so
-- in any case: the epoch may have begun because the index was gone, while sessions and keys are left.
local index_is_whole

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
  if known_users[user] then
    note_put(user, session, value, added)
  end
  local stands = added == 0 and op ~= 'o'
  -- Nearly every heartbeat ends here.
  if stands and (index_is_whole and op ~= 'r' or call('ZSCORE', DUE, user)) and call('PEXPIREAT', USER .. user, deadline_text, 'GT') == 1 then
    local known
    if beat >= FRESH then
      known = pcall_redis('HSET', META .. user, 'lastSeen', beat_text, session, beat_text) ~= 2
    else
      known = touch(user, beat)
      pcall_redis('HSET', META .. user, session, beat_text)
    end
    if known then
      if extra ~= '' then
        pcall_redis('HSET', META .. user, 'metadata', extra)
      end
      return '.'
    end
    unsettle(user) -- meta was deleted, and its groups with it
  end
  if is_error(added) then
    return 'x'
  end
  if added == 0 then
    pcall_redis('HDEL', META .. user, session) -- a later beat there counts no more
  end
  local s = session_parse(session, value)
  s.role, s.beats = sub(op_role, 2), true
  if stands then
    return beat_beside(op, user, s, extra)
  end
  return enter(op, user, s, extra, added == 1)
end

-- The session and what go_offline asks of meta; or nil and the outcome.
local function stored(user, session)
  local value = pcall_redis('HGET', SESSIONS .. user, session)
  local known = pcall_redis('HMGET', META .. user, 'lastSeen', 'sinceDevice', 'groups', session)
  if is_error(value) or is_error(known) then
    return nil, 'x'
  end
  if not value then
    return nil, 'm'
  end
  return take_beat(session_parse(session, value), known[4]), known
end

local function keep_metadata(user, metadata)
  if metadata ~= '' then
    call('HSET', META .. user, 'metadata', metadata)
  end
end

local function finish(user, session, beat, metadata, reason)
  local s, known = stored(user, session)
  if not s then
    if known == 'm' then
      touch(user, math.min(beat, NOW))
    end
    return known
  end
  local seen = math.max(s.beat, math.min(beat, NOW))
  forget(user, session)
  keep_metadata(user, metadata)
  if call('HLEN', SESSIONS .. user) == 0 then
    return leave(user, reason, seen, s.device, { s }, known) and 'f' or '.'
  end
  call('HDEL', META .. user, session)
  touch(user, seen)
  unsettle(user)
  return '.'
end

-- Lowers (g) or raises (d) a session's deadline, which its next beat makes an ordinary one again: by the script, since its own field is
-- gone until then.
local function reschedule(op, op_grace, user, session, beat, metadata, extra)
  local s, code = stored(user, session)
  if not s then
    return code
  end
  keep_metadata(user, metadata)
  s.beat = math.max(s.beat, math.min(beat, NOW))
  if op == 'g' then
    s.deadline, s.reason = math.min(s.deadline, NOW + tonumber(sub(op_grace, 2))), extra
  else
    s.deadline = math.max(s.deadline, NOW + tonumber(extra))
  end
  local value = session_value(s.deadline, s.beat, s.opened, s.reason, s.groups, s.device)
  local added = call('HSET', SESSIONS .. user, session, value)
  if known_users[user] then
    note_put(user, session, value, added)
  end
  call('HDEL', META .. user, session)
  touch(user, s.beat)
  unsettle(user)
  return '.'
end

local function force_offline(user, reason)
  if not key_is(META .. user, 'hash') or not key_is(SESSIONS .. user, 'hash') then
    return 'x'
  end
  if not call('ZSCORE', DUE, user) then
    return 'm'
  end
  local list, last = list_of(user)
  call('DEL', SESSIONS .. user)
  leave(user, reason, last and last.beat or 0, last and last.device or call('HGET', META .. user, 'deviceId') or '', list)
  return 'f'
end

-- The users whom `presence-ctl doctor` lists, by time; the latest only.
local REFUSED, REFUSED_MS, REFUSED_MOST = PREFIX .. 'refused', 3600000, 1000
local REFUSED_TRIM = 100

-- Remembered with the user, so that it is still known when the session has expired. Nobody is made up by it.
local function note_refused(user, session, at, from, extra)
  local meta, at_text = META .. user, int(math.min(at, NOW))

  local function list_user()
    call('ZADD', REFUSED, at_text, user)
    local gone = call('ZRANGEBYSCORE', REFUSED, '-inf', int(NOW - REFUSED_MS), 'LIMIT', 0, REFUSED_TRIM)
    if #gone == 0 then
      local excess = math.min(call('ZCARD', REFUSED) - REFUSED_MOST, REFUSED_TRIM)
      gone = excess > 0 and call('ZRANGE', REFUSED, 0, int(excess - 1)) or gone
    end
    if #gone > 0 then
      call('ZREM', REFUSED, unpack(gone))
    end
    call('PEXPIREAT', REFUSED, int(NOW + REFUSED_MS))
  end

  if key_is(REFUSED, 'zset') then
    list_user()
  end
  if not key_is(meta, 'hash') then
    return 'x'
  end
  if call('HLEN', meta) == 0 then
    return 'm'
  end
  call('HSET', meta, 'refused', extra .. '\t' .. at_text .. '\t' .. session .. '\t' .. from)
  return '.'
end

local online = pcall_redis('ZCARD', DUE)
local refused = fenced() or enter_epoch(false, online)
if refused then
  return refused
end
index_is_whole = counted == online
if UNTIL > 0 and NOW > UNTIL then
  return redis.error_reply('STALE nobody waits for this any more')
end
local codes = {}
for i = 10, #ARGV, 6 do
  local op, user, session, beat = sub(ARGV[i], 1, 1), ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local tail, extra = ARGV[i + 4], ARGV[i + 5]
  local code
  if op == 'b' or op == 'o' or op == 'r' then
    code = live(op, ARGV[i], user, session, beat, tail, extra)
  elseif op == 'e' then
    code = finish(user, session, tonumber(beat), tail, extra)
  elseif op == 'g' or op == 'd' then
    code = reschedule(op, ARGV[i], user, session, tonumber(beat), tail, extra)
  elseif op == 'u' then
    code = note_refused(user, session, tonumber(beat), tail, extra)
  else
    code = force_offline(user, extra)
  end
  online = online + (code == 'n' and 1 or code == 'f' and -1 or 0)
  codes[#codes + 1] = code
end
settle_all()
keep_count()
return { NOW_TEXT, epoch, int(rev), online, table.concat(codes) }
