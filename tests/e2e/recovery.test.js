// SPDX-License-Identifier: MIT
// Redis lost and back, servers killed: nobody with live heartbeats is ever shown
// offline; views equal the truth afterwards.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { scenario, until } = require('./lib/stack');

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const range = (n) => [...Array(n).keys()];

async function crowd(s, count, options = {}) {
  const phones = [];
  for (let at = 0; at < count; at += 25)
    phones.push(...await Promise.all(range(Math.min(25, count - at)).map((i) =>
      s.phone(`user${at + i}`, { device: `d${at + i}`, server: (at + i) % s.servers.length, ...options }))));
  return phones;
}

const users = (phones) => phones.map((p) => p.user).sort();

async function converged(s, dashboards, phones) {
  await until(async () => JSON.stringify(await s.online()) === JSON.stringify(users(phones)), 'the store equals the truth', 20000);
  await until(() => dashboards.every((d) => JSON.stringify(d.online) === JSON.stringify(users(phones))),
    'the views equal the truth', 20000);
  for (const d of dashboards) assert.deepEqual(d.faults, []);
}

function assertNobodyWronged(dashboards, phones) {
  for (const d of dashboards) {
    const wronged = phones.filter((p) => d.of(p.user).some((u) => u.status === 'offline'));
    assert.deepEqual(users(wronged), [], 'shown offline though alive');
  }
}

scenario('Redis goes, and an empty one comes: nobody alive is shown offline',
  { servers: 2, expiryds: 1, env: { PRESENCE_HEARTBEAT_MIN: '0' } }, async (s) => {
    const dashboards = await Promise.all([0, 1, 0, 1].map((server, i) => s.dashboard({ server, codec: i > 1 ? 'json' : 'msgpack' })));
    const phones = await crowd(s, 200, { beat: 500 });
    await converged(s, dashboards, phones);
    await s.loseRedis();
    for (const gone of phones.splice(0, 20)) gone.terminate();
    await sleep(5000);
    await s.startRedis();
    await converged(s, dashboards, phones);
    assertNobodyWronged(dashboards, phones);
    for (const d of dashboards) assert.equal(d.updates.filter((u) => u.status === 'offline').length, 20);
    phones[0].terminate();
    await converged(s, dashboards, phones.slice(1));
  });

scenario('Redis comes back with an old dump: no revision twice, no wrong state',
  { servers: 2, expiryds: 1, env: { PRESENCE_HEARTBEAT_MIN: '0' } }, async (s) => {
    const dashboards = await Promise.all([0, 1].map((server) => s.dashboard({ server })));
    const phones = await crowd(s, 60, { beat: 500 });
    await converged(s, dashboards, phones);
    await s.redis.save();
    const dump = fs.readFileSync(path.join(s.dir, 'dump.rdb'));
    for (const gone of phones.splice(0, 25)) gone.terminate(); // 25 transitions
    const later = await Promise.all(range(25).map((i) => s.phone(`late${i}`, { beat: 500 })));
    phones.push(...later); // and 25 more
    await converged(s, dashboards, phones);
    await s.loseRedis();
    fs.writeFileSync(path.join(s.dir, 'dump.rdb'), dump);
    const before = dashboards.map((d) => d.updates.length);
    await s.startRedis();
    await converged(s, dashboards, phones);
    phones.pop().terminate();
    await converged(s, dashboards, phones);
    for (const [i, d] of dashboards.entries()) {
      assert.deepEqual(d.updates.slice(before[i]).map((u) => [u.userId, u.status]), [['late24', 'offline']]);
      assert.equal(new Set(d.updates.map((u) => u.rev)).size, d.updates.length, 'a revision came twice');
    }
  });

scenario('kill -9 of a server: who reconnects is never shown offline, the others are at the TTL, once',
  { servers: 2, expiryds: 1, env: { PRESENCE_TTL: '3s', PRESENCE_HEARTBEAT_MIN: '0' } }, async (s) => {
    const dashboard = await s.dashboard({ server: 1 });
    const phones = await crowd(s, 40, { server: 0, beat: 500 });
    await converged(s, [dashboard], phones);
    await s.servers[0].kill();
    const killed = Date.now();
    const back = await Promise.all(range(20).map((i) => s.phone(`user${i}`, { device: `d${i}`, server: 1, beat: 500 })));
    await converged(s, [dashboard], back);
    assert.ok(Date.now() - killed >= 1000, 'nobody was offline before the TTL');
    assertNobodyWronged([dashboard], back);
    for (const phone of phones.slice(20))
      assert.deepEqual(dashboard.of(phone.user).map((u) => [u.status, u.reason]), [['online', 'connected'], ['offline', 'expired']]);
  });

scenario('connections to Redis cut, scripts flushed: nothing is lost, nothing repeated', { servers: 2 }, async (s) => {
  const dashboards = await Promise.all([0, 1].map((server) => s.dashboard({ server })));
  let phones = await crowd(s, 20);
  await converged(s, dashboards, phones);
  for (let round = 0; round < 5; round++) {
    await s.redis.script('FLUSH');
    await s.redis.client('KILL', 'TYPE', round % 2 ? 'pubsub' : 'normal', 'SKIPME', 'yes');
    phones.splice(0, 3).forEach((p) => p.terminate());
    phones.push(...await Promise.all(range(3).map((i) => s.phone(`round${round}-${i}`))));
    await converged(s, dashboards, phones);
  }
});

scenario('a drain shows nobody offline: a rolling restart of both servers',
  { servers: 2, expiryds: 1, env: { PRESENCE_TTL: '2s', PRESENCE_DRAIN_GRACE: '3s', PRESENCE_HEARTBEAT_MIN: '0' } }, async (s) => {
    const dashboard = await s.dashboard({ server: 1 });
    let phones = await crowd(s, 30, { server: 0, beat: 300 });
    await converged(s, [dashboard], phones);
    const old = s.servers[0];
    old.signal('SIGTERM');
    const codes = await Promise.all(phones.map((p) => p.closed));
    assert.ok(codes.every((c) => c.code === 1012), JSON.stringify(codes[0]));
    assert.equal((await old.exited).code, 0);
    await sleep(1000);
    phones = await Promise.all(phones.map((p) => s.phone(p.user, { device: 'again', server: 1 })));
    await converged(s, [dashboard], phones);
    assertNobodyWronged([dashboard], phones);
  });

scenario('viewers are told to wait until a roster was loaded once; phones are taken meanwhile', { servers: 1 }, async (s) => {
  await s.loseRedis();
  const server = await s.startServer();
  await assert.rejects(s.dashboard({ server }), /503/);
  const phone = await s.phone('user1', { server });
  await s.startRedis();
  const dashboard = await until(() => s.dashboard({ server }).catch(() => null), 'viewers are let in');
  await converged(s, [dashboard], [phone]);
});
