// SPDX-License-Identifier: MIT
// presence-ws in front of a router, byte by byte: handshakes, messages of all shapes, ends, pressure, and what does not depend on Redis.
'use strict';
const assert = require('node:assert');
const crypto = require('node:crypto');
const net = require('node:net');
const path = require('node:path');
const notepack = require('notepack');
const WebSocket = require('ws');
const { scenario, until } = require('./lib/stack');
const { serve, metric, leavesNothing } = require('./lib/server');
const { Router } = require('./lib/router');
const { lastingPort } = require('./lib/ports');
const { upgrade, ask, head, frame, fragments, TEXT, BINARY, CONTINUATION, CLOSE, PING } = require('./lib/raw');

const RUNS = { servers: 0 };
// Bytes that are no message of presence's by chance.
const noise = (size) => { const bytes = crypto.randomBytes(size); if (size > 0) bytes[0] = 0xc1; return bytes; };
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const outcome = (server, name) => metric(server, `presence_upstream_handshakes_total{outcome="${name}"}`);

// presence-ws in front of a router; the router's clients in order of their arrival.
async function house(s, t, { env = {}, router = {} } = {}) {
  const arrived = [], said = [];
  const r = await new Router({ ...router, said: (message, client, data) => said.push(data) }).listen();
  r.wss.on('connection', (ws) => arrived.push(ws));
  t.after(() => r.close());
  const server = await serve(s, { PRESENCE_UPSTREAM: r.url, ...env });
  server.url = `http://127.0.0.1:${server.port}`;
  s.servers.push(server);
  if (env.PRESENCE_ENABLED !== 'false') await s.ready(server);
  return { router: r, server, arrived, said, target: { port: server.port } };
}

const headersOf = (s, user = 'user1') => ({ token: s.token(user, 'mobile'), device_id: 'd' });

// A TCP server that does with each connection what it is told.
async function listener(t, serve) {
  const sockets = new Set();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    serve(socket);
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  t.after(() => { for (const socket of sockets) socket.destroy(); server.close(); });
  return { port: server.address().port, sockets };
}

scenario('the handshake is the client\'s own', RUNS, async (s, t) => {
  const { router, target } = await house(s, t);
  const token = s.token('user1', 'mobile');
  const raw = await upgrade(target, { token, VoicePingToken: 'v', DeviceId: 'd1', Authorization: 'Basic x', Cookie: 'a=b', Origin: `http://127.0.0.1:${target.port}`,
    Host: `127.0.0.1:${target.port}`, 'User-Agent': 'ptt/1', 'X-App': '7', 'X-Forwarded-For': '192.0.2.9', 'Sec-WebSocket-Extensions': 'permessage-deflate',
    'Proxy-Authorization': 'p', Connection: 'Upgrade, x-hop', 'X-Hop': 'h' }, { path: '/ptt/a%20b?x=1&y' });
  const { url, headers } = router.requests[0];
  assert.equal(url, '/ptt/a%20b?x=1&y');
  assert.equal(headers['x-forwarded-for'], '192.0.2.9, 127.0.0.1');
  for (const [name, value] of Object.entries({ token, voicepingtoken: 'v', deviceid: 'd1', authorization: 'Basic x', cookie: 'a=b', 'user-agent': 'ptt/1',
    'x-app': '7', host: `127.0.0.1:${target.port}`, origin: `http://127.0.0.1:${target.port}`, 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' }))
    assert.equal(headers[name], value, name);
  for (const name of ['sec-websocket-extensions', 'proxy-authorization', 'x-hop']) assert.equal(headers[name], undefined, name);
  assert.equal(raw.upgraded.headers['sec-websocket-protocol'], undefined);
  raw.terminate();
  const offered = await upgrade(target, { 'Sec-WebSocket-Protocol': `${token}, d2` });
  assert.equal(offered.upgraded.headers['sec-websocket-protocol'], token, 'as the router chose');
  offered.terminate();
});

scenario('our own checks come first, and a refusal of the router is passed on', RUNS, async (s, t) => {
  const answers = { refused: [403, 'No more of you', { 'X-Why': 'full', 'Retry-After': '7' }] };
  const { router, server, target } = await house(s, t, { router: { refuse: (req) => answers[req.headers.device_id] } });
  const asked = (headers) => ask(target, head(headers));
  assert.equal((await asked({ token: 'x' })).status, 401);
  assert.equal(router.requests.length, 0, 'the router was not asked');
  const refused = await asked({ ...headersOf(s), device_id: 'refused' });
  assert.equal(refused.first, 'HTTP/1.1 403 Forbidden');
  assert.equal(refused.body, 'No more of you');
  assert.equal(refused.headers['x-why'], 'full');
  assert.equal(refused.headers['retry-after'], '7');
  assert.equal(await outcome(server, 'refused'), 1);
  assert.equal(await metric(server, 'presence_refused_total{reason="upstream"}'), 1);
  assert.deepEqual(await s.online(), [], 'who is refused was never online');
});

scenario('a plain web server behind us: its answer is passed on, chunks and all', RUNS, async (s, t) => {
  const web = await listener(t, (socket) => socket.once('data', () => {
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/plain\r\n\r\n5\r\nhello\r\n');
    socket.write('6\r\n world\r\n0\r\n\r\n');
  }));
  const server = await serve(s, { PRESENCE_UPSTREAM: `ws://127.0.0.1:${web.port}` });
  const answer = await ask({ port: server.port }, head(headersOf(s)));
  assert.equal(answer.status, 200);
  assert.equal(answer.body, 'hello world');
  await until(() => [...web.sockets].every((socket) => socket.destroyed), 'the connection to it is closed');
});

scenario('no router, a silent one, and one that speaks something else: 502, each counted', RUNS, async (s, t) => {
  const how = {
    silent: () => {},
    'speaks something else': (socket) => socket.write('SSH-2.0-OpenSSH_9.2\r\n\r\n'),
    'agrees to another key': (socket) => socket.write('HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n'),
    'hangs up': (socket) => socket.once('data', () => socket.end()),
    resets: (socket) => socket.resetAndDestroy(),
    drips: (socket) => { const timer = setInterval(() => socket.write('H'), 50); socket.on('close', () => clearInterval(timer)); },
  };
  const expected = { silent: 'late', 'speaks something else': 'invalid', 'agrees to another key': 'invalid', 'hangs up': 'unreachable', resets: 'unreachable',
    drips: 'late', 'nobody there': 'unreachable', 'no such name': 'unreachable' };
  const ports = {};
  for (const [name, serveIt] of Object.entries(how)) ports[name] = `ws://127.0.0.1:${(await listener(t, serveIt)).port}`;
  ports['nobody there'] = `ws://127.0.0.1:${await lastingPort()}`;
  ports['no such name'] = 'ws://no-such-host.invalid:9000';
  for (const [name, url] of Object.entries(ports)) {
    const server = await serve(s, { PRESENCE_UPSTREAM: url, PRESENCE_UPSTREAM_TIMEOUT: expected[name] === 'late' ? '300ms' : '10s' });
    const answer = await ask({ port: server.port }, head(headersOf(s)));
    assert.equal(answer.status, 502, name);
    assert.deepEqual(answer.json, { success: false, error: 'The push-to-talk server can\'t be reached' });
    assert.equal(await outcome(server, expected[name]), 1, name);
    await server.stop();
    assert.deepEqual(await s.online(), [], name);
  }
});

scenario('localhost is both families, a name is resolved, and a unix socket will do', RUNS, async (s, t) => {
  const file = path.join(s.dir, 'router.sock');
  const unix = await new Router().listen(file);
  const tcp = await new Router().listen(await lastingPort());
  t.after(() => Promise.all([unix.close(), tcp.close()]));
  for (const [router, url] of [[unix, `unix:${file}`], [tcp, `ws://localhost:${tcp.port}`], [tcp, `ws://ip4-loopback:${tcp.port}`]]) {
    if (url.includes('ip4-loopback') && !(await require('node:dns/promises').lookup('ip4-loopback').catch(() => null))) continue;
    const before = router.requests.length;
    const server = await serve(s, { PRESENCE_UPSTREAM: url });
    (await upgrade({ port: server.port }, headersOf(s))).terminate();
    assert.equal(router.requests.length, before + 1, url);
    await server.stop();
  }
});

scenario('of several routers each user has one, on every server', RUNS, async (s, t) => {
  const routers = await Promise.all([1, 2, 3].map(async () => new Router().listen(await lastingPort())));
  t.after(() => Promise.all(routers.map((r) => r.close())));
  const urls = routers.map((r) => r.url);
  const servers = [await serve(s, { PRESENCE_UPSTREAM: urls.join(',') }), await serve(s, { PRESENCE_UPSTREAM: urls.toReversed().join(', ') })];
  for (let i = 0; i < 30; i++)
    for (const { port } of servers) (await upgrade({ port }, headersOf(s, `user${i}`))).terminate();
  const seen = routers.map((r) => r.requests.map(({ headers }) => JSON.parse(Buffer.from(headers.token.split('.')[1], 'base64url')).uid).sort());
  assert.equal(seen.flat().length, 60);
  for (const users of seen) {
    assert.ok(users.length >= 6, `an even share: ${users.length}`);
    for (let i = 0; i < users.length; i += 2) assert.equal(users[i], users[i + 1], 'the same router from both servers');
  }
});

scenario('messages of all shapes and sizes pass in both directions, unchanged and in order', RUNS, async (s, t) => {
  const { arrived, target, server } = await house(s, t);
  const raw = await upgrade(target, headersOf(s));
  const [router] = await until(() => arrived.length === 1 && arrived, 'the router has it');
  const up = [];
  router.on('message', (data, binary) => up.push(`${binary ? 'b' : 't'}${crypto.createHash('md5').update(data).digest('hex')}`));
  const expected = [];
  const sent = (opcode, payload) => expected.push(`${opcode === BINARY ? 'b' : 't'}${crypto.createHash('md5').update(payload).digest('hex')}`);
  const sizes = [0, 1, 125, 126, 127, 128, 129, 200, 4095, 4096, 16384, 16385, 65535, 65536, 300000, 2 ** 21];
  for (const size of sizes)
    for (const opcode of [TEXT, BINARY]) {
      const payload = opcode === TEXT ? Buffer.alloc(size, 'x') : noise(size);
      raw.send(opcode, payload);
      sent(opcode, payload);
    }
  for (const [size, piece] of [[1000, 1], [1000, 7], [70000, 1000], [200000, 65536]]) {
    const payload = noise(size);
    for (const part of fragments(BINARY, payload, piece)) raw.write(part);
    sent(BINARY, payload);
  }
  // Pings between fragments, empty fragments, the last of them empty, and bytes that come one by one.
  raw.send(BINARY, 'a', { fin: false }).send(PING, 'p').send(CONTINUATION, '', { fin: false }).send(CONTINUATION, 'b', { fin: false }).send(CONTINUATION, '');
  sent(BINARY, 'ab');
  for (const byte of frame(TEXT, 'dripping')) { raw.write(Buffer.from([byte])); await sleep(1); }
  sent(TEXT, 'dripping');
  await until(() => up.length === expected.length, 'all messages');
  assert.deepEqual(up, expected);

  const down = [], answers = [];
  for (const size of sizes)
    for (const binary of [false, true]) {
      const payload = binary ? noise(size) : Buffer.alloc(size, 'y');
      router.send(payload, { binary });
      answers.push(payload);
    }
  for (let i = 0; i < 100; i++) {
    const payload = noise(300);
    for (let at = 0; at < 300; at += 100) router.send(payload.subarray(at, at + 100), { binary: true, fin: at === 200 });
    router.ping('q');
    answers.push(payload);
  }
  for (const _ of answers) down.push(await raw.message());
  assert.deepEqual(down.map((d) => d.length), answers.map((a) => a.length));
  down.forEach((d, i) => assert.ok(d.equals(answers[i]), `message ${i}`));
  assert.ok(await metric(server, 'presence_upstream_bytes_total{direction="up"}') > 2 ** 22);
  assert.ok(await metric(server, 'presence_upstream_bytes_total{direction="down"}') > 2 ** 22);
  raw.terminate();
});

scenario('what comes with the handshakes is not lost', RUNS, async (s, t) => {
  const heard = [];
  const early = await listener(t, (socket) => socket.once('data', (request) => {
    const key = /sec-websocket-key: (\S+)/i.exec(request)[1];
    const accept = crypto.createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    const greeting = Buffer.concat([frame(TEXT, 'welcome', { masked: false }), frame(TEXT, 'half', { masked: false }).subarray(0, 3)]);
    socket.write(Buffer.concat([Buffer.from(`HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`), greeting]));
    setTimeout(() => socket.write(frame(TEXT, 'half', { masked: false }).subarray(3)), 50);
    socket.on('data', (bytes) => heard.push(bytes));
  }));
  const server = await serve(s, { PRESENCE_UPSTREAM: `ws://127.0.0.1:${early.port}` });
  const raw = new (require('./lib/raw').Raw)({ port: server.port });
  await raw.opened;
  raw.write(Buffer.concat([Buffer.from(head(headersOf(s))), frame(BINARY, 'first words')]));
  assert.equal((await raw.response()).status, 101);
  assert.equal(String(await raw.message()), 'welcome');
  assert.equal(String(await raw.message()), 'half');
  await until(() => Buffer.concat(heard).length === frame(BINARY, 'first words').length, 'the first words');
  raw.terminate();
});

scenario('a message over the limit ends both sides; one at the limit passes', RUNS, async (s, t) => {
  const { router, arrived, target } = await house(s, t, { env: { PRESENCE_UPSTREAM_MESSAGE_MAX: '64k' } });
  const ends = (user) => until(() => router.ends.find((e) => e.user === user), `the router hears of ${user}'s end`);
  const phone = async (user) => {
    const raw = await upgrade(target, headersOf(s, user));
    await until(() => router.users.has(user), 'the router has it');
    return raw;
  };
  const whole = await phone('whole');
  whole.send(BINARY, Buffer.alloc(65536));
  arrived.at(-1).send(Buffer.alloc(65536));
  assert.equal((await whole.message()).length, 65536);
  whole.send(BINARY, 'x', { says: 65537 });
  assert.equal((await whole.closing()).code, 1009);
  assert.equal((await ends('whole')).code, 1009);
  const pieces = await phone('pieces');
  for (const part of fragments(BINARY, Buffer.alloc(70000), 10000)) pieces.write(part);
  assert.equal((await pieces.closing()).code, 1009);
  assert.equal((await ends('pieces')).code, 1009);
  const down = await phone('down');
  arrived.at(-1).send(Buffer.alloc(70000));
  assert.equal((await down.closing()).code, 1012);
});

scenario('closes are passed on with code and reason, in both directions', RUNS, async (s, t) => {
  const { router, arrived, target } = await house(s, t);
  const phone = async (user) => {
    const raw = await upgrade(target, headersOf(s, user));
    await until(() => router.users.has(user), 'the router has it');
    return raw;
  };
  const close = (code, reason = '') => Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]);
  for (const [payload, code, reason] of [[close(1000, 'bye'), 1000, 'bye'], [close(4321, 'grün'), 4321, 'grün'], ['', 1005, ''], [close(999), 1002, ''], [close(1000, '\xff').subarray(0, 3), 1007, '']]) {
    const user = `up${code}`;
    const raw = await phone(user);
    raw.send(CLOSE, payload);
    const end = await until(() => router.ends.find((e) => e.user === user), `the router hears of ${user}`);
    assert.deepEqual([end.code, end.reason], [code, reason]);
    await raw.gone();
  }
  for (const [code, reason] of [[1000, 'done'], [4001, 'duplicate login'], [1001, ''], [undefined, undefined]]) {
    const raw = await phone(`down${code}`);
    arrived.at(-1).close(code, reason);
    const got = await raw.closing();
    assert.deepEqual([got.code, got.reason], [code, code ? reason : undefined]);
    raw.terminate();
    await until(() => router.ends.some((e) => e.user === `down${code}`), 'the close is answered');
  }
  const vanished = await phone('vanished');
  vanished.terminate();
  const end = await until(() => router.ends.find((e) => e.user === 'vanished'), 'the router hears that a phone has vanished', 1000);
  assert.equal(end.code, 1006);
});

scenario('who is closed by presence: the router hears the same', { servers: 0 }, async (s, t) => {
  const { router, server, target } = await house(s, t);
  const kicked = await upgrade(target, headersOf(s, 'kicked'));
  await until(() => router.users.has('kicked'), 'the router has it');
  assert.equal((await s.ctl('kick', 'kicked')).code, 0);
  assert.equal((await kicked.closing()).code, 4403);
  assert.deepEqual(await until(() => router.ends.find((e) => e.user === 'kicked'), 'the router hears'), { user: 'kicked', code: 4403, reason: 'Kicked' });
  const drained = await upgrade(target, headersOf(s, 'drained'));
  await until(() => router.users.has('drained'), 'the router has it');
  server.signal('SIGTERM');
  assert.equal((await drained.closing()).code, 1012);
  assert.equal((await until(() => router.ends.find((e) => e.user === 'drained'), 'the router hears')).code, 1012);
  assert.equal((await server.exited).code, 0);
});

// Who is offline or not, by the end of the router's connection.
scenario('a router that goes leaves its phones online, and one that ends a phone does not', { servers: 0, expiryds: 1 }, async (s, t) => {
  const { router, arrived, target } = await house(s, t);
  const dashboard = await s.dashboard();
  for (const [user, end, code] of [['restarted', (ws) => ws.close(1012), 1012], ['away', (ws) => ws.close(1001), 1001], ['reset', (ws) => ws.terminate(), 1012], ['dismissed', (ws) => ws.close(4001, 'no'), 4001]]) {
    const raw = await upgrade(target, headersOf(s, user));
    await until(() => router.users.has(user) && dashboard.of(user).length === 1, 'it is online');
    end(arrived.at(-1));
    assert.equal((await raw.closing()).code, code, user);
    raw.terminate();
  }
  await until(() => dashboard.of('dismissed').length === 2, 'the dismissed one is offline');
  assert.equal(dashboard.of('dismissed')[1].reason, 'upstream');
  for (const user of ['restarted', 'away', 'reset']) {
    (await upgrade(target, headersOf(s, user))).terminate();
    await until(() => dashboard.of(user).length === 2, 'it came back, and went by itself');
    assert.deepEqual(dashboard.of(user).map((u) => u.status), ['online', 'offline']);
  }
});

scenario('a router that answers no ping is lost', RUNS, async (s, t) => {
  const { router, server, arrived, target } = await house(s, t, { env: { PRESENCE_PING_INTERVAL: '100ms', PRESENCE_PONG_TIMEOUT: '300ms' } });
  const phone = new WebSocket(`ws://127.0.0.1:${target.port}`, { headers: headersOf(s) });
  const closed = new Promise((resolve) => { phone.on('close', (code, reason) => resolve(`${code} ${reason}`)); });
  await until(() => arrived.length === 1, 'the router has it');
  const pings = [];
  arrived[0].on('ping', () => pings.push(Date.now()));
  await until(() => pings.length > 5, 'pings, which are answered');
  assert.equal(phone.readyState, WebSocket.OPEN);
  arrived[0]._socket.pause();
  assert.equal(await closed, '1012 Upstream lost');
  assert.equal(await metric(server, 'presence_upstream_ends_total{by="loss"}'), 1);
  assert.equal(router.ends.length, 0);
});

scenario('a phone that reads nothing stops its router, costs little, and delays nobody', RUNS, async (s, t) => {
  const { router, server, arrived, target } = await house(s, t);
  const slow = await upgrade(target, headersOf(s, 'slow'));
  const quick = await upgrade(target, headersOf(s, 'quick'));
  await until(() => router.users.size === 2, 'the router has both');
  const [toSlow, toQuick] = ['slow', 'quick'].map((user) => router.users.get(user).ws);
  const memory = () => Number(/VmRSS:\s+(\d+)/.exec(require('node:fs').readFileSync(`/proc/${server.pid}/status`))[1]);
  slow.socket.pause();
  const payload = noise(100000);
  const before = memory();
  for (let i = 0; i < 300; i++) toSlow.send(payload);
  await until(async () => {
    const passed = await metric(server, 'presence_upstream_bytes_total{direction="down"}');
    await sleep(50);
    return await metric(server, 'presence_upstream_bytes_total{direction="down"}') === passed && passed > 0;
  }, 'no more is read of the router');
  assert.ok(toSlow.bufferedAmount > 10e6, `the rest waits at the router: ${toSlow.bufferedAmount}`);
  if (memory() < 2 ** 20) assert.ok(memory() - before < 8192, `${memory() - before} kB more`);
  for (let i = 0; i < 100; i++) {
    toQuick.send(String(i));
    assert.equal(String(await quick.message()), String(i));
  }
  slow.socket.resume();
  for (let i = 0; i < 300; i++) assert.ok((await slow.message()).equals(payload), `message ${i}`);
  assert.equal(arrived.length, 2);
});

scenario('a router that reads nothing stops its phone, and nothing is lost', RUNS, async (s, t) => {
  const { router, server, said, target } = await house(s, t);
  const phone = await upgrade(target, headersOf(s));
  await until(() => router.users.size === 1, 'the router has it');
  router.users.get('user1').ws._socket.pause();
  const payload = Buffer.alloc(50000, 'z');
  let taken = 0;
  for (let i = 0; i < 400; i++) {
    payload.writeUInt32BE(i);
    phone.socket.write(frame(BINARY, payload), () => { taken++; });
  }
  await until(async () => { const before = taken; await sleep(100); return before === taken && taken > 0; }, 'the phone waits');
  assert.ok(taken < 400, `${taken} of 400 were taken`);
  const other = await upgrade(target, headersOf(s, 'other'));
  other.send(BINARY, 'not delayed');
  await until(() => said.some((data) => String(data) === 'not delayed'), 'another phone goes on');
  router.users.get('user1').ws._socket.resume();
  await until(() => said.length === 401, 'all of it');
  said.filter((data) => data.length === 50000).forEach((data, i) => assert.equal(data.readUInt32BE(0), i));
  phone.send(CLOSE, Buffer.from([3, 232]));
  await phone.gone();
  await until(async () => await metric(server, 'presence_upstream_connections') === 1, 'one connection is left');
});

// Fragments of a snapshot and of a router's message must not stand between each other.
scenario('presence and a long message of the router share a socket, one message after the other', RUNS, async (s, t) => {
  const { router } = await house(s, t, { env: { PRESENCE_BATCH_WINDOW: '0' } });
  const claims = { groups: ['g'] };
  const watcher = await s.phone('watcher', { claims });
  watcher.ws.removeAllListeners('message');
  const got = [];
  watcher.ws.on('message', (data) => {
    const [, type, , , , payload] = data.length > 2e6 ? [0, 'long'] : notepack.decode(data);
    got.push(payload?.userId ?? type);
  });
  await until(() => router.users.has('watcher'), 'the router has it');
  const { ws } = router.users.get('watcher');
  for (let round = 0; round < 10; round++) {
    watcher.send([0, 33, 'watcher', 0, {}]);
    const part = Buffer.alloc(700000, round);
    for (let i = 0; i < 3; i++) {
      ws.send(part, { binary: true, fin: i === 2 });
      (await s.phone(`other${round}${i}`, { claims })).close(1000);
    }
  }
  await until(() => got.filter((g) => g === 'long').length === 10, 'ten long messages');
  await s.phone('final', { claims });
  await until(() => got.includes('final') && got.includes(32), 'presence goes on');
  assert.equal(watcher.error, undefined);
});

scenario('Redis is away: messages pass, and phones come and go', RUNS, async (s, t) => {
  const { said, router, target } = await house(s, t);
  const phone = await upgrade(target, headersOf(s));
  s.redisProcess.signal('SIGSTOP');
  const late = await upgrade(target, headersOf(s, 'late'));
  await until(() => router.users.size === 2, 'the router has both');
  for (let i = 0; i < 100; i++) {
    phone.send(BINARY, `a${i}`);
    late.send(BINARY, `b${i}`);
    await sleep(5);
  }
  await until(() => said.length === 200, 'all messages, while Redis stands still');
  late.send(CLOSE, Buffer.from([3, 232]));
  await late.gone();
  s.redisProcess.signal('SIGCONT');
  await until(async () => (await s.online()).join() === 'user1', 'Redis hears of who is left');
});

scenario('PRESENCE_ENABLED=false: a plain pass-through', { servers: 0 }, async (s, t) => {
  const { said, arrived, server, target } = await house(s, t, { env: { PRESENCE_ENABLED: 'false' } });
  const phone = await upgrade(target, headersOf(s));
  const { codecs } = require('./lib/clients');
  const messages = [30, 31, 32, 33, 34, 35].map((type) => codecs.msgpack.encode([1, type, 'user1', 0, {}]));
  for (const message of messages) phone.send(BINARY, message);
  await until(() => said.length === messages.length, 'all of them');
  said.forEach((data, i) => assert.equal(data.toString('hex'), Buffer.from(messages[i]).toString('hex')));
  for (const message of messages) arrived[0].send(message);
  for (const message of messages) assert.ok((await phone.message()).equals(message));
  assert.equal(await metric(server, 'presence_upstream_messages_dropped_total'), 0);
  assert.deepEqual(await s.online(), []);
});

scenario('PRESENCE_UPSTREAM_ROLES says who is passed on', RUNS, async (s, t) => {
  const { router, server } = await house(s, t, { env: { PRESENCE_UPSTREAM_ROLES: 'dashboard,web' } });
  await s.phone('phone');
  assert.equal(router.requests.length, 0);
  const dashboard = await s.dashboard({ server, path: '/?users=phone' });
  assert.equal(router.requests.length, 1);
  assert.deepEqual(dashboard.online, ['phone'], 'its query was kept meanwhile');
  dashboard.ws.send(Buffer.from('to the router'));
  router.users.get('admin').ws.send('from the router');
  await until(() => dashboard.ws.readyState === WebSocket.OPEN && router.users.size === 1, 'it is connected');
});

scenario('nothing is left of many that came and went', RUNS, async (s, t) => {
  const { router, server, target } = await house(s, t, { router: { refuse: (req) => (req.headers.device_id === 'no' ? [401, 'no'] : undefined) } });
  await leavesNothing(server, async () => {
    for (let i = 0; i < 60; i++) {
      const raw = await upgrade(target, headersOf(s, `user${i}`));
      raw.send(BINARY, Buffer.alloc(i * 500));
      if (i % 4 === 0) raw.terminate();
      else if (i % 4 === 1) raw.send(CLOSE, Buffer.from([3, 232]));
      else if (i % 4 === 3) raw.end();
      else {
        (await until(() => router.users.get(`user${i}`), 'the router has it')).ws.terminate();
        assert.equal((await raw.closing()).code, 1012);
        raw.terminate();
      }
      await raw.gone(`connection ${i}`);
      await ask(target, head({ ...headersOf(s), device_id: 'no' }));
    }
    await until(async () => await metric(server, 'presence_upstream_connections') === 0, 'no connection');
  });
});

scenario('settings that can\'t work stop the start', RUNS, async (s) => {
  for (const [env, words] of [[{ PRESENCE_UPSTREAM: 'wss://router:443' }, /TLS is not spoken to upstreams; put stunnel or nginx/],
    [{ PRESENCE_UPSTREAM: 'ws://router:9000/path' }, /and no path/], [{ PRESENCE_UPSTREAM_ROLES: 'mobile,phones' }, /'phones' is none of mobile, web, dashboard/],
    [{ PRESENCE_UPSTREAM_TIMEOUT: '0' }, /PRESENCE_UPSTREAM_TIMEOUT/], [{ PRESENCE_UPSTREAM_MESSAGE_MAX: '10' }, /PRESENCE_UPSTREAM_MESSAGE_MAX/]]) {
    const child = s.start(path.join(require('./lib/process').BIN, 'presence-ws'), [], env);
    assert.equal((await child.exited).code, 3);
    assert.match(child.output, words);
  }
});
