// SPDX-License-Identifier: MIT
// Who is online, seen by dashboards of two servers: on real sockets and a real Redis.
'use strict';
const assert = require('node:assert');
const { scenario, until, expiryDue } = require('./lib/stack');

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function everyoneSees(dashboards, user, status, count) {
  await until(() => dashboards.every((d) => d.of(user).length >= count && d.of(user).at(-1).status === status),
    `all see ${user} ${status}`);
  for (const d of dashboards) {
    assert.equal(d.of(user).length, count, JSON.stringify(d.of(user)));
    assert.deepEqual(d.faults, []);
  }
}

scenario('a phone comes and goes: one update each on every server', { servers: 2, expiryds: 1 }, async (s) => {
  const dashboards = await Promise.all([s.dashboard({ server: 0 }), s.dashboard({ server: 1, codec: 'msgpack' })]);
  const phone = await s.phone('user1', { device: 'device-abc' });
  await everyoneSees(dashboards, 'user1', 'online', 1);
  const update = dashboards[1].of('user1')[0];
  assert.equal(update.type, 'presence_update');
  assert.equal(update.deviceId, 'device-abc');
  assert.equal(update.reason, 'connected');
  assert.equal(await s.redis.get('presence:user:user1'), '1');
  assert.equal((await s.redis.hgetall('presence:meta:user1')).status, 'online');
  phone.terminate();
  await everyoneSees(dashboards, 'user1', 'offline', 2);
  assert.equal(dashboards[0].of('user1')[1].reason, 'disconnected');
  assert.deepEqual(await s.online(), []);
  assert.equal(await s.redis.exists('presence:user:user1'), 0);
});

scenario('silence: offline at the TTL, not earlier, once, with three expiryds', { servers: 2, expiryds: 3, env: { PRESENCE_TTL: '1s' } },
  async (s) => {
    const dashboards = await Promise.all([s.dashboard({ server: 0 }), s.dashboard({ server: 1 })]);
    await sleep(2100); // the hold-back of a first start
    const phone = await s.phone('user1');
    await everyoneSees(dashboards, 'user1', 'online', 1);
    await everyoneSees(dashboards, 'user1', 'offline', 2);
    const [online, offline] = dashboards[0].of('user1');
    assert.equal(offline.reason, 'expired');
    assert.equal(offline.lastSeen, online.lastSeen);
    assert.ok(offline.timestamp - offline.lastSeen >= 1000, 'not before the TTL');
    assert.ok(offline.timestamp <= await expiryDue(s, offline.lastSeen + 1000) + 250, `${offline.timestamp - offline.lastSeen} ms`);
    phone.beat();
    await everyoneSees(dashboards, 'user1', 'online', 3);
    assert.equal(dashboards[0].of('user1')[2].reason, 'heartbeat');
  });

scenario('two devices: one closes, the user stays', { servers: 2 }, async (s) => {
  const dashboard = await s.dashboard();
  const first = await s.phone('user1', { device: 'a' });
  await s.phone('user1', { device: 'b', server: 1 });
  await until(async () => (await s.redis.hlen('presence:sessions:user1')) === 2, 'two sessions');
  await first.close();
  await until(async () => (await s.redis.hlen('presence:sessions:user1')) === 1, 'one session');
  assert.deepEqual(dashboard.of('user1').map((u) => u.status), ['online']);
});

scenario('roaming: the same device on server 2, then the old socket dies', { servers: 2 }, async (s) => {
  const dashboard = await s.dashboard();
  const old = await s.phone('user1', { device: 'a', server: 0 });
  await until(() => dashboard.of('user1').length === 1, 'online');
  await s.phone('user1', { device: 'a', server: 1 });
  await until(async () => /^\w+\/1$/.test((await s.redis.hkeys('presence:sessions:user1')).join()), 'taken over');
  old.terminate();
  await sleep(300);
  assert.deepEqual(dashboard.of('user1').map((u) => u.status), ['online']);
  assert.deepEqual(await s.online(), ['user1']);
});

scenario('two live sockets of one device: the newer closes, the older beats', { env: { PRESENCE_HEARTBEAT_MIN: '0' } }, async (s) => {
  const dashboard = await s.dashboard();
  const older = await s.phone('user1', { device: 'a' });
  await until(() => dashboard.of('user1').length === 1, 'online');
  const newer = await s.phone('user1', { device: 'a' });
  await until(async () => (await s.redis.hkeys('presence:sessions:user1')).join().endsWith('/2'), 'taken over');
  await newer.close();
  await until(() => dashboard.of('user1').length === 2, 'offline');
  older.beat();
  await until(() => dashboard.of('user1').length === 3, 'online again');
  assert.deepEqual(dashboard.faults, []);
});

scenario('a beat in the batch when its socket closes leaves no ghost', { env: { PRESENCE_HEARTBEAT_MIN: '0' } }, async (s) => {
  const dashboard = await s.dashboard();
  for (let i = 0; i < 50; i++) {
    const phone = await s.phone(`user${i}`);
    phone.beat();
    phone.terminate();
  }
  await until(() => dashboard.updates.length === 100, 'fifty came and went');
  await sleep(200);
  assert.deepEqual(await s.online(), []);
  assert.deepEqual(dashboard.online, []);
  assert.deepEqual(dashboard.faults, []);
});
