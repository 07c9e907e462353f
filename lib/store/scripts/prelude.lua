#!lua flags=allow-oom
-- SPDX-License-Identifier: MIT
-- Shared by all scripts, which stand behind it in one chunk. Without arguments a script is only loaded.
-- KEYS[1]: the due index (for routing)
-- ARGV[1]: prefix of the names of keys and channels
-- ARGV[2]: run_id of the Redis process, as the caller knows it
-- ARGV[3]: number of the database
-- ARGV[4]: known_rev: the highest revision that the caller knows
-- ARGV[5]: log_max: entries kept in the log, about
-- ARGV[6]: node: the caller's id
-- ARGV[7]: generation of its connection; 0: not fenced
-- Times are milliseconds of Redis's clock. Lua numbers are doubles: exact to 2^53, so revisions (microseconds) fit.
if #ARGV == 0 then
  return
end
local PREFIX, RUN_ID, DB, NODE = ARGV[1], ARGV[2], ARGV[3], ARGV[6]
local KNOWN_REV, LOG_MAX, GENERATION = tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[7])
local DUE, REV, EPOCH, LOG = PREFIX .. 'due', PREFIX .. 'rev', PREFIX .. 'epoch', PREFIX .. 'log'
local NODES, FENCE, CONTROL = PREFIX .. 'nodes', PREFIX .. 'fence', PREFIX .. 'control'
local EXTERNAL, LOST = 'external/0', 'lost/0'
local UNKNOWN = 'unknown' -- the run_id of a caller that may not ask INFO

local call, pcall_redis = redis.call, redis.pcall
local time = call('TIME')
local NOW = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local epoch, rev
local counted -- users in the index, as the scripts counted them: another number than the index has when somebody else changed it
local announced, balance = false, 0 -- since REV and EPOCH were last set

local function int(n)
  return string.format('%d', n)
end

local NOW_TEXT = int(NOW)

-- Other writers may have put any number into a key, and a number that no command takes fails a script behind its first write.
-- No time of ours lies further ahead: a TTL is 24 h at most, a grace 1 h.
local LATEST = NOW + 25 * 3600 * 1000
local function bounded(t)
  return math.max(0, math.min(t, LATEST))
end

-- A lastSeen as it stands in meta, or a beat in a session; 0 when it is no time of ours.
local function seen_of(text)
  local seen = tonumber(text or 0) or 0
  return seen <= LATEST and seen or 0
end

-- The same. A little ahead is now: a server's reckoning of the clock.
local AHEAD = 1000
local function heard_of(text)
  local seen = seen_of(text)
  return seen > NOW and seen <= NOW + AHEAD and NOW or seen
end

-- The same; 0 also when it lies far ahead, as after the clock was set back.
local function past_seen(text)
  local seen = heard_of(text)
  return seen <= NOW and seen or 0
end

-- Revisions are microseconds of a clock, or a little ahead of it; a counter further ahead is none of ours.
local YEAR_US = 365 * 24 * 3600 * 1000000
local REV_LATEST = tonumber(time[1]) * 1000000 + YEAR_US
if KNOWN_REV > REV_LATEST then
  KNOWN_REV = 0
end

local function is_error(reply)
  return type(reply) == 'table' and reply.err ~= nil
end

-- Whether a key is absent or of the type; writes would fail in mid-script otherwise.
local function key_is(key, wanted)
  local found = call('TYPE', key)
  found = found.ok or found
  return found == 'none' or found == wanted
end

-- One of another type is another program's.
local function delete(key, wanted)
  if key_is(key, wanted) then
    call('DEL', key)
  end
end

-- With this a script ends before its first write, where an answer about one of our keys is an error: of another type it is another
-- program's, and neither written nor deleted.
local function refusal(reply, key)
  if not string.find(reply.err, 'WRONGTYPE', 1, true) then
    return reply
  end
  local found = call('TYPE', key)
  return redis.error_reply('FOREIGN ' .. key .. ' is a ' .. (found.ok or found))
end

-- A new epoch: nobody's revisions of before count, and none of them comes twice, since the clock is ahead of them. Where it was
-- set back, it is not: then so far ahead of what is known that whatever was given unheard lies between, and by a varying distance,
-- since another store may have begun from the same.
local function begin_epoch()
  local seed, known = tonumber(time[1]) * 1000000 + tonumber(time[2]), math.max(rev or 0, KNOWN_REV or 0)
  if known >= seed then
    seed = known + 1000000000 + tonumber(time[2]) * 1000
  end
  rev, announced, balance, counted = seed, false, 0, call('ZCARD', DUE)
  epoch = string.sub(RUN_ID, 1, 8) .. '-' .. string.format('%x', seed)
  call('DEL', EPOCH)
  if key_is(LOG, 'stream') then
    call('DEL', LOG)
  end
  call('SET', REV, int(rev))
  call('HSET', EPOCH, 'id', epoch, 'run_id', RUN_ID, 'started', NOW_TEXT, 'online', counted)
end

-- Redis has lost what it knew, which begins another epoch, when: the record or the counter is absent or of another form; the counter is
-- behind what the caller has heard of; the index was removed whole, as an eviction does; another process answers than the one that the
-- record names; or the caller knows it otherwise (`forgotten`). A caller that may not ask INFO does not know the process, and an unknown
-- process is no evidence of another one: of two daemons of which one may ask, each would begin an epoch at the other's.
-- `listed`: what ZCARD says of the index. Returns the refusal with which the script has to end, or nil.
local function enter_epoch(forgotten, listed)
  local known, counter = pcall_redis('HMGET', EPOCH, 'id', 'run_id', 'online'), pcall_redis('GET', REV)
  if known.err then
    return refusal(known, EPOCH)
  elseif type(counter) == 'table' then
    return refusal(counter, REV)
  elseif type(listed) == 'table' then
    return refusal(listed, DUE)
  end
  epoch, rev = known[1], type(counter) == 'string' and string.match(counter, '^%d+$') and tonumber(counter)
  if not rev or rev > REV_LATEST then
    rev = nil
  end
  counted = tonumber(known[3] or 0) or 0
  local index_lost = counted > 0 and listed == 0
  local owner = known[2]
  local other_process = RUN_ID ~= UNKNOWN and owner ~= UNKNOWN and owner ~= RUN_ID
  if not epoch or not owner or not rev or other_process or index_lost or KNOWN_REV > rev or forgotten then
    begin_epoch()
  elseif owner == UNKNOWN and RUN_ID ~= UNKNOWN then
    call('HSET', EPOCH, 'run_id', RUN_ID)
  end
end

-- Commands of an earlier connection of the same node, executed late, must not undo what a later one said. Returns the refusal, or nil.
local function fenced()
  if GENERATION == 0 then
    return nil
  end
  local latest = pcall_redis('HGET', FENCE, NODE)
  if is_error(latest) then
    return refusal(latest, FENCE)
  end
  return GENERATION < (tonumber(latest or 0) or 0) and redis.error_reply('FENCED a later connection of this node has spoken') or nil
end

-- What another writer may have put into a key, as an event carries it: UTF-8 of at most 128 bytes without control characters, else ''.
-- Servers can't read an event with anything else, and load their rosters instead.
local function plain(text)
  if type(text) ~= 'string' or #text > 128 or string.find(text, '[%z\1-\31\127]') then
    return ''
  end
  local rest = text
  if string.find(text, '[\128-\255]') then
    -- Well-formed characters beyond ASCII (RFC 3629, 4). The table stands here, since nearly no script needs it.
    for _, character in ipairs({
      '\194[\160-\191]', '[\195-\223][\128-\191]', '\224[\160-\191][\128-\191]', '[\225-\236\238\239][\128-\191][\128-\191]',
      '\237[\128-\159][\128-\191]', '\240[\144-\191][\128-\191][\128-\191]', '[\241-\243][\128-\191][\128-\191][\128-\191]',
      '\244[\128-\143][\128-\191][\128-\191]',
    }) do
      rest = string.gsub(rest, character, ' ')
    end
  end
  return string.find(rest, '[\128-\255]') and '' or text
end

-- A session: deadline, beat (last sign of life), opened, the reason it will end for ('' is silence), groups (JSON), device.
local function session_value(deadline, beat, opened, reason, groups, device)
  return int(deadline) .. '\t' .. int(beat) .. '\t' .. opened .. '\t' .. reason .. '\t' .. groups .. '\t' .. device
end

local function session_parse(name, value)
  local deadline, beat, opened, reason, groups, device =
    string.match(value, '^(%d+)\t(%d+)\t(%d+)\t([^\t]*)\t([^\t]*)\t(.*)$')
  return {
    name = name,
    deadline = bounded(tonumber(deadline or 0)),
    beat = seen_of(beat),
    opened = opened or '0',
    reason = reason or '',
    groups = groups or '',
    device = device or '',
  }
end

-- A session that lives on by its beats has its last one in meta, too, in a field of the session's name: servers move that on by plain
-- commands, without a script (KEYS.md, "Heartbeats"). The field alone is no session.
local function take_beat(s, text)
  local beat = heard_of(text)
  if beat > s.beat then
    s.deadline, s.beat = bounded(s.deadline + beat - s.beat), beat
  end
  return s
end

-- The one with the last deadline; of several the first by name, since a hash has no order.
local function last_of(list)
  local last
  for _, s in ipairs(list) do
    if not last or s.deadline > last.deadline or (s.deadline == last.deadline and s.name < last.name) then
      last = s
    end
  end
  return last
end

-- All sessions of a user, and the last of them. `flat`: what HGETALL has said already, if it was asked.
local function sessions_of(user, flat)
  flat = flat or pcall_redis('HGETALL', PREFIX .. 'sessions:' .. user)
  local list, names = {}, {}
  if is_error(flat) or #flat == 0 then
    return list
  end
  for i = 1, #flat, 2 do
    list[#list + 1], names[#names + 1] = session_parse(flat[i], flat[i + 1]), flat[i]
  end
  local beats = pcall_redis('HMGET', PREFIX .. 'meta:' .. user, unpack(names))
  if not is_error(beats) then
    for i, s in ipairs(list) do
      take_beat(s, beats[i])
    end
  end
  return list, last_of(list)
end

local function remove_session(user, name)
  pcall_redis('HDEL', PREFIX .. 'meta:' .. user, name)
  return call('HDEL', PREFIX .. 'sessions:' .. user, name)
end

local GROUPS_UNION_MAX = 500 -- as in presence/identity.h

-- The groups of the sessions as one JSON array, '' for none.
local function groups_union(list)
  local seen, names, texts = {}, {}, { [''] = true }
  for _, s in ipairs(list) do
    local ok, groups = false, nil
    if not texts[s.groups] then
      texts[s.groups] = true -- sessions of one user mostly claim the same
      ok, groups = pcall(cjson.decode, s.groups)
    end
    if ok and type(groups) == 'table' then
      for _, name in ipairs(groups) do
        if plain(name) ~= '' and not seen[name] then
          seen[name] = true
          names[#names + 1] = name
        end
      end
    end
  end
  if #names == 0 then
    return ''
  end
  table.sort(names)
  for i = #names, GROUPS_UNION_MAX + 1, -1 do
    names[i] = nil
  end
  return cjson.encode(names)
end

-- Takes a revision, appends to the log, publishes. XADD refuses an id behind the log's last: the counter was lost or set
-- back, which is a new epoch, and counts the index anew: that must be changed before. Who announces calls keep_count at the end of the
-- script.
local function announce(user, status, reason, seen, device, groups)
  local event
  local function compose()
    local rev_text = int(rev)
    event = '{"userId":' .. cjson.encode(user) .. ',"status":"' .. status .. '","timestamp":' .. NOW_TEXT
      .. ',"lastSeen":' .. seen .. ',"deviceId":' .. (device == '' and 'null' or cjson.encode(device))
      .. ',"rev":' .. rev_text .. ',"epoch":"' .. epoch .. '","db":' .. DB .. ',"reason":' .. cjson.encode(reason)
      .. ',"node":' .. cjson.encode(NODE) .. (groups == '' and '' or ',"groups":' .. groups) .. '}'
    return pcall_redis('XADD', LOG, 'MAXLEN', '~', LOG_MAX, rev_text .. '-0', 'event', event)
  end
  rev = rev + 1
  announced, balance = true, balance + (status == 'online' and 1 or -1)
  local logged = compose()
  -- Where a key of another type stands in the log's place there is none: who missed something loads.
  if is_error(logged) and not string.find(logged.err, 'WRONGTYPE', 1, true) then
    begin_epoch()
    announced, rev = true, rev + 1
    compose()
  end
  call('PUBLISH', PREFIX .. status, event)
  call('PUBLISH', PREFIX .. 'updates', event)
end

-- Once for all that the script has announced. One that broke off before would leave a counter behind the log: a new epoch.
local function keep_count()
  if announced then
    call('SET', REV, int(rev))
    call('HINCRBY', EPOCH, 'online', balance)
  end
end

-- False, with nothing written, when the user's key is of another type: it is another program's. Who calls has looked at meta and sessions.
-- `known`: lastSeen, sinceDevice and groups in meta, if somebody has asked already. `s.beats`: it lives on by its beats. `s.listed`: the user
-- stands in the index by now.
local function go_online(user, reason, s, known)
  local key, meta = PREFIX .. 'user:' .. user, PREFIX .. 'meta:' .. user
  local deadline = int(s.deadline)
  -- GET makes SET refuse a key of another type.
  if is_error(pcall_redis('SET', key, '1', 'PXAT', deadline, 'GET')) then
    return false
  end
  if not s.listed then
    call('ZADD', DUE, deadline, user)
  end
  local groups = s.groups == '' and '' or groups_union({ s })
  known = known or call('HMGET', meta, 'lastSeen', 'sinceDevice', 'groups')
  local seen, device = int(math.max(s.beat, past_seen(known[1]))), plain(s.device)
  announce(user, 'online', reason, seen, device, groups)
  if known[2] or known[3] then
    call('HDEL', meta, 'sinceDevice', 'groups')
  end
  local more = groups ~= '' and { 'groups', groups } or {}
  if s.beats then
    more[#more + 1], more[#more + 2] = s.name, int(s.beat)
  end
  call('HSET', meta, 'status', 'online', 'lastSeen', seen, 'deviceId', device, 'role', s.role, 'since', NOW_TEXT,
    'sinceSeen', seen, 'rev', int(rev), 'reason', reason, 'node', NODE, unpack(more))
  return true
end

-- Whether the user stood in the index. `list`: the sessions of which meta has a beat still. `known`: lastSeen, sinceDevice and groups in
-- meta, if somebody has asked already. The sessions themselves are the caller's.
local function go_offline(user, reason, seen, device, list, known)
  local meta = PREFIX .. 'meta:' .. user
  known = known or call('HMGET', meta, 'lastSeen', 'sinceDevice', 'groups')
  local seen_text = int(math.min(NOW, math.max(seen, past_seen(known[1]))))
  device = plain(device)
  local listed = call('ZREM', DUE, user) == 1
  announce(user, 'offline', reason, seen_text, device, '')
  delete(PREFIX .. 'user:' .. user, 'string')
  -- A meta of another type is another program's.
  pcall_redis('HSET', meta, 'status', 'offline', 'lastSeen', seen_text, 'deviceId', device, 'since', NOW_TEXT,
    'sinceSeen', seen_text, 'rev', int(rev), 'reason', reason, 'node', NODE)
  local gone = (known[2] or known[3]) and { 'sinceDevice', 'groups' } or {}
  for _, s in ipairs(list) do
    gone[#gone + 1] = s.name
  end
  if #gone > 0 then
    pcall_redis('HDEL', meta, unpack(gone))
  end
  return listed
end

-- Brings index, key and groups of a user who is online in line with the sessions left (`list` and the last of them, where they are
-- known). The index may be early, never late.
local function settle(user, list, last)
  if not list then
    list, last = sessions_of(user)
  end
  local score = tonumber(call('ZSCORE', DUE, user) or nil)
  if not last or not score then
    return
  end
  local deadline, key = int(last.deadline), PREFIX .. 'user:' .. user
  -- A deadline in the past removes the key.
  if key_is(key, 'string') and call('PEXPIREAT', key, deadline) == 0 and last.deadline > NOW then
    call('SET', key, '1', 'PXAT', deadline)
  end
  if score > last.deadline then
    call('ZADD', DUE, deadline, user)
  end
  local meta, groups = PREFIX .. 'meta:' .. user, groups_union(list)
  if key_is(meta, 'hash') and groups ~= (call('HGET', meta, 'groups') or '') then
    if groups == '' then
      call('HDEL', meta, 'groups')
    else
      call('HSET', meta, 'groups', groups)
    end
    call('PUBLISH', CONTROL, '{"cmd":"groups","userId":' .. cjson.encode(user) .. ',"groups":'
      .. (groups == '' and '[]' or groups) .. ',"rev":' .. int(rev) .. ',"epoch":"' .. epoch .. '","db":' .. DB .. '}')
  end
end

-- Somebody deleted sessions of a user who is online, as an eviction does: whoever has one asserts it again.
local function ask_for_sessions(user)
  call('PUBLISH', CONTROL, '{"cmd":"assert","userId":' .. cjson.encode(user) .. ',"db":' .. DB .. '}')
end

-- lastSeen only grows. False when there is none to grow.
local function touch(user, seen)
  local meta = PREFIX .. 'meta:' .. user
  local before = pcall_redis('HGET', meta, 'lastSeen')
  if before and not is_error(before) and seen > seen_of(before) then
    call('HSET', meta, 'lastSeen', int(seen))
  end
  return before ~= false
end
