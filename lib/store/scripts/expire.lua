-- SPDX-License-Identifier: MIT
-- The sweep: turns passed deadlines into offline transitions. Any number of daemons may run it, at any time.
-- KEYS and ARGV[1..7]: see prelude.lua
-- ARGV[8]: at most so many users (2,000 fit on Lua's stack)
-- ARGV[9]: hold-back (ms)
-- ARGV[10]: gap (ms) after which a silence of the store proves nothing
-- Reply: now, epoch, rev, online users, ms held back still, next entry of the index ('' when empty), entries looked at,
--   and for each user who went offline: the ms since the deadline
local LIMIT, HOLDBACK, GAP = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local SESSIONS = PREFIX .. 'sessions:'

-- Deadlines up to here are handled. Redis expires strictly after a deadline: in its own millisecond the key is still there.
local horizon = NOW - 2
local function passed(deadline)
  return deadline <= horizon
end

-- After a gap between sweeps (Redis paused or away, nobody sweeping, the clock moved) servers may first assert who lives, for the
-- hold-back. A store that stalls again and again would be held for ever, so the time of holding is added up, a gap as its least, since
-- nobody could beat in it: when it comes to five hold-backs, deadlines that had passed before it began are handled, and it begins again.
local ROW = 5 * HOLDBACK

-- Returns the ms held back still, and whether a row is complete.
local function held_for()
  local state = call('HMGET', EPOCH, 'swept', 'hold', 'held', 'sum') -- the row began, how long it has held
  for i = 1, 4 do
    state[i] = math.max(0, tonumber(state[i] or 0) or 0)
  end
  local swept, hold, held, sum = unpack(state)
  local gap = NOW - swept > GAP or NOW < swept or hold > NOW + HOLDBACK
  if hold <= swept or hold > NOW + HOLDBACK or held > NOW then
    held, sum = NOW, 0
  else
    sum = math.min(ROW, sum + math.max(0, math.min(NOW - swept, GAP)))
  end
  if gap then
    hold = NOW + HOLDBACK
  end
  call('HSET', EPOCH, 'swept', NOW_TEXT, 'hold', int(hold), 'held', int(held), 'sum', int(sum))
  if hold > NOW and sum >= ROW then
    horizon = held - 2
  end
  return math.max(0, hold - NOW), hold > NOW and sum >= ROW
end

local function next_row()
  call('HSET', EPOCH, 'held', NOW_TEXT, 'sum', '0')
end

-- Another writer may have prolonged its key meanwhile.
local function external_deadline(user, s)
  local left = call('PTTL', PREFIX .. 'user:' .. user)
  if left <= 0 then
    return s.deadline
  end
  local deadline = bounded(NOW + left)
  call('HSET', SESSIONS .. user, EXTERNAL, session_value(deadline, s.beat, s.opened, '', s.groups, s.device))
  return deadline
end

local function remove_passed(user, list)
  local removed = 0
  for _, s in ipairs(list) do
    if passed(s.deadline) then
      removed = removed + remove_session(user, s.name)
    end
  end
  if removed > 0 then
    settle(user)
  end
end

-- The only deadline left when somebody deleted the sessions.
local function key_deadline(user)
  local left = call('PTTL', PREFIX .. 'user:' .. user)
  return left > 0 and bounded(NOW + left) or 0
end

-- Somebody deleted the sessions of a user who is online, as an eviction does: whoever has one asserts it again before the user is handled.
local function wait_for_sessions(user)
  local device = pcall_redis('HGET', PREFIX .. 'meta:' .. user, 'deviceId')
  call('HSET', SESSIONS .. user, LOST,
    session_value(NOW + HOLDBACK, 0, '0', '', '', type(device) == 'string' and device or ''))
  call('ZADD', DUE, int(NOW + HOLDBACK), user)
  ask_for_sessions(user)
end

-- The deadline of a user's only session while it lies ahead: nearly every entry is that of a user who has beaten since.
local function only_deadline(user, flat)
  local deadline, beat = string.match(#flat == 2 and flat[2] or '', '^(%d+)\t(%d+)\t%d+\t[^\t]*\t[^\t]*\t')
  -- Beyond 15 digits another writer made it up, and a score may not take it.
  if not deadline or #deadline > 15 or #beat > 15 then
    return nil
  end
  local s = { deadline = tonumber(deadline), beat = tonumber(beat) }
  take_beat(s, pcall_redis('HGET', PREFIX .. 'meta:' .. user, flat[1]))
  return not passed(s.deadline) and int(s.deadline)
end

-- nil while the user lives, else the ms since the last deadline. `flat`: the sessions, as HGETALL gives them.
local function judge(user, flat)
  local list, last = sessions_of(user, flat)
  local deadline = last and last.deadline or math.max(bounded(tonumber(call('ZSCORE', DUE, user))), key_deadline(user))
  if not last and passed(deadline) and HOLDBACK > 0 and key_is(SESSIONS .. user, 'hash') then
    wait_for_sessions(user)
    return nil
  end
  if passed(deadline) then
    for _, s in ipairs(list) do
      if s.name == EXTERNAL then
        deadline = math.max(deadline, external_deadline(user, s))
        s.deadline = deadline
      end
    end
    -- What an earlier connection of a server sent may be executed late, and take a beat back by one; a key is only moved on.
    if last and last.reason == '' then
      last.deadline = math.max(last.deadline, key_deadline(user))
      deadline = math.max(deadline, last.deadline)
    end
  elseif not last then
    ask_for_sessions(user)
  end
  if not passed(deadline) then
    remove_passed(user, list)
    call('ZADD', DUE, int(deadline), user)
    return nil
  end
  local known = pcall_redis('HMGET', PREFIX .. 'meta:' .. user, 'lastSeen', 'sinceDevice', 'groups', 'deviceId')
  if is_error(known) then
    known = {}
  end
  -- Without meta the times of beats are gone, too.
  if last and not known[1] and last.name ~= LOST and HOLDBACK > 0 then
    wait_for_sessions(user)
    return nil
  end
  local seen = 0
  for _, s in ipairs(list) do
    seen = math.max(seen, s.beat)
  end
  local reason = last and plain(last.reason) or ''
  delete(SESSIONS .. user, 'hash')
  go_offline(user, reason ~= '' and reason or 'expired', seen, last and last.device or known[4] or '', list, known)
  return NOW - deadline
end

local online = pcall_redis('ZCARD', DUE)
local refused = enter_epoch(false, online)
if refused then
  return refused
end
local held, complete = held_for()
local lags, looked, foreign = {}, 0, 0
if held == 0 or complete then
  local found, moves, n = call('ZRANGEBYSCORE', DUE, '-inf', int(math.max(0, horizon)), 'LIMIT', 0, LIMIT), {}, 0
  looked = #found
  for i = 1, looked do
    local user = found[i]
    local flat = pcall_redis('HGETALL', SESSIONS .. user)
    local ahead = only_deadline(user, flat)
    if ahead then
      moves[n + 1], moves[n + 2] = ahead, user
      n = n + 2
    elseif plain(user) == '' then
      call('ZREM', DUE, user) -- another writer's: no user has such an id
      foreign = foreign + 1
    else
      lags[#lags + 1] = judge(user, flat)
    end
  end
  if n > 0 then
    call('ZADD', DUE, unpack(moves))
  end
  keep_count()
  if complete and looked < LIMIT then
    next_row()
  end
end
local first = call('ZRANGE', DUE, 0, 0, 'WITHSCORES')
return { NOW_TEXT, epoch, int(rev), online - #lags - foreign, held, first[2] and int(bounded(tonumber(first[2]))) or '', looked, lags }
