// SPDX-License-Identifier: MIT
// The sets of groups: read in a queue of each account, so that who asks for ever new ones delays nobody else; and when they may not be
// read.
'use strict';
const assert = require('node:assert');
const path = require('node:path');
const { BIN, run } = require('./lib/process');
const { scenario, until } = require('./lib/stack');
const { metric } = require('./lib/server');

const reads = (server, kind) => metric(server, `presence_group_reads_total{kind="${kind}"}`);

// So many groups that nobody has asked for, in the form of a message 33.
function* floods(name) {
  for (let i = 0; ; i++) yield { groups: Array.from({ length: 256 }, (_, j) => `${name}-${i}-${j}`) };
}

// Asks nine times a second (ten are allowed), until it is stopped.
function flood(dashboard, name) {
  const wishes = floods(name);
  const timer = setInterval(() => dashboard.subscribe(wishes.next().value), 1000 / 9);
  dashboard.ws.once('close', () => clearInterval(timer));
  return () => clearInterval(timer);
}

scenario('an account that asks for ever new groups delays only itself', {}, async (s) => {
  const server = s.servers[0];
  await s.redis.sadd('g.team.u', 'alice', 'carol');
  for (const user of ['alice', 'bob', 'carol']) await s.phone(user);
  const watching = await s.dashboard({ user: 'boss', path: '/?groups=team' });
  const stops = [];
  for (let i = 0; i < 12; i++) stops.push(flood(await s.dashboard({ user: 'mallory' }), `x${i}`));
  await until(async () => await metric(server, 'presence_groups_deferred_total') > 5000, 'more is asked for than is read');

  // A group that nobody has named is read among the next few, though thousands wait.
  const before = await reads(server, 'first');
  const late = await s.dashboard({ user: 'late', path: '/?groups=team,other' });
  assert.deepEqual(late.online, ['alice', 'carol']);
  assert.ok(await metric(server, 'presence_groups_waiting') > 1000);
  assert.ok(await reads(server, 'first') - before < 600, 'not behind what waits');

  // Who joins and who is removed is noticed meanwhile.
  await s.redis.sadd('g.team.u', 'bob');
  await s.redis.srem('g.team.u', 'alice');
  await until(() => watching.online.join() === 'bob,carol', 'the set as it is now', 11000);
  for (const stop of stops) stop();
  assert.deepEqual(watching.faults, []);
});

scenario('what an account asked for beyond its allowance is read later, and all of it', {}, async (s) => {
  const server = s.servers[0];
  await s.phone('alice');
  const groups = Array.from({ length: 4 }, (_, i) => Array.from({ length: 256 }, (_, j) => `g${i}-${j}`));
  for (const names of groups) await s.redis.sadd(`g.${names[255]}.u`, 'alice');
  const all = await Promise.all(groups.map((names) => s.dashboard({ user: 'many', claims: { groups: names } })));
  for (const d of all) assert.deepEqual(d.online, ['alice']);
  assert.equal(await reads(server, 'first'), 1024);
  assert.equal(await metric(server, 'presence_groups_waiting'), 0);
  assert.ok(await metric(server, 'presence_groups_deferred_total') > 0);
});

async function doctor(s, env = {}) {
  const { stdout } = await run(path.join(BIN, 'presence-ctl'), ['doctor', '--json'], { env: { ...s.env, ...env } });
  return stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
}

const faults = (list) => list.filter((f) => f.verdict === 'fault').map((f) => f.check);

const TEAMS = { servers: 0, expiryds: 1, env: { PRESENCE_GROUP_KEY: 'team:{group}' } };

scenario('doctor: a user of Redis who may not read the groups, its own or a server\'s', TEAMS, async (s) => {
  await s.redis.acl('SETUSER', 'blind', 'on', '>pass', '~presence:*', '&*', '+@all');
  const blind = { REDIS_URL: `unix://blind:pass@${s.socket}` };
  const server = await s.startServer(blind);
  await s.ready(server);
  await until(async () => (await doctor(s)).every((f) => f.verdict === 'ok'), 'all is well while no group was read', 10000);

  const own = (await doctor(s, blind)).filter((f) => f.check === 'groups');
  assert.equal(own.length, 1);
  assert.match(own[0].text, /^not permitted to user blind: SMEMBERS, SMISMEMBER, SSCAN, SCARD of .* team:presence-doctor/);
  assert.match(own[0].mend, /%R~team:\* \+smembers /);

  await s.redis.sadd('team:red', 'user1');
  await s.phone('user1');
  const red = await s.dashboard({ claims: { groups: ['red'] } });
  assert.deepEqual(red.online, []);
  const ill = await doctor(s);
  assert.deepEqual(faults(ill), ['groups']);
  assert.match(ill.find((f) => f.check === 'groups' && f.verdict === 'fault').text, /does not let presence-ws at \S+ read the groups' sets/);
  assert.equal(await metric(server, 'presence_groups_denied'), 1);

  // Permitted, the set is read, and the fault is gone with the readings that were refused.
  await s.redis.acl('SETUSER', 'blind', '%R~team:*');
  await until(() => red.online.join() === 'user1', 'the set is read', 11000);
  await until(async () => await metric(server, 'presence_groups_denied') === 0, 'and the denial forgotten', 20000);
  assert.deepEqual(faults(await doctor(s)), []);
});
