// SPDX-License-Identifier: MIT
// Signs of life and what they count for: beats that are held, lastSeen, graces, reconnects (PROTOCOL.md and KEYS.md).
'use strict';
const assert = require('node:assert');
const { scenario, until, expiryDue } = require('./lib/stack');

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const range = (n) => [...Array(n).keys()];
const meta = (s, user) => s.redis.hgetall(`presence:meta:${user}`);
const told = (d, user) => d.of(user).map((u) => `${u.status} ${u.reason}`);

// Which sign of life counted: those of a test are at least 400 ms apart.
function near(value, wanted, what) {
  assert.ok(Math.abs(value - wanted) <= 300, `${what}: ${value - wanted} ms off`);
}

const deadline = (s, user) => s.redis.pexpiretime(`presence:user:${user}`);

// 25 s, but never more than 5/12 of the TTL: 2.5 s.
const HELD = { PRESENCE_TTL: '6s' };

scenario('a beat within the window is written when it opens, with the time at which it was heard', { env: HELD }, async (s) => {
  const asked = Date.now();
  const phone = await s.phone('user1');
  const opened = Date.now();
  near(Number((await meta(s, 'user1')).lastSeen), opened, 'the connect');
  let heard;
  for (const battery of [1, 2]) {
    await sleep(400);
    heard = Date.now();
    phone.beat({ metadata: { battery } });
  }
  await sleep(300);
  const before = await meta(s, 'user1');
  near(Number(before.lastSeen), opened, 'not written yet');
  assert.equal(before.metadata, undefined);
  await until(async () => (await meta(s, 'user1')).metadata === '{"battery":2}', 'the newest is written');
  assert.ok(Date.now() - asked >= 2400, `after ${Date.now() - asked} ms`);
  assert.ok(Date.now() - opened <= 3500, `after ${Date.now() - opened} ms`);
  near(Number((await meta(s, 'user1')).lastSeen), heard, 'the beat');
  near(await deadline(s, 'user1'), heard + 6000, 'TTL from the last beat heard');
});

scenario('a held beat goes along with the close, and with the drain; after kill -9 the last one written counts',
  { servers: 3, expiryds: 1, env: { ...HELD, PRESENCE_DRAIN_GRACE: '1s' } }, async (s) => {
    const dashboard = await s.dashboard({ server: 0 });
    const breaks = await s.phone('breaks', { server: 0 }), drained = await s.phone('drained', { server: 1 });
    const killed = await s.phone('killed', { server: 2 });
    const opened = Date.now();
    await sleep(700);
    const heard = Date.now();
    for (const phone of [breaks, drained, killed]) phone.beat({ metadata: { last: 'words' } });
    await sleep(700);
    breaks.ws.send(Buffer.from([0xc1])); // no MessagePack
    await until(() => told(dashboard, 'breaks').length === 2, 'closed for breaking a rule');
    near(dashboard.of('breaks')[1].lastSeen, heard, 'the beat, not the close');
    assert.equal((await meta(s, 'breaks')).metadata, '{"last":"words"}');

    s.servers[1].signal('SIGTERM');
    await s.servers[1].exited;
    near(Number((await meta(s, 'drained')).lastSeen), heard, 'the beat goes along with the drain');
    assert.equal((await meta(s, 'drained')).metadata, '{"last":"words"}');
    near(await deadline(s, 'drained'), heard + 6000, 'longer than the grace: the deadline stays');

    await s.servers[2].kill();
    near(await deadline(s, 'killed'), opened + 6000, 'written was only the connect');
    await until(() => told(dashboard, 'killed').length === 2, 'offline');
    const [, offline] = dashboard.of('killed');
    near(offline.lastSeen, opened, 'the connect');
    assert.ok(offline.timestamp >= offline.lastSeen + 6000);
    await until(() => told(dashboard, 'drained').length === 2, 'offline');
    const end = dashboard.of('drained')[1];
    near(end.lastSeen, heard, 'the beat');
    assert.ok(end.timestamp >= end.lastSeen + 6000 && end.timestamp <= await expiryDue(s, end.lastSeen + 6000) + 250, `${end.timestamp - end.lastSeen} ms`);
    assert.deepEqual(dashboard.faults, []);
  });

scenario('lastSeen is that of the last transition and lastHeartbeat the newest, whoever asks', { api: true, env: { PRESENCE_HEARTBEAT_MIN: '0' } }, async (s) => {
  const get = async (path, options) => (await fetch(s.api.url + path, options)).json();
  const first = await s.phone('user1', { device: 'a' });
  await until(async () => (await s.online()).length === 1, 'online');
  const opened = Number((await meta(s, 'user1')).lastSeen);
  await s.phone('user1', { device: 'b' });
  await until(async () => (await meta(s, 'user1')).deviceId === 'b', 'a second phone');
  first.beat({ metadata: {} });
  await until(async () => (await meta(s, 'user1')).metadata === '{}', 'a beat');
  assert.ok(Number((await meta(s, 'user1')).lastSeen) > opened);
  await s.redis.sadd('g.red.u', 'user1');
  const viewer = await s.dashboard();
  const shown = viewer.snapshots[0].users[0];
  const live = Number((await meta(s, 'user1')).lastSeen);
  const body = JSON.stringify({ userIds: ['user1'] });
  const answers = {
    status: (await get('/api/presence/status', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body })).users[0],
    user: await get('/api/presence/users/user1'),
    online: (await get('/api/presence/online')).users[0],
    group: (await get('/api/presence/groups/red')).users[0],
    ctl: JSON.parse((await s.ctl('status', '--json', 'user1')).stdout),
    list: JSON.parse((await s.ctl('list', '--json')).stdout),
  };
  assert.deepEqual([shown.lastSeen, shown.deviceId], [opened, 'a']);
  for (const [door, { lastSeen, deviceId, lastHeartbeat }] of Object.entries(answers))
    assert.deepEqual([lastSeen, deviceId, lastHeartbeat], [opened, 'a', live], door);
});

scenario('lastSeen is the last sign of life, whoever asks', { api: true, expiryds: 1,
  env: { PRESENCE_TTL: '1500ms', PRESENCE_HEARTBEAT_MIN: '0' } }, async (s) => {
  const dashboard = await s.dashboard();
  const [silent, closes, dies, forced] = await Promise.all(['silent', 'closes', 'dies', 'forced'].map((user) => s.phone(user)));
  await sleep(500);
  const heard = Date.now();
  for (const phone of [silent, closes, dies, forced]) phone.beat();
  await sleep(300);
  const ended = Date.now();
  closes.close();
  dies.terminate();
  await s.ctl('offline', 'forced');
  await until(() => ['silent', 'closes', 'dies', 'forced'].every((user) => told(dashboard, user).length === 2), 'all are offline');
  const wanted = { silent: heard, closes: ended, dies: ended, forced: heard };
  const answer = await (await fetch(`${s.api.url}/api/presence/status`, { method: 'POST',
    headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ userIds: Object.keys(wanted) }) })).json();
  for (const [user, time] of Object.entries(wanted)) {
    const offline = dashboard.of(user)[1];
    near(offline.lastSeen, time, user);
    const answered = answer.users.find((u) => u.userId === user);
    assert.deepEqual([answered.lastSeen, answered.lastHeartbeat], [offline.lastSeen, offline.lastSeen]);
    assert.equal(Number((await meta(s, user)).lastSeen), offline.lastSeen);
  }
  assert.deepEqual(['silent', 'closes', 'dies', 'forced'].map((user) => told(dashboard, user)[1]),
    ['offline expired', 'offline disconnected', 'offline disconnected', 'offline forced']);
});

scenario('PRESENCE_OFFLINE_GRACE: who is back within it was never away', { servers: 2, expiryds: 2,
  env: { PRESENCE_OFFLINE_GRACE: '3s' } }, async (s) => {
  for (const expiryd of s.expiryds) await s.ready(expiryd);
  await sleep(2100); // the hold-back of a first start
  const dashboards = await Promise.all([0, 1].map((server) => s.dashboard({ server })));
  const [back, gone] = await Promise.all(['back', 'gone'].map((user) => s.phone(user)));
  const second = await s.phone('two', { device: 'a' });
  await s.phone('two', { device: 'b' });
  await until(() => dashboards[0].online.length === 3, 'all are online');
  const closed = Date.now();
  for (const phone of [back, gone, second]) phone.terminate();
  await sleep(500);
  await s.phone('back', { server: 1, device: 'another' });
  await until(() => dashboards.every((d) => told(d, 'gone').length === 2), 'the grace is over');
  for (const d of dashboards) {
    const [, offline] = d.of('gone');
    assert.equal(offline.reason, 'disconnected');
    near(offline.lastSeen, closed, 'the close');
    near(offline.timestamp, closed + 3000, 'the grace');
  }
  await sleep(700);
  for (const d of dashboards) {
    assert.deepEqual([told(d, 'back'), told(d, 'two')], [['online connected'], ['online connected']]);
    assert.deepEqual(d.faults, []);
  }
});

scenario('a deadline passes with no expiryd alive: offline within the hold-back of the next one\'s start',
  { env: { PRESENCE_TTL: '2s', PRESENCE_HOLDBACK: '1s' } }, async (s) => {
    const dashboard = await s.dashboard();
    await s.phone('silent');
    const alive = await s.phone('alive', { beat: 100 });
    await sleep(3000);
    assert.deepEqual(dashboard.online, ['alive', 'silent'], 'nobody is marked offline by silence');
    const started = Date.now();
    await s.ready(await s.startExpiryd());
    await until(() => told(dashboard, 'silent').length === 2, 'offline');
    const lag = dashboard.of('silent')[1].at - started;
    assert.ok(lag >= 900 && lag <= 1600 * (Number(process.env.PRESENCE_PATIENCE) || 1), `${lag} ms`);
    assert.deepEqual(told(dashboard, 'alive'), ['online connected']);
    alive.terminate();
  });

const MOMENT = { PRESENCE_MAX_PER_USER: '0', PRESENCE_TTL: '200ms', PRESENCE_HEARTBEAT_MIN: '0', PRESENCE_HOLDBACK: '50ms' };

// Some come before their deadline, some after, some while it is being looked for; whoever came is there.
scenario('reconnects in the very moment of expiry, 1,000 of them: none ends offline', { servers: 2, expiryds: 2, env: MOMENT }, async (s) => {
  for (const expiryd of s.expiryds) await s.ready(expiryd);
  const dashboards = await Promise.all([0, 1].map((server) => s.dashboard({ server })));
  let expired = 0, tries = 0;
  const lives = async (user, index) => {
    let phone = await s.phone(user, { server: index % 2 });
    for (let i = 0; tries < 1000; i++) {
      const heard = Number((await meta(s, user)).lastSeen);
      await sleep(Math.max(0, heard + 200 - Date.now() - 3 + (i * 7 + index) % 8));
      const began = Date.now();
      if (i % 3 === 0) {
        let sent = 0;
        await until(async () => {
          if (Date.now() - sent > 300) { phone.beat(); sent = Date.now(); } // one that reaches Redis a TTL late is none
          return Number((await meta(s, user)).lastSeen) > heard;
        }, 'the beat is heard');
      } else {
        const old = phone;
        phone = await s.phone(user, { server: (index + i) % 2 });
        if (i % 3 === 1) old.terminate(); // late, and of no consequence
      }
      // A beat of a session that has ended is in meta a moment before the script brings its user back.
      let there;
      do there = await s.redis.zscore('presence:due', user);
      while (there === null && i % 3 === 0 && Date.now() - began <= 150);
      if (Date.now() - began > 150) continue; // this machine was too slow for the try to tell anything
      if (there === null) throw new Error(`${user} is offline ${Date.now() - began} ms after it came`);
      tries++;
    }
    phone.beatEvery(50);
  };
  await Promise.all(range(40).map((i) => lives(`user${i}`, i)));
  await until(() => dashboards.every((d) => d.online.length === 40), 'all stay');
  for (const d of dashboards) {
    assert.deepEqual(d.faults, []);
    for (const [i, u] of d.updates.entries()) {
      if (u.status === 'online') continue;
      assert.equal(u.reason, 'expired');
      const came = d.updates.slice(0, i).findLast((o) => o.userId === u.userId);
      assert.ok(u.timestamp - came.lastSeen >= 200, `after ${u.timestamp - came.lastSeen} ms`);
      expired++;
    }
  }
  assert.ok(expired > 0, 'some came after their deadline');
});
