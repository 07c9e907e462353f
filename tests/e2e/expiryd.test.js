// SPDX-License-Identifier: MIT
// presence-expiryd: silence becomes offline, once, whatever runs beside it (the manual pages and KEYS.md).
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { BIN } = require('./lib/process');
const { scenario, until, expiryDue } = require('./lib/stack');

const range = (n) => [...Array(n).keys()];
const FAST = { PRESENCE_TTL: '1s', PRESENCE_HEARTBEAT_MIN: '0', PRESENCE_HOLDBACK: '200ms' };

async function metrics(daemon) {
  const text = await (await fetch(`${daemon.url}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line && line[0] !== '#');
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
}

const sum = (all, name) => all.reduce((total, one) => total + one[name], 0);

// What is published on a channel, from now on.
async function heard(s, channel) {
  const events = [];
  const redis = s.beside();
  redis.on('message', (from, text) => events.push(JSON.parse(text)));
  await redis.subscribe(channel);
  return events;
}

scenario('silent phones go offline at their TTL, once, though three expiryds look', { expiryds: 3, env: FAST }, async (s) => {
  for (const expiryd of s.expiryds) await s.ready(expiryd);
  const offline = await heard(s, 'presence:offline');
  const alive = await Promise.all(range(10).map((i) => s.phone(`alive${i}`, { beat: 200 })));
  await Promise.all(range(40).map((i) => s.phone(`silent${i}`)));
  await until(() => offline.length >= 40, 'forty are offline');
  assert.deepEqual(offline.map((e) => e.userId).sort(), range(40).map((i) => `silent${i}`).sort());
  for (const e of offline) {
    assert.equal(e.reason, 'expired');
    assert.ok(e.timestamp - e.lastSeen >= 1000);
  }
  assert.deepEqual(await s.online(), alive.map((p) => p.user).sort());
  const all = await Promise.all(s.expiryds.map(metrics));
  assert.equal(sum(all, 'presence_ttl_expired_total'), 40);
  assert.equal(sum(all, 'presence_detection_lag_seconds_count'), 40);
  await until(async () => (await metrics(s.expiryds[0])).presence_online_users === 10, 'the gauge follows');
});

scenario('kill -9 of one of two expiryds: the other goes on', { expiryds: 2, env: FAST }, async (s) => {
  for (const expiryd of s.expiryds) await s.ready(expiryd);
  const offline = await heard(s, 'presence:offline');
  await s.phone('silent');
  await s.expiryds[0].kill();
  await until(() => offline.length === 1, 'it is offline');
  assert.ok(offline[0].timestamp < await expiryDue(s, offline[0].lastSeen + 1000) + 500);
});

scenario('keys of another system are adopted, followed and let go', { servers: 0, expiryds: 1,
  env: { PRESENCE_REPAIR_INTERVAL: '100ms', PRESENCE_HOLDBACK: '0' } }, async (s) => {
  const updates = await heard(s, 'presence:updates');
  const online = async (user) => (await s.online()).includes(user);
  await s.redis.set('presence:user:7', '1', 'PX', 400);
  await s.redis.set('presence:user:a:b', '1', 'EX', 60);
  await s.redis.hset('presence:meta:stale', 'status', 'online', 'lastSeen', '5');
  await until(async () => await online('7') && await online('a:b'), 'both are adopted');
  await until(async () => !await online('7'), 'the first has expired');
  await s.redis.del('presence:user:a:b');
  await until(async () => !await online('a:b'), 'the second was taken away');
  await until(async () => await s.redis.hget('presence:meta:stale', 'status') === 'offline', 'the stale record is corrected');
  const told = updates.map((e) => `${e.userId} ${e.status} ${e.reason}`).sort();
  assert.deepEqual(told, ['7 offline expired', '7 online adopted', 'a:b offline external', 'a:b online adopted']);
  assert.equal((await metrics(s.expiryds[0]))['presence_repaired_total{kind="adopted"}'], 2);
});

scenario('notify-keyspace-events: flags are added, never replaced', { servers: 0 }, async (s) => {
  const flags = async () => [...(await s.redis.config('GET', 'notify-keyspace-events'))[1]].sort().join('');
  await s.redis.config('SET', 'notify-keyspace-events', 'Kg');
  const without = await s.startExpiryd({ PRESENCE_KEYSPACE_EVENTS: 'false' });
  await s.ready(without);
  assert.equal(await flags(), 'Kg');
  const expiryd = await s.startExpiryd();
  await expiryd.printed(/keyspace_events_set/);
  assert.equal(await flags(), 'EKgx');
});

scenario('a Redis that allows no CONFIG: said once, and expiry works', { servers: 0, env: { PRESENCE_HOLDBACK: '0',
  PRESENCE_REPAIR_INTERVAL: '100ms' } }, async (s) => {
  await s.redis.call('ACL', 'SETUSER', 'expiryd', 'on', '>pw', '~presence:*', 'resetchannels', '&presence:*', '+@all', '-config');
  const expiryd = await s.startExpiryd({ REDIS_URL: `unix://expiryd:pw@${s.socket}` });
  await s.ready(expiryd);
  const offline = await heard(s, 'presence:offline');
  await s.redis.set('presence:user:u', '1', 'PX', 300);
  await until(() => offline.length === 1, 'it has expired');
  assert.equal(expiryd.output.match(/keyspace_events_unset/g).length, 1);
});

scenario('Redis away at the start, and gone in between: it waits, and says so', { servers: 0, expiryds: 1 }, async (s) => {
  const [expiryd] = s.expiryds;
  await s.ready(expiryd);
  await s.loseRedis();
  await until(async () => (await fetch(`${expiryd.url}/readyz`)).status === 503, 'not ready');
  const second = await s.startExpiryd();
  assert.equal((await fetch(`${second.url}/readyz`)).status, 503);
  assert.equal((await fetch(`${second.url}/healthz`)).status, 200);
  assert.equal((await metrics(second)).presence_redis_up, 0);
  await s.startRedis();
  for (const daemon of [expiryd, second]) await s.ready(daemon);
  assert.equal((await fetch(`${second.url}/elsewhere`)).status, 404);
});

scenario('SIGTERM: it leaves the list of daemons, and ends with 0; SIGHUP reads the log level', { servers: 0 }, async (s) => {
  const file = path.join(s.dir, 'expiryd.conf');
  fs.writeFileSync(file, 'LOG_LEVEL=info\n');
  const expiryd = s.start(path.join(BIN, 'presence-expiryd'),
    ['--config', file, '--listen', '127.0.0.1:0']);
  await expiryd.printed(/redis_up/);
  await until(async () => await s.redis.hlen('presence:nodes') === 1, 'it is listed');
  fs.writeFileSync(file, 'LOG_LEVEL=wrong\n');
  expiryd.signal('SIGHUP');
  await expiryd.printed(/reload_failed/);
  fs.writeFileSync(file, 'LOG_LEVEL=debug\nPRESENCE_REPAIR_INTERVAL=100ms\n');
  expiryd.signal('SIGHUP');
  await expiryd.printed(/reloaded/);
  expiryd.signal('SIGTERM');
  assert.equal((await expiryd.exited).code, 0);
  assert.equal(await s.redis.hlen('presence:nodes'), 0);
});

scenario('PRESENCE_ENABLED=false idles', { servers: 0, expiryds: 1, env: { PRESENCE_ENABLED: 'false' } }, async (s) => {
  const answer = await fetch(`${s.expiryds[0].url}/readyz`);
  assert.equal(answer.status, 503);
  assert.match((await answer.json()).error, /PRESENCE_ENABLED/);
  assert.equal(await s.redis.dbsize(), 0);
});

scenario('Redis stands still for longer than the TTL: nobody alive is shown offline', { servers: 2, expiryds: 2,
  env: { PRESENCE_TTL: '2s', PRESENCE_HEARTBEAT_MIN: '0' } }, async (s) => {
  for (const expiryd of s.expiryds) await s.ready(expiryd);
  const updates = await heard(s, 'presence:updates');
  const phones = await Promise.all(range(60).map((i) => s.phone(`user${i}`, { server: i % 2, beat: 400 })));
  await until(() => updates.length === 60, 'all are online');
  s.redisProcess.signal('SIGSTOP');
  for (const gone of phones.slice(0, 5)) gone.terminate();
  await new Promise((resolve) => setTimeout(resolve, 6000));
  s.redisProcess.signal('SIGCONT');
  await until(() => updates.length >= 65, 'those who left meanwhile are offline', 20000);
  await new Promise((resolve) => setTimeout(resolve, 4000));
  assert.deepEqual(updates.slice(60).map((e) => `${e.userId} ${e.status}`).sort(), range(5).map((i) => `user${i} offline`));
});

scenario('an entry taken out of the index by hand comes back with the next beat, without a repair pass, and the repair counts anew',
  { env: { PRESENCE_HEARTBEAT_MIN: '0', PRESENCE_REPAIR_INTERVAL: '0' } }, async (s) => {
    const phone = await s.phone('alice');
    await s.phone('bob');
    const dashboard = await s.dashboard();
    await until(async () => (await s.online()).length === 2, 'both are online');
    await s.redis.zrem('presence:due', 'alice');
    phone.beat();
    await until(async () => (await s.online()).join() === 'alice,bob', 'alice is listed again');
    assert.equal(await s.redis.hget('presence:epoch', 'online'), '3');
    assert.equal((await s.ctl('repair')).code, 0);
    assert.equal(await s.redis.hget('presence:epoch', 'online'), '2');
    assert.deepEqual(dashboard.faults, []);
  });
