// SPDX-License-Identifier: MIT
// What viewers see: interest, groups, batches, resume, messages by hand (PROTOCOL.md and KEYS.md).
'use strict';
const assert = require('node:assert');
const { scenario, until } = require('./lib/stack');

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const told = (d, user) => d.of(user).map((u) => u.status);
const FAST = { PRESENCE_BATCH_WINDOW: '0' };

scenario('a dashboard with a groups claim sees its groups only; claims and sets both count', { servers: 2 }, async (s) => {
  await s.redis.sadd('g.red.u', 'set1');
  const all = await s.dashboard();
  const red = await s.dashboard({ user: 'boss', claims: { groups: ['red', 'blue'] }, server: 1 });
  await s.phone('claim1', { claims: { groups: ['blue'] } });
  await s.phone('set1');
  await s.phone('other', { claims: { groups: ['green'] } });
  await until(() => all.online.length === 3, 'all three');
  await until(() => red.online.length === 2, 'the two of the groups');
  assert.deepEqual(red.online, ['claim1', 'set1']);
  const late = await s.dashboard({ user: 'late', claims: { channelIds: ['green'] } });
  assert.deepEqual(late.online, ['other']);
  for (const d of [all, red, late]) assert.deepEqual(d.faults, []);
});

scenario('membership of a set changes: viewers get the difference within 10 s', {}, async (s) => {
  await s.phone('user1');
  const red = await s.dashboard({ claims: { groups: ['red'] } });
  assert.deepEqual(red.online, []);
  await s.redis.sadd('g.red.u', 'user1');
  await until(() => red.online.length === 1, 'user1 joins', 11000);
  assert.equal(red.of('user1')[0].reason, 'joined_group');
  await s.redis.srem('g.red.u', 'user1');
  await until(() => red.online.length === 0, 'user1 leaves', 11000);
  assert.deepEqual(red.faults, []);
});

scenario('a second device brings another group, and takes it away again', { servers: 2 }, async (s) => {
  await s.phone('user1', { device: 'a', claims: { groups: ['red'] } });
  const blue = await s.dashboard({ claims: { groups: ['blue'] }, server: 1 });
  assert.deepEqual(blue.online, []);
  const second = await s.phone('user1', { device: 'b', claims: { groups: ['blue'] } });
  await until(() => blue.online.length === 1, 'seen by its second group');
  await second.close();
  await until(() => blue.online.length === 0, 'and no more');
  assert.deepEqual(blue.faults, []);
});

scenario('message 33 replaces the interest and is answered by a snapshot', {}, async (s) => {
  await s.phone('user1', { claims: { groups: ['red'] } });
  await s.phone('user2');
  const d = await s.dashboard({ path: '/?users=user2' });
  assert.deepEqual(d.online, ['user2']);
  d.subscribe({ groups: ['red'] });
  await until(() => d.snapshots.length === 2, 'the answer');
  assert.deepEqual(d.online, ['user1']);
  d.subscribe({});
  await until(() => d.snapshots.length === 3, 'the answer');
  assert.deepEqual(d.online, ['user1', 'user2']);
  d.subscribe({ users: [] });
  await until(() => d.snapshots.length === 4, 'the answer');
  assert.deepEqual(d.online, []);
  await s.phone('user3');
  await sleep(100);
  assert.deepEqual(d.updates, []);
});

scenario('a phone watches those who share a group of its claim, and nobody else', {}, async (s) => {
  await s.phone('mate', { claims: { groups: ['red'] } });
  await s.phone('stranger');
  const { Dashboard } = require('./lib/clients');
  const me = await s.connect(Dashboard, 'me', { role: 'mobile', claims: { groups: ['red'] } });
  me.subscribe({ users: ['mate', 'stranger', 'me'] });
  await until(() => me.snapshots.length === 1, 'the answer');
  assert.deepEqual(me.online, ['mate', 'me']);
  const alone = await s.connect(Dashboard, 'alone', { role: 'mobile' });
  alone.subscribe({});
  await until(() => alone.snapshots.length === 1, 'the answer');
  assert.deepEqual(alone.online, []);
});

scenario('a quiet server tells each change at once, whatever the window; a batch waits for it', { env: { PRESENCE_BATCH_WINDOW: '10s' } }, async (s) => {
  const dashboard = await s.dashboard();
  const batched = await s.dashboard({ user: 'batched' });
  batched.subscribe({ batch: true });
  await until(() => batched.snapshots.length === 2, 'its new view');
  for (let i = 0; i < 20; i++) {
    await s.phone(`user${i}`);
    await until(() => dashboard.of(`user${i}`).length === 1, 'the change', 5000);
  }
  await until(() => batched.online.length === 20, 'all, after the window', 20000);
  assert.ok(batched.messages.filter((m) => m[1] === 34).length <= 3, 'in few batches');
});

scenario('batches: at most one update per user and window, none without effect', { env: { PRESENCE_BATCH_WINDOW: '300ms' } }, async (s) => {
  const d = await s.dashboard();
  d.subscribe({ batch: true });
  await until(() => d.snapshots.length === 2, 'the answer');
  await s.phone('first');
  await until(() => d.updates.length === 1, 'the first leaves at once');
  const flicker = await s.phone('flicker');
  await until(async () => (await s.online()).includes('flicker'), 'online');
  await flicker.close();
  await until(async () => !(await s.online()).includes('flicker'), 'offline');
  await s.phone('second');
  await until(() => d.online.includes('second'), 'the window');
  assert.deepEqual(told(d, 'flicker'), []);
  assert.ok(d.messages.every((m) => m[1] !== 31 || m[5].userId !== 'second'), 'in a batch');
  const batch = d.messages.filter((m) => m[1] === 34).at(-1);
  assert.equal(batch[5].rev, d.rev);
  assert.deepEqual(d.faults, []);
});

scenario('resume: the missing updates instead of a snapshot, also on the other server', { servers: 2, env: FAST }, async (s) => {
  const d = await s.dashboard();
  await s.dashboard({ server: 1 });
  const phone = await s.phone('user1');
  await until(() => d.online.length === 1, 'user1');
  const { epoch } = d.snapshots[0];
  const { rev } = d;
  d.terminate();
  await phone.close();
  await s.phone('user2');
  await until(async () => (await s.online()).join() === 'user2', 'both changes');
  for (const server of [0, 1]) {
    const again = await s.dashboard({ wait: false, server, path: `/?since=${epoch}:${rev}` });
    await until(() => again.updates.length === 2, 'the missing updates');
    assert.deepEqual(again.updates.map((u) => [u.userId, u.status]), [['user1', 'offline'], ['user2', 'online']]);
    await until(() => again.resumed.length === 1, 'told that it is whole');
    assert.equal(again.messages.at(-1)[1], 34, 'behind what it missed');
    assert.equal(again.resumed[0].rev, again.updates[1].rev);
    assert.equal(again.snapshots.length, 0);
    again.subscribe({ since: { epoch: 'another', rev } });
    await until(() => again.snapshots.length === 1, 'a snapshot where it can not be served');
    assert.deepEqual([again.snapshots[0].resumed, again.snapshots[0].reason], [false, 'other_epoch']);
  }
});

scenario('a since is always answered: whole, or why not', { env: FAST }, async (s) => {
  const d = await s.dashboard();
  await s.dashboard({ codec: 'json' }); // what was never encoded can't be served
  const { epoch } = d.snapshots[0];
  assert.ok(!('resumed' in d.snapshots[0]) && !('reason' in d.snapshots[0]), 'who does not ask is told nothing new');
  for (const user of ['user1', 'user2']) await s.phone(user);
  await until(() => d.online.length === 2, 'two online');
  const first = d.snapshots[0].rev, { rev } = d;
  const answer = async (what, { query, wish, codec = 'notepack', options = {} }) => {
    const v = await s.dashboard({ wait: false, codec, path: query === undefined ? '/' : `/?${query}`, ...options });
    await until(() => v.messages.length > 0, what);
    if (wish) {
      await until(() => v.snapshots.length === 1, what);
      v.snapshots.length = v.messages.length = 0;
      v.subscribe(wish);
    }
    await until(() => v.resumed.length + v.snapshots.length > 0, what);
    assert.deepEqual(v.faults, [], what);
    return v;
  };
  const since = (number) => `since=${epoch}:${number}`;
  for (const codec of ['notepack', 'json']) {
    for (const [what, query] of [['all', since(rev)], ['by users', `users=user1,user9&${since(rev)}`]]) {
      const whole = await answer(what, { codec, query });
      assert.deepEqual([whole.snapshots.length, whole.updates.length, whole.resumed], [0, 0, [{ updates: [], rev, resumed: true }]], what);
      const missed = await answer(what, { codec, query: query.replace(`:${rev}`, `:${first}`) });
      assert.deepEqual(missed.updates.map((u) => u.userId), what === 'all' ? ['user1', 'user2'] : ['user1']);
      assert.deepEqual(missed.messages.map((m) => m[1]).filter((type) => type !== 35), [...missed.updates.map(() => 31), 34], what);
      assert.equal(missed.resumed[0].rev, rev);
    }
    const refused = [
      ['too_old', { query: since(first - 1) }], ['other_epoch', { query: `since=other:${rev}` }], ['ahead', { query: since(rev + 1000) }],
      ['filtered', { query: `groups=red&${since(rev)}` }], ['filtered', { query: since(rev), options: { claims: { groups: ['red'] } } }],
      ...['', 'x', ':', `:${rev}`, `${epoch}:`, `${epoch}:x`, `${epoch}:-1`, `${epoch}:1.5`, `${epoch}:99999999999999999999`, epoch, rev]
        .map((text) => ['malformed', { query: `since=${text}` }]),
      ['other_epoch', { wish: { since: { epoch: 'other', rev } } }], ['ahead', { wish: { since: { epoch, rev: rev + 1000 } } }],
      ['filtered', { wish: { groups: ['red'], since: { epoch, rev } } }],
      ['interest_changed', { query: 'users=user1', wish: { users: ['user1', 'user2'], since: { epoch, rev } } }],
      ['interest_changed', { query: 'users=user1', wish: { since: { epoch, rev } } }],
    ];
    for (const [reason, how] of refused) {
      const what = `${reason} ${JSON.stringify(how)}`;
      const v = await answer(what, { codec, ...how });
      assert.deepEqual([v.resumed.length, v.snapshots.length, v.snapshots[0].resumed, v.snapshots[0].reason], [0, 1, false, reason], what);
      const sees = reason === 'filtered' ? [] : (how.query || '').startsWith('users') && !how.wish ? ['user1'] : ['user1', 'user2'];
      assert.deepEqual(v.online, sees, what);
      v.terminate();
    }
    for (const wish of [{ since: { epoch, rev } }, { batch: true, since: { epoch, rev: first } }, { users: ['user2'], since: { epoch, rev } }]) {
      const v = await answer(JSON.stringify(wish), { codec, wish }); // on its way to it already
      assert.deepEqual([v.snapshots.length, v.updates.length, v.resumed], [0, 0, [{ updates: [], rev, resumed: true }]]);
      v.terminate();
    }
  }
});

scenario('published by hand: reaches dashboards with messageId 0 and changes no roster', { servers: 2 }, async (s) => {
  const dashboards = await Promise.all([s.dashboard(), s.dashboard({ server: 1, codec: 'json' })]);
  await s.redis.publish('presence:updates', '{"userId":"test","status":"online"}');
  for (const d of dashboards) {
    await until(() => d.updates.length === 1, 'the update');
    const message = d.messages.at(-1);
    assert.deepEqual([message[0], message[1], message[2], message[3], message[4]], [0, 31, 0, 'broadcast', '0']);
    assert.equal(message[5].userId, 'test');
    assert.equal(message[5].status, 'online');
  }
  for (const noise of ['', '{', '[]', '{"userId":"x"}', '{"userId":"x","status":"busy"}', '{"userId":"x","status":"online","rev":1,"epoch":"e","db":7}'])
    await s.redis.publish('presence:updates', noise);
  await s.phone('user1');
  await until(() => dashboards.every((d) => d.updates.length === 2), 'only the phone');
  assert.deepEqual((await s.dashboard()).online, ['user1']);
});

scenario('a viewer that reads nothing gets a new snapshot, then 1013; others never wait for it',
  { env: { ...FAST, PRESENCE_RING_SIZE: '64k', PRESENCE_MAX_BYTE_RATE: '0' } }, async (s) => {
    const good = await s.dashboard({ codec: 'msgpack' });
    const slow = await s.dashboard();
    slow.ws._socket.pause();
    // More than the kernel's buffers of a socket and the ring together take: 12 MB.
    // In parts of less than the ring: the good one, which shares this process, must not fall behind itself.
    let count = 0;
    const publish = async () => {
      for (const end = count + 48000; count < end; count += 200) {
        const p = s.redis.pipeline();
        for (let j = 0; j < 200; j++) p.publish('presence:updates', JSON.stringify({ userId: `user${count % 48000 + j}`, status: 'online', deviceId: 'x'.repeat(120) }));
        await p.exec();
        await until(() => good.updates.length === count + 200, 'the good one has them', 30000);
      }
    };
    await publish();
    slow.ws._socket.resume();
    await until(() => slow.snapshots.length === 2, 'a new snapshot', 30000);
    slow.ws._socket.pause();
    await publish();
    slow.ws._socket.resume();
    assert.equal((await slow.closed).code, 1013);
    assert.deepEqual([good.snapshots.length, good.ws.readyState], [1, 1]);
  });

scenario('PRESENCE_ENABLED=false: clients are held, nothing is kept', { env: { PRESENCE_ENABLED: 'false' } }, async (s) => {
  const d = await s.dashboard({ wait: false });
  const phone = await s.phone('user1');
  phone.beat();
  await sleep(200);
  assert.deepEqual(await s.redis.keys('presence:*'), []);
  assert.equal(d.messages.length, 0);
  assert.equal(d.ws.readyState, 1);
  assert.equal(phone.ws.readyState, 1);
});
