// SPDX-License-Identifier: MIT
// The guide's commands, key and channel names, as they are printed there; its code stands in examples.test.js.
'use strict';
const assert = require('node:assert');
const { scenario, until } = require('./lib/stack');
const { run } = require('./lib/process');

const DEBUG = { DEBUG: 'vp:presence', PRESENCE_HEARTBEAT_MIN: '0' };
const range = (n) => [...Array(n).keys()];

// redis-cli as the guide types it, on this test's Redis.
async function cli(s, ...args) {
  const { code, stdout, stderr } = await run('redis-cli', ['-s', s.socket, ...args]);
  assert.equal(code, 0, stderr);
  return stdout.trimEnd().split('\n');
}

// What is published on `channels`, as [channel, text], from now on.
async function listen(s, ...channels) {
  const heard = [];
  const redis = s.beside();
  redis.on('message', (channel, text) => heard.push([channel, text]));
  await redis.subscribe(...channels);
  return heard;
}

scenario('keys and channels, looked at with redis-cli', { expiryds: 1 }, async (s) => {
  await s.ready(s.expiryds[0]);
  const heard = await listen(s, 'presence:online', 'presence:offline', 'presence:updates');
  const phone = await s.phone('123', { device: 'device-abc-123' });
  await until(() => heard.length >= 2, 'it is published');
  assert.deepEqual(await cli(s, 'KEYS', 'presence:user:*'), ['presence:user:123']);
  assert.deepEqual(await cli(s, 'GET', 'presence:user:123'), ['1']);
  const [ttl] = await cli(s, 'TTL', 'presence:user:123');
  assert.ok(ttl > 50 && ttl <= 60, ttl);
  const meta = await s.redis.hgetall('presence:meta:123');
  assert.deepEqual([meta.status, meta.deviceId, meta.role], ['online', 'device-abc-123', 'mobile']);
  assert.ok(Math.abs(Date.now() - meta.lastSeen) < 10000, meta.lastSeen);
  assert.equal(await s.redis.ttl('presence:meta:123'), -1);
  const flags = (await cli(s, 'CONFIG', 'GET', 'notify-keyspace-events')).at(-1);
  assert.ok(flags.includes('E') && flags.includes('x'), flags);
  const channels = await cli(s, 'PUBSUB', 'CHANNELS');
  for (const name of ['presence:updates', '__keyevent@0__:expired']) assert.ok(channels.includes(name), channels.join());

  await phone.close();
  await until(() => heard.length >= 4, 'its end is published');
  const told = heard.map(([channel, text]) => `${channel} ${JSON.parse(text).userId} ${JSON.parse(text).status}`).sort();
  assert.deepEqual(told, ['presence:offline 123 offline', 'presence:online 123 online', 'presence:updates 123 offline',
    'presence:updates 123 online']);
  assert.deepEqual(await cli(s, 'KEYS', 'presence:user:*'), ['']);
  assert.equal(await s.redis.hget('presence:meta:123', 'status'), 'offline');
});

scenario('redis-cli --csv psubscribe: one event for each key that expires', { expiryds: 2, env: { PRESENCE_TTL: '1s' } }, async (s) => {
  for (const expiryd of s.expiryds) await s.ready(expiryd);
  const events = s.start('redis-cli', ['-s', s.socket, '--csv', 'psubscribe', '__key*__:*']);
  await events.printed(/"psubscribe","__key\*__:\*",1/);
  const phones = await Promise.all(range(20).map((i) => s.phone(`user${i}`)));
  await until(async () => (await s.online()).length === phones.length, 'all are online');
  await until(async () => (await s.online()).length === 0, 'all are silent for one TTL');
  for (const { user } of phones) {
    const line = `"pmessage","__key*__:*","__keyevent@0__:expired","presence:user:${user}"`;
    await until(() => events.output.includes(line), line);
  }
  assert.equal(events.output.split('"pmessage"').length - 1, phones.length);
});

scenario('DEBUG=vp:presence shows the heartbeats; a dashboard is a WEB CLIENT', { env: DEBUG }, async (s) => {
  const [server] = s.servers;
  const phone = await s.phone('user1', { device: 'device-123' });
  phone.beat({ type: 'heartbeat', timestamp: 1702281234567, metadata: { battery: 80, note: 'a\nb' } });
  await server.printed(/debug presence-ws heartbeat user=user1 device=device-123 timestamp=1702281234567 metadata="{[^\n]*battery[^\n]*}"\n/);
  phone.send([0, 30, 'user2', 0, null]);
  await server.printed(/info presence-ws heartbeat_refused user=user1 from=user2 /);
  await phone.close();
  await server.printed(/debug presence-ws client_gone user=user1 by=peer /);
  await s.dashboard({ user: 'boss' });
  await server.printed(/info presence-ws client_connected msg="WEB CLIENT registered" user=boss role=web /);
});
