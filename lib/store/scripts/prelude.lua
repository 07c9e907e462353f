#!lua flags=allow-oom
-- Shared by all scripts, which stand behind it in one chunk.
-- KEYS[1]: the due index (for routing). ARGV[1..7]: prefix, run_id, db, known_rev, log_max, node, generation.
-- Times are milliseconds of Redis's clock. Lua numbers are doubles: exact to 2^53, so revisions (microseconds) fit.
local PREFIX, RUN_ID, DB, NODE = ARGV[1], ARGV[2], ARGV[3], ARGV[6]
local KNOWN_REV, LOG_MAX, GENERATION = tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[7])
local DUE, REV, EPOCH, LOG = PREFIX .. 'due', PREFIX .. 'rev', PREFIX .. 'epoch', PREFIX .. 'log'
local NODES, FENCE, CONTROL = PREFIX .. 'nodes', PREFIX .. 'fence', PREFIX .. 'control'
local EXTERNAL, LOST = 'external/0', 'lost/0'

local call, pcall_redis = redis.call, redis.pcall
local time = call('TIME')
local NOW = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local epoch, rev
local announced, balance = false, 0 -- since REV and EPOCH were last set

local function int(n)
  return string.format('%d', n)
end

local NOW_TEXT, NODE_JSON = int(NOW), cjson.encode(NODE)

local function is_error(reply)
  return type(reply) == 'table' and reply.err ~= nil
end

-- A new epoch: nobody's revisions of before count, and none of them comes twice, since the clock is ahead of them. Where it was
-- set back, it is not: then so far ahead of what is known that whatever was given unheard lies between, and by a varying distance,
-- since another store may have begun from the same.
local function begin_epoch()
  local seed, known = tonumber(time[1]) * 1000000 + tonumber(time[2]), math.max(rev or 0, KNOWN_REV or 0)
  if known >= seed then
    seed = known + 1000000000 + tonumber(time[2]) * 1000
  end
  rev, announced, balance = seed, false, 0
  epoch = string.sub(RUN_ID, 1, 8) .. '-' .. string.format('%x', seed)
  call('DEL', LOG, EPOCH)
  call('SET', REV, int(rev))
  call('HSET', EPOCH, 'id', epoch, 'run_id', RUN_ID, 'started', NOW_TEXT, 'online', call('ZCARD', DUE))
end

-- Another Redis process, or an emptied one, means another epoch; so does a record or a counter of another form, an index that
-- somebody took away whole, as an eviction does, and a counter behind what the caller has heard of.
local function enter_epoch()
  local known, counter = pcall_redis('HMGET', EPOCH, 'id', 'run_id', 'online'), pcall_redis('GET', REV)
  epoch, rev = known[1], type(counter) == 'string' and string.match(counter, '^%d+$') and tonumber(counter)
  if not rev or rev >= 2 ^ 53 then
    rev = nil
  end
  local index_lost = (tonumber(known[3] or 0) or 0) > 0 and call('ZCARD', DUE) == 0
  if not epoch or known[2] ~= RUN_ID or not rev or index_lost or KNOWN_REV > rev then
    begin_epoch()
  end
end

-- Commands of an earlier connection of the same node, executed late, must not undo what a later one said.
local function fenced()
  if GENERATION == 0 then
    return false
  end
  local latest = pcall_redis('HGET', FENCE, NODE)
  return GENERATION < (not is_error(latest) and tonumber(latest or 0) or 0)
end

-- Whether a key is absent or of the type; writes would fail in mid-script otherwise.
local function key_is(key, wanted)
  local found = call('TYPE', key)
  found = found.ok or found
  return found == 'none' or found == wanted
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
    deadline = tonumber(deadline or 0),
    beat = tonumber(beat or 0),
    opened = opened or '0',
    reason = reason or '',
    groups = groups or '',
    device = device or '',
  }
end

-- All sessions of a user, and the one with the last deadline; of several the first by name, since a hash has no order.
-- `flat`: what HGETALL has said already, if it was asked.
local function sessions_of(user, flat)
  flat = flat or pcall_redis('HGETALL', PREFIX .. 'sessions:' .. user)
  local list, last = {}, nil
  if is_error(flat) then
    return list, last
  end
  for i = 1, #flat, 2 do
    local s = session_parse(flat[i], flat[i + 1])
    list[#list + 1] = s
    if not last or s.deadline > last.deadline or (s.deadline == last.deadline and s.name < last.name) then
      last = s
    end
  end
  return list, last
end

-- The groups of the sessions as one JSON array, '' for none.
local function groups_union(list)
  local seen, names = {}, {}
  for _, s in ipairs(list) do
    local ok, groups = false, nil
    if s.groups ~= '' then
      ok, groups = pcall(cjson.decode, s.groups)
    end
    if ok and type(groups) == 'table' then
      for _, name in ipairs(groups) do
        if type(name) == 'string' and not seen[name] then
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
  return cjson.encode(names)
end

-- Takes a revision, appends to the log, publishes. XADD refuses an id behind the log's last: the counter was lost or set
-- back, which is a new epoch. Who announces calls keep_count at the end of the script.
local function announce(user, status, reason, seen, device, groups)
  local event
  local function compose()
    local rev_text = int(rev)
    event = '{"userId":' .. cjson.encode(user) .. ',"status":"' .. status .. '","timestamp":' .. NOW_TEXT
      .. ',"lastSeen":' .. seen .. ',"deviceId":' .. (device == '' and 'null' or cjson.encode(device))
      .. ',"rev":' .. rev_text .. ',"epoch":"' .. epoch .. '","db":' .. DB .. ',"reason":' .. cjson.encode(reason)
      .. ',"node":' .. NODE_JSON .. (groups == '' and '' or ',"groups":' .. groups) .. '}'
    return pcall_redis('XADD', LOG, 'MAXLEN', '~', LOG_MAX, rev_text .. '-0', 'event', event)
  end
  rev = rev + 1
  if is_error(compose()) then
    begin_epoch()
    rev = rev + 1
    compose()
  end
  announced, balance = true, balance + (status == 'online' and 1 or -1)
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

local function go_online(user, reason, s)
  local groups = s.groups == '' and '' or groups_union({ s })
  local deadline, seen = int(s.deadline), int(s.beat)
  announce(user, 'online', reason, seen, s.device, groups)
  call('SET', PREFIX .. 'user:' .. user, '1', 'PXAT', deadline)
  call('ZADD', DUE, deadline, user)
  local meta = PREFIX .. 'meta:' .. user
  call('HSET', meta, 'status', 'online', 'lastSeen', seen, 'deviceId', s.device, 'role', s.role, 'since', NOW_TEXT,
    'sinceSeen', seen, 'rev', int(rev), 'reason', reason, 'node', NODE)
  call('HDEL', meta, 'sinceDevice', 'groups')
  if groups ~= '' then
    call('HSET', meta, 'groups', groups)
  end
end

-- `known`: lastSeen, sinceDevice and groups in meta, if somebody has asked already.
local function go_offline(user, reason, seen, device, known)
  local meta = PREFIX .. 'meta:' .. user
  known = known or call('HMGET', meta, 'lastSeen', 'sinceDevice', 'groups')
  local seen_text = int(math.max(seen, tonumber(known[1] or 0) or 0))
  announce(user, 'offline', reason, seen_text, device, '')
  call('DEL', PREFIX .. 'user:' .. user, PREFIX .. 'sessions:' .. user)
  call('ZREM', DUE, user)
  call('HSET', meta, 'status', 'offline', 'lastSeen', seen_text, 'deviceId', device, 'since', NOW_TEXT,
    'sinceSeen', seen_text, 'rev', int(rev), 'reason', reason, 'node', NODE)
  if known[2] or known[3] then
    call('HDEL', meta, 'sinceDevice', 'groups')
  end
end

-- Brings index, key and groups of a user who is online in line with the sessions left. The index may be early, never late.
local function settle(user)
  local list, last = sessions_of(user)
  local score = tonumber(call('ZSCORE', DUE, user) or nil)
  if not last or not score then
    return
  end
  local deadline = int(last.deadline)
  -- A deadline in the past removes the key.
  if call('PEXPIREAT', PREFIX .. 'user:' .. user, deadline) == 0 and last.deadline > NOW then
    call('SET', PREFIX .. 'user:' .. user, '1', 'PXAT', deadline)
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
      .. (groups == '' and '[]' or groups) .. ',"epoch":"' .. epoch .. '","db":' .. DB .. '}')
  end
end

-- Somebody deleted sessions of a user who is online, as an eviction does: whoever has one says so again.
local function ask_for_sessions(user)
  call('PUBLISH', CONTROL, '{"cmd":"assert","userId":' .. cjson.encode(user) .. ',"db":' .. DB .. '}')
end

-- lastSeen only grows. False when there is none to grow.
local function touch(user, seen)
  local meta = PREFIX .. 'meta:' .. user
  local before = pcall_redis('HGET', meta, 'lastSeen')
  if before and not is_error(before) and seen > (tonumber(before) or 0) then
    call('HSET', meta, 'lastSeen', int(seen))
  end
  return before ~= false
end
