// SPDX-License-Identifier: MIT
// What views cost: a view is made of what its viewer sees, between all else, and once for many wishes (PROTOCOL.md).
'use strict';
const assert = require('node:assert');
const { scenario, until } = require('./lib/stack');
const { Dashboard } = require('./lib/clients');
const { metric } = require('./lib/server');

const USERS = 20000;
const name = (i) => `user${i}`;

// Users who are online by what Redis says, before any server looks.
async function populate(s, count) {
  const now = Date.now();
  for (let from = 0; from < count; from += 5000) {
    const batch = s.redis.pipeline();
    for (let i = from; i < Math.min(count, from + 5000); i++) {
      batch.zadd('presence:due', now + 86400000, name(i));
      batch.hset(`presence:meta:${name(i)}`, { lastSeen: now, deviceId: 'd', rev: 1, sinceSeen: now, sinceDevice: 'd' });
    }
    await batch.exec();
  }
}

async function fill(s, group, from, to) {
  const members = Array.from({ length: to - from }, (_, i) => name(from + i));
  for (let i = 0; i < members.length; i += 5000) await s.redis.sadd(`g.${group}.u`, members.slice(i, i + 5000));
}

async function start(s, env) {
  await populate(s, USERS);
  await s.startServer(env);
  await s.ready(s.servers[0]);
}

scenario('many messages 33 of a phone with 256 groups cost a few views of those groups', { servers: 0 }, async (s) => {
  const groups = Array.from({ length: 256 }, (_, i) => `group${i}`);
  const batch = s.redis.pipeline();
  groups.forEach((group, i) => batch.sadd(`g.${group}.u`, name(i), name(i + 1000), `nobody${i}`));
  await batch.exec();
  await start(s);
  const phone = await s.connect(Dashboard, 'phone', { role: 'mobile', claims: { groups } });
  phone.subscribe({});
  await until(() => phone.snapshots.length === 1, 'its view', 20000);
  assert.equal(phone.online.length, 2 * 256 + 1, 'each member, and itself by its claim');
  const [server] = s.servers;
  const users = await metric(server, 'presence_view_users_total'), merged = await metric(server, 'presence_views_merged_total');
  const wishes = 40;
  for (let i = 1; i < wishes; i++) phone.subscribe({});
  phone.subscribe({ users: [name(3)] });
  await until(() => phone.snapshots.at(-1).users.length === 1, 'what it chose last');
  assert.deepEqual(phone.online, [name(3)]);
  await until(async () => (await metric(server, 'presence_views_waiting')) === 0, 'all are made');
  const views = phone.snapshots.length - 1;
  assert.equal((await metric(server, 'presence_views_merged_total')) - merged, wishes - views, 'what was not made was merged');
  assert.ok(views < wishes, `${views} views`);
  // Members by set and by claim, times views; never the 20,000 who are online.
  const looked = (await metric(server, 'presence_view_users_total')) - users;
  assert.ok(looked <= views * 256 * 4, `${looked} users looked at for ${views} views`);
  assert.deepEqual(phone.faults, []);
});

scenario('a set that is filled and dropped costs its viewers a view each, and nobody else anything', { servers: 0 }, async (s) => {
  await fill(s, 'small', 0, 3);
  await start(s, { PRESENCE_RING_SIZE: '64k' });
  const everyone = await s.dashboard(), small = await s.dashboard({ user: 'other', claims: { groups: ['small'] } });
  const big = await s.dashboard({ user: 'boss', claims: { groups: ['big', 'small'] } });
  assert.equal(everyone.online.length, USERS);
  assert.equal(big.online.length, 3);
  for (const count of [8000, 0, 8000]) {
    const before = big.snapshots.length;
    if (count) await fill(s, 'big', 1000, 1000 + count);
    else await s.redis.del('g.big.u');
    await until(() => big.snapshots.length > before && big.online.length === 3 + count, 'the set was read', 20000);
  }
  assert.deepEqual(big.updates, [], 'no difference is told one by one');
  const phone = await s.phone('last');
  await until(() => everyone.online.includes('last'), 'changes are told as ever');
  for (const d of [everyone, small]) {
    assert.equal(d.snapshots.length, 1, 'nothing anew');
    assert.equal(d.close_code, undefined);
  }
  assert.deepEqual(small.updates, []);
  assert.deepEqual(everyone.updates.map((u) => u.userId), ['last']);
  assert.deepEqual([everyone.faults, small.faults, big.faults], [[], [], []]);
  assert.equal(await metric(s.servers[0], 'presence_viewers_behind_total'), 0);
  await phone.close();
});

scenario('views that need a look at everybody are whole in both encodings, whoever comes and goes meanwhile', { servers: 0 }, async (s) => {
  await fill(s, 'huge', 0, USERS - 1);
  await start(s, { PRESENCE_BATCH_WINDOW: '0' });
  const claims = { groups: ['huge', 'red'] };
  const first = await s.dashboard({ user: 'first', claims }); // the set is read
  assert.equal(first.online.length, USERS - 1);
  const phones = [];
  const churn = (async () => {
    for (let i = 0; i < 30; i++) {
      phones.push(await s.phone(`phone${i}`, { claims: { groups: i % 2 ? ['red'] : [] } }));
      if (i % 3 === 0) await phones.shift().close();
    }
  })();
  const views = [];
  for (let i = 0; i < 6; i++) {
    const codec = i % 2 ? 'json' : 'msgpack';
    views.push(await s.dashboard({ user: `some${i}`, codec, claims }), await s.dashboard({ user: `all${i}`, codec }));
  }
  await churn;
  await until(async () => (await s.redis.zcard('presence:due')) === USERS + phones.length, 'all have come and gone');
  const red = phones.filter((p) => Number(p.user.slice(5)) % 2).length;
  for (const d of views) {
    const due = USERS + phones.length - (d.user.startsWith('some') ? 1 + phones.length - red : 0);
    await until(() => d.online.length === due, `${d.user} shows ${due}`);
    assert.equal(d.snapshots.length, 1);
    assert.deepEqual(d.faults, []);
  }
});
