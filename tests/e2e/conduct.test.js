// SPDX-License-Identifier: MIT
// How clients behave, and what becomes of them (PROTOCOL.md and KEYS.md): rates, identity, expired tokens, kicks, silence.
'use strict';
const assert = require('node:assert');
const { scenario, until } = require('./lib/stack');
const { frame, fragments, TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG } = require('./lib/raw');
const { metric, leavesNothing } = require('./lib/server');
const { HEARTBEAT, SUBSCRIBE, HELLO } = require('./lib/clients');
const { EACH, PTT, pack, hex, skipped, heard, refusedBeats, connect, alive, wentOffline, beatOf } = require('./lib/frames');

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

scenario('too many bytes of others: 1008', { servers: 0, env: EACH }, async (s) => {
  const slow = await s.startServer({ PRESENCE_MAX_BYTE_RATE: '16k' });
  const free = await s.startServer({ PRESENCE_MAX_BYTE_RATE: '0' });
  const voice = frame(BINARY, pack([1, PTT, 'user1', 'group1', Buffer.alloc(5000)]));
  const phone = await connect(s, 'user1', { server: slow }), loud = await connect(s, 'user2', { server: free });
  phone.write(Buffer.concat(Array(4).fill(voice)));
  await alive(phone, 'a burst');
  phone.write(Buffer.concat(Array(40).fill(voice)));
  const close = await phone.closing();
  assert.deepEqual([close.code, close.reason], [1008, 'Too many bytes']);
  for (let i = 0; i < 4; i++) loud.write(Buffer.concat(Array(200).fill(voice)));
  await alive(loud, 'any rate');
  assert.equal(await metric(slow, 'presence_closed_total{reason="rate"}'), 1);
});

scenario('more than 10 messages a second: 1008; a burst of 50, and 7 a second, stay', { env: EACH }, async (s) => {
  const [spam, bursts, steady, viewer] = await Promise.all([connect(s, 'user1'), connect(s, 'user1'), connect(s, 'user1'),
    connect(s, 'boss', { role: 'web' })]);
  const beat = frame(BINARY, beatOf(hex('80')));
  const wish = frame(BINARY, pack([0, SUBSCRIBE, 'boss', 0, { users: [] }]));
  bursts.write(Buffer.concat(Array(49).fill(beat))); // and one that shows it is alive
  const timers = [setInterval(() => { if (!spam.ended) spam.write(Buffer.concat(Array(6).fill(beat))); }, 200),
    setInterval(() => { if (!viewer.ended) viewer.write(Buffer.concat(Array(6).fill(wish))); }, 200),
    setInterval(() => steady.write(beat), 150)];
  try {
    for (const raw of [spam, viewer]) {
      const close = await raw.closing();
      assert.deepEqual([close.code, close.reason], [1008, 'Too many messages']);
    }
    await alive(steady, 'seven a second');
    await alive(bursts, 'one burst');
  } finally {
    for (const timer of timers) clearInterval(timer);
  }
  assert.equal(await metric(s.servers[0], 'presence_closed_total{reason="rate"}'), 2);
});

scenario('a burst of more than 50 messages: 1008, and no more of them is heard', { env: EACH }, async (s) => {
  const [phone, viewer] = await Promise.all([connect(s, 'user1'), connect(s, 'boss', { role: 'web' })]);
  const before = await heard(s.servers[0]);
  phone.write(Buffer.concat(Array(4000).fill(frame(BINARY, beatOf(hex('80'))))));
  viewer.write(Buffer.concat(Array(4000).fill(frame(BINARY, pack([0, SUBSCRIBE, 'boss', 0, { users: [] }])))));
  for (const raw of [phone, viewer]) {
    const close = await raw.closing();
    assert.deepEqual([close.code, close.reason], [1008, 'Too many messages']);
  }
  assert.ok(await heard(s.servers[0]) - before < 100);
});

scenario('too many frames without data: 1008; 200 at once stay', { env: EACH }, async (s) => {
  const floods = { pongs: frame(PONG, 'x'), 'empty fragments': frame(CONTINUATION, '', { fin: false }), 'empty messages': frame(BINARY, '') };
  for (const [name, flood] of Object.entries(floods)) {
    const [much, some] = await Promise.all([connect(s, 'user1'), connect(s, 'user2')]);
    for (const raw of [much, some]) if (name === 'empty fragments') raw.send(BINARY, pack([1, PTT, 'x']), { fin: false });
    some.write(Buffer.concat(Array(190).fill(flood)));
    if (name === 'empty fragments') some.send(CONTINUATION, '');
    await alive(some, `some ${name}`);
    much.write(Buffer.concat(Array(2000).fill(flood)));
    const close = await much.closing();
    assert.deepEqual([close.code, close.reason], [1008, 'Too many control frames'], name);
  }
  assert.equal(await metric(s.servers[0], 'presence_closed_total{reason="rate"}'), 3);
});

// The library answers pings by itself, and tells nobody: turns of the loop that serve nothing else are kept apart.
scenario('a flood of pings costs few turns, and keeps nobody waiting', { env: EACH }, async (s) => {
  const server = s.servers[0];
  const turns = () => metric(server, 'presence_loop_turn_seconds_count');
  const [flooder, honest] = await Promise.all([connect(s, 'user1'), connect(s, 'user2')]);
  const before = await turns(), started = Date.now();
  flooder.write(Buffer.alloc(6000000, frame(PING, '')));
  for (let i = 0; i < 10; i++) {
    await alive(honest, 'beside a flood');
    await sleep(100);
  }
  const count = await turns() - before, took = Date.now() - started;
  assert.ok(flooder.bytes.length > 100, 'pings are answered');
  assert.ok(count < took, `${count} turns in ${took} ms`);
});

scenario('a message in ever so many small fragments counts as many bytes', { servers: 0, env: EACH }, async (s) => {
  const server = await s.startServer({ PRESENCE_MAX_BYTE_RATE: '16k' });
  const [much, some] = await Promise.all([connect(s, 'user1', { server }), connect(s, 'user2', { server })]);
  const wish = pack([0, SUBSCRIBE, 'user1', 0, { users: Array.from({ length: 100 }, (_, i) => `user${i}`) }]);
  some.write(Buffer.concat(fragments(BINARY, wish, 3)));
  await alive(some, 'some fragments');
  much.write(Buffer.concat(fragments(BINARY, wish, 1)));
  const close = await much.closing();
  assert.deepEqual([close.code, close.reason], [1008, 'Too many bytes']);
});

scenario('who it is comes from the token alone; 7 and "7" are one', { env: EACH }, async (s) => {
  const server = s.servers[0];
  const phone = await connect(s, 'user1');
  const foreign = ['user2', 'USER1', 'user1 ', '', 0, 1, -7];
  for (const from of foreign) phone.send(BINARY, pack([0, HEARTBEAT, from, 0, { metadata: { by: 'another' }, userId: 'user1' }]));
  await alive(phone, 'refused, not closed');
  assert.equal(await refusedBeats(server), foreign.length);
  phone.send(BINARY, pack([0, HEARTBEAT, 'user1', 'user2', { userId: 'user2', deviceId: 'x', metadata: { by: 'itself' } }]));
  await until(async () => await s.redis.hget('presence:meta:user1', 'metadata') === '{"by":"itself"}', 'its own is taken');
  assert.equal(await s.redis.hget('presence:meta:user1', 'deviceId'), 'raw-1');
  assert.deepEqual(await s.online(), ['user1']);
  for (const [uid, json] of [[7, false], ['7', false], [7, true], ['7', true]]) {
    const seven = await connect(s, uid, { json });
    for (const message of [7, '7', '07'].map((from) => [0, HEARTBEAT, from, 0, null]))
      seven.send(json ? TEXT : BINARY, json ? JSON.stringify(message) : pack(message));
    await alive(seven, 'seven');
    seven.terminate();
  }
  assert.equal(await refusedBeats(server), foreign.length + 4);
  assert.equal(await heard(server), foreign.length + 1 + 12);
  assert.deepEqual((await s.redis.keys('presence:meta:*')).sort(), ['presence:meta:7', 'presence:meta:user1']);
});

scenario('a token that expires closes with 4401, a kick with 4403', { env: EACH }, async (s) => {
  const server = s.servers[0];
  const exp = Math.floor(Date.now() / 1000) + 2;
  const soon = await Promise.all([connect(s, 'brief', { claims: { exp } }), connect(s, 'boss', { role: 'web', claims: { exp } })]);
  const kick = (more) => s.redis.publish('presence:control', JSON.stringify({ cmd: 'kick', ...more }));
  const phones = await Promise.all(['a', 'b'].map((device) => connect(s, 'user1', { headers: { device_id: device } })));
  const viewer = await connect(s, 'user1', { role: 'web' }), other = await connect(s, 'user2');
  await until(async () => await s.redis.hlen('presence:sessions:user1') === 2 && (await s.online()).length === 3, 'all are online');

  for (const text of ['', 'x', '[]', '{}', '{"cmd":"kick"}', '{"cmd":"kick","userId":7}', '{"cmd":"kick","userId":"user1","db":5}',
    '{"cmd":"dance","userId":"user1"}'])
    await s.redis.publish('presence:control', text);
  await kick({ userId: 'user1', deviceId: 'a' });
  const first = await phones[0].closing();
  assert.deepEqual([first.code, first.reason], [4403, 'Kicked']);
  for (const raw of [phones[1], viewer, other]) await alive(raw, 'not meant');
  assert.equal((await s.redis.hgetall('presence:meta:user1')).status, 'online');
  await kick({ userId: 'user1' });
  for (const raw of [phones[1], viewer]) assert.equal((await raw.closing()).code, 4403);
  await wentOffline(s, 'user1', 'kicked');
  await alive(other, 'another user');
  assert.equal(await metric(server, 'presence_closed_total{reason="kicked"}'), 3);

  for (const raw of soon) {
    const close = await raw.closing();
    assert.deepEqual([close.code, close.reason], [4401, 'Token expired']);
    assert.ok(Date.now() >= exp * 1000, 'not before');
  }
  await wentOffline(s, 'brief', 'token_expired');
  assert.equal(await metric(server, 'presence_closed_total{reason="token_expired"}'), 2);
});

// On a loaded machine these clients answer late too.
const PONG_MS = 200 * Math.min(8, Number(process.env.PRESENCE_PATIENCE) || 1);
const IMPATIENT = { ...EACH, PRESENCE_PING_INTERVAL: '200ms', PRESENCE_PONG_TIMEOUT: `${PONG_MS}ms`, PRESENCE_TTL: '2500ms',
  PRESENCE_HOLDBACK: '0' };

scenario('no pong: the connection is given up, its session has its TTL', { expiryds: 1, env: IMPATIENT }, async (s) => {
  const server = s.servers[0];
  const talking = await s.phone('talking');
  const dead = await connect(s, 'dead'), viewer = await connect(s, 'boss', { role: 'web' });
  const busy = await connect(s, 'busy');
  const timer = setInterval(() => busy.send(BINARY, beatOf(hex('80'))), 100); // no pong either, but it is heard
  try {
    await Promise.all([dead.gone('the dead phone'), viewer.gone('the dead viewer')]);
    assert.equal(await metric(server, 'presence_closed_total{reason="no_pong"}'), 2);
    const pings = [];
    for (let got = await dead.frame(); got; got = await dead.frame()) pings.push(got.opcode);
    assert.deepEqual(pings, [PING], 'no close frame for who is not there');
    assert.ok((await s.online()).includes('dead'), 'it keeps its session');
    await wentOffline(s, 'dead', 'expired');
    const meta = await s.redis.hgetall('presence:meta:dead');
    assert.ok(meta.since - meta.lastSeen >= 2500, `${meta.since - meta.lastSeen} ms`);
    assert.equal(talking.close_code, undefined, 'who answers stays connected');
    assert.equal(busy.ended, false);
    await wentOffline(s, 'talking', 'expired'); // a pong is no heartbeat
  } finally {
    clearInterval(timer);
  }
});

const OLD = { ...EACH, PRESENCE_REFRESH_ON_PONG: 'true', PRESENCE_PING_INTERVAL: '200ms', PRESENCE_PONG_TIMEOUT: '1s',
  PRESENCE_TTL: '1s', PRESENCE_HOLDBACK: '0' };

scenario('PRESENCE_REFRESH_ON_PONG: a pong is a heartbeat, also of who talks', { expiryds: 1, env: OLD }, async (s) => {
  const dashboard = await s.dashboard();
  const quiet = await s.phone('quiet'), loud = await s.phone('loud', { device: 'd' });
  const seldom = await s.startServer({ PRESENCE_PING_INTERVAL: '1h', PRESENCE_TTL: '2500ms' });
  await s.phone('late', { server: seldom });
  await until(() => dashboard.online.length === 3, 'all are online');
  const timer = setInterval(() => loud.send([1, PTT, 'loud', 'group1', Buffer.alloc(100)]), 50);
  await sleep(3000);
  clearInterval(timer);
  assert.deepEqual(dashboard.online, ['late', 'loud', 'quiet']);
  assert.equal(dashboard.updates.length, 3, JSON.stringify(dashboard.updates));
  quiet.terminate();
  await until(() => dashboard.online.length === 2, 'offline');
});

scenario('the peer says goodbye, half of it, or nothing: offline at once', { env: EACH }, async (s) => {
  const endings = {
    close: (raw) => raw.send(CLOSE, hex('03e9')), fin: (raw) => raw.end(), reset: (raw) => raw.socket.resetAndDestroy(),
    'fin-in-a-frame': (raw) => { raw.write(frame(BINARY, hex('950001'), { says: 100 })); raw.end(); },
    'reset-in-a-message': (raw) => { raw.write(frame(BINARY, hex('95001e'), { fin: false })); raw.socket.resetAndDestroy(); },
  };
  await leavesNothing(s.servers[0], async () => {
    for (const [user, end] of Object.entries(endings)) {
      const raw = await connect(s, user);
      await until(async () => (await s.online()).includes(user), `${user} is online`);
      end(raw);
      await wentOffline(s, user, 'disconnected');
      if (!user.startsWith('reset')) await raw.gone(user);
      raw.terminate();
    }
  });
});

const OFF = { ...EACH, PRESENCE_ENABLED: 'false' };

scenario('PRESENCE_ENABLED=false: clients are held, presence messages ignored', { env: OFF }, async (s) => {
  const server = s.servers[0];
  const phone = await connect(s, 'user1'), viewer = await connect(s, 'boss', { role: 'web', json: true });
  phone.write(Buffer.concat([frame(BINARY, beatOf(hex('80'))), frame(BINARY, pack([0, SUBSCRIBE, 'user1', 0, 'anything']))]));
  viewer.send(TEXT, '[0,33,"boss",0,{"users":["user1"]}]').send(TEXT, '[0,30,"boss",0,{}]');
  assert.equal(JSON.parse(await viewer.message())[1], HELLO);
  await alive(phone, 'phone');
  await alive(viewer, 'viewer');
  assert.equal(await skipped(server), 4);
  assert.deepEqual(await s.redis.keys('presence:*'), []);
  assert.equal((await fetch(`http://127.0.0.1:${server.port}/healthz`)).status, 200);
  const ready = await fetch(`http://127.0.0.1:${server.port}/readyz`);
  assert.deepEqual([ready.status, (await ready.json()).success], [503, false]);
});
