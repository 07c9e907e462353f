// SPDX-License-Identifier: MIT
// The examples as a user runs them: the phone and the dashboard as programs, and the guide's own lines as they stand there.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const WebSocket = require('ws');
const { BIN, ROOT } = require('./lib/process');
const { metric } = require('./lib/server');
const { scenario, until } = require('./lib/stack');

const EXAMPLES = path.join(ROOT, 'examples');

// The examples find their packages among those of the tests.
function startExample(s, name, port, env = {}) {
  return s.start(process.execPath, [path.join(EXAMPLES, name)], {
    NODE_PATH: path.join(ROOT, 'tests', 'node_modules'), SERVER: `ws://127.0.0.1:${port}`, NO_COLOR: '1', ...env });
}

const startPhone = (s, port, env) => startExample(s, 'mobile-client-presence.js', port, { HEARTBEAT_MS: '200', ...env });
const startDashboard = (s, port, env) => startExample(s, 'web-dashboard-presence.js', port, env);

scenario('the phone comes to the dashboard; killed, it is offline at once', { env: { PRESENCE_HEARTBEAT_MIN: '0' } }, async (s) => {
  const { port } = s.servers[0];
  const dashboard = startDashboard(s, port);
  await dashboard.printed(/0 online: nobody/);
  const phone = startPhone(s, port, { USER_ID: 'user7', DEVICE_ID: 'device-7' });
  await dashboard.printed(/user7 is online/);
  assert.equal(await s.redis.hget('presence:meta:user7', 'deviceId'), 'device-7');
  const seen = () => s.redis.hget('presence:meta:user7', 'lastSeen');
  const before = await seen();
  await until(async () => await seen() > before, 'a heartbeat is written');
  await phone.kill();
  await dashboard.printed(/user7 is offline/);
  assert.equal(dashboard.output.match(/user7/g).length, 2, dashboard.output);
});

scenario('Ctrl-C: the phone says that it goes', {}, async (s) => {
  const { port } = s.servers[0];
  const phone = startPhone(s, port, { USER_ID: 'user7' });
  await until(async () => (await s.online()).length === 1, 'online');
  const dashboard = startDashboard(s, port);
  await dashboard.printed(/1 online: user7/);
  assert.deepEqual(await phone.kill('SIGINT'), { code: 0, signal: null });
  await dashboard.printed(/user7 is offline/);
  assert.deepEqual(await dashboard.kill('SIGTERM'), { code: 0, signal: null });
});

scenario('silent phones: offline after the TTL', { expiryds: 1, env: { PRESENCE_TTL: '2s' } }, async (s) => {
  const { port } = s.servers[0];
  const dashboard = startDashboard(s, port);
  await dashboard.printed(/0 online/);
  const phone = startPhone(s, port, { USER_ID: 'user7', HEARTBEAT_MS: '400' });
  await dashboard.printed(/user7 is online/);
  phone.signal('SIGSTOP');
  await dashboard.printed(/user7 is offline/);
  phone.signal('SIGCONT');
  await dashboard.printed(/offline[^]*user7 is online/);
});

scenario('the server is killed and comes back: so do both', { env: { PRESENCE_HEARTBEAT_MIN: '0' } }, async (s) => {
  const { port } = s.servers[0];
  const dashboard = startDashboard(s, port);
  await dashboard.printed(/0 online/);
  const phone = startPhone(s, port, { USER_ID: 'user7' });
  await dashboard.printed(/user7 is online/);
  await s.servers[0].kill();
  await phone.printed(/disconnected: 1006/);
  const server = s.start(path.join(BIN, 'presence-ws'), [], { PRESENCE_WS_LISTEN: `127.0.0.1:${port}` });
  await server.printed(/listening/);
  await phone.printed(/connected to[^]*connected to/);
  await dashboard.printed(/disconnected[^]*1 online: user7/);
  assert.doesNotMatch(dashboard.output, /offline/);
});

scenario('the examples say why they are not let in', {}, async (s) => {
  const { port } = s.servers[0];
  const stranger = startPhone(s, port, { SECRET_KEY: 'another-secret-than-the-server-has!!' });
  assert.equal((await stranger.exited).code, 1);
  assert.match(stranger.output, /refused with 401: .*"success":false/);
  const expired = startPhone(s, port, { TOKEN: s.token('user7', 'mobile', {}, { expiresIn: -3600 }) });
  assert.equal((await expired.exited).code, 1);
  const nobody = startDashboard(s, port, { SECRET_KEY: '' });
  assert.equal((await nobody.exited).code, 2);
  const given = startPhone(s, port, { SECRET_KEY: '', TOKEN: s.token('user8', 'mobile'), USER_ID: 'ignored' });
  await given.printed(/heartbeat sent/);
  assert.deepEqual(await s.online(), ['user8']);
});

scenario('the phone asks who of its group is there', { api: true }, async (s) => {
  await s.phone('user1');
  await until(async () => (await s.online()).length === 1, 'online');
  const phone = startPhone(s, s.servers[0].port, { API: s.api.url, GROUP: 'user1,user2' });
  await phone.printed(/group: user1 is online\ngroup: user2 is offline/);
});

// The guide, "Web Dashboard Flow", to the letter.
const GUIDE_DASHBOARD = `
// 1. Connect to WebSocket with JWT
const ws = new WebSocket('ws://server.com', {
  headers: {
    'token': jwtToken,  // JWT with role='web' or 'dashboard'
    'device_id': 'web-dashboard-001'
  }
});

// 2. Receive initial snapshot
ws.on('message', (data) => {
  const decoded = notepack.decode(data);
  const messageType = decoded[1];
  
  if (messageType === 32) { // PRESENCE_SNAPSHOT
    const snapshot = decoded[5];
    displayOnlineUsers(snapshot.users);
  }
  
  if (messageType === 31) { // PRESENCE_UPDATE
    const update = decoded[5];
    updateUserStatus(update.userId, update.status);
  }
});

// 3. NO heartbeat sending for web clients!
`;

// The guide, "Mobile Client Flow", to the letter.
const GUIDE_PHONE = `
// 1. Connect to WebSocket with JWT
const ws = new WebSocket('ws://server.com', {
  headers: {
    'token': jwtToken,  // JWT with role='mobile'
    'device_id': 'device-123'
  }
});

// 2. Start heartbeat on connect
ws.on('open', () => {
  startHeartbeat(); // Send every 30 seconds
});

// 3. Send heartbeat message
function sendHeartbeat() {
  const msg = notepack.encode([
    0,                    // channelType
    30,                   // messageType: HEARTBEAT
    userId,               // fromId
    0,                    // toId
    { type: 'heartbeat', timestamp: Date.now() }
  ]);
  ws.send(msg);
}

// 4. Fetch presence when needed
async function fetchGroupPresence(groupUserIds) {
  const response = await fetch('/api/presence/status', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ userIds: groupUserIds })
  });
  return response.json();
}
`;

// Runs the guide's lines with what they take for granted; their server's name stands for ours.
function runGuide(s, text, given, returned) {
  class Socket extends WebSocket {
    constructor(url, options) {
      assert.equal(url, 'ws://server.com');
      super(`ws://127.0.0.1:${s.servers[0].port}`, options);
      s.clients.push(this);
    }
  }
  const names = { WebSocket: Socket, ...given };
  return new Function(...Object.keys(names), `${text}\nreturn { ${returned} };`)(...Object.values(names));
}

for (const library of ['notepack', 'notepack.io']) {
  const notepack = require(library);

  scenario(`the guide's dashboard, pasted, with ${library}`, {}, async (s) => {
    const shown = [];
    await s.phone('user1');
    await until(async () => (await s.online()).length === 1, 'online');
    runGuide(s, GUIDE_DASHBOARD, {
      notepack, jwtToken: s.token('admin', 'web'),
      displayOnlineUsers: (users) => shown.push(users.map((user) => [user.userId, user.status])),
      updateUserStatus: (user, status) => shown.push([user, status]),
    }, 'ws');
    await until(() => shown.length === 1, 'the snapshot');
    const phone = await s.phone('user2');
    await until(() => shown.length === 2, 'online');
    await phone.close();
    await until(() => shown.length === 3, 'offline');
    assert.deepEqual(shown, [[['user1', 'online']], ['user2', 'online'], ['user2', 'offline']]);
  });

  scenario(`the guide's phone, pasted, with ${library}`, { api: true, env: { PRESENCE_HEARTBEAT_MIN: '0' } }, async (s) => {
    const seen = () => s.redis.hget('presence:meta:user9', 'lastSeen');
    let opened = 0;
    const guide = runGuide(s, GUIDE_PHONE, {
      notepack, jwtToken: s.token('user9', 'mobile'), userId: 'user9', startHeartbeat: () => { opened += 1; },
      fetch: (url, options) => fetch(`${s.api.url}${url}`, options),
    }, 'ws, sendHeartbeat, fetchGroupPresence');
    await until(() => opened === 1 && seen(), 'connected');
    const before = await seen();
    await until(async () => Date.now() > Number(before), 'the next millisecond');
    guide.sendHeartbeat();
    await until(async () => await seen() > before, 'the heartbeat is written');
    const { success, users } = await guide.fetchGroupPresence(['user9', 'user456']);
    assert.equal(success, true);
    assert.deepEqual(users.map(({ userId, status, deviceId }) => ({ userId, status, deviceId })), [
      { userId: 'user9', status: 'online', deviceId: 'device-123' }, { userId: 'user456', status: 'offline', deviceId: null }]);
  });
}

scenario('the alert rules ask for metrics that there are, and each daemon measures its loop', { expiryds: 1, api: true }, async (s) => {
  const daemons = [...s.servers, ...s.expiryds, s.api];
  for (const daemon of daemons) await until(async () => await metric(daemon, 'presence_loop_turn_seconds_count') > 0, 'a turn has ended');
  const texts = await Promise.all(daemons.map(async ({ url }) => (await fetch(`${url}/metrics`)).text()));
  for (const text of texts) {
    for (const bound of ['0.001', '0.05', '1', '+Inf']) assert.ok(text.includes(`presence_loop_turn_seconds_bucket{le="${bound}"}`), bound);
  }
  const rules = fs.readFileSync(path.join(EXAMPLES, 'alerts.yml'), 'utf8').match(/expr: .*/g);
  const selectors = rules.flatMap((rule) => [...rule.matchAll(/\b(presence_\w+)(?:\{([^}]*)\})?/g)]);
  assert.ok(rules.length >= 4 && selectors.length >= rules.length);
  const samples = texts.flatMap((text) => text.split('\n'));
  const fits = (line, matcher) => line.includes(matcher.replace('!=', '=')) !== matcher.includes('!=');
  for (const [selector, name, labels] of selectors)
    assert.ok(samples.some((line) => (line.startsWith(`${name} `) || line.startsWith(`${name}{`)) &&
      (labels?.split(',') ?? []).every((matcher) => fits(line, matcher))), selector);
});
