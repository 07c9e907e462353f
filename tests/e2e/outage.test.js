// SPDX-License-Identifier: MIT
// A server that loses its store says so to the clients that speak presence.v1.*, and when it has it back; never to others.
'use strict';
const assert = require('node:assert');
const path = require('node:path');
const { scenario, until } = require('./lib/stack');
const { BIN, ROOT } = require('./lib/process');
const { HELLO, SNAPSHOT } = require('./lib/clients');

const V1 = { protocols: ['presence.v1.msgpack'], codec: 'msgpack' };
const FAST = { PRESENCE_REDIS_TIMEOUT: '500ms', PRESENCE_HOLDBACK: '500ms', PRESENCE_HEARTBEAT_MIN: '0' };

const ready = async (server) => {
  const answer = await fetch(`${server.url}/readyz`);
  return { status: answer.status, ...await answer.json() };
};
const metric = async (server, name) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(await (await fetch(`${server.url}/metrics`)).text())[1]);
const stores = (client) => client.hellos.map((hello) => hello.store);

// One of each kind: [those who are told, those who are not].
async function everybody(s) {
  const told = [await s.dashboard({ ...V1, user: 'packed' }), await s.dashboard({ codec: 'json', user: 'json' }),
    await s.dashboard({ ...V1, user: 'grouped', path: '/?users=user1,user2' }), await s.phone('user1', { ...V1, beat: 100 })];
  const untold = [await s.dashboard({ user: 'old' }), await s.phone('user2', { beat: 100 })];
  return [told, untold];
}

scenario('Redis dies and comes back: those who speak v1 are told, each once, and are whole when they are told', { env: FAST, expiryds: 1 }, async (s) => {
  const [told, untold] = await everybody(s);
  assert.deepEqual(told.map(stores), told.map(() => ['up']));
  assert.deepEqual([(await ready(s.servers[0])).store, await metric(s.servers[0], 'presence_store_lost')], ['up', 0]);
  const before = Date.now();
  await s.loseRedis();
  for (const client of told) await until(() => client.store === 'lost', `${client.user} is told`);
  for (const client of told) {
    // Both are rounded to milliseconds.
    const { storeSince, serverTime } = client.hellos.at(-1);
    assert.ok(storeSince >= before && storeSince <= serverTime - 999 && serverTime <= Date.now(), `${before} ${storeSince} ${serverTime}`);
  }
  const lost = await ready(s.servers[0]);
  assert.deepEqual([lost.status, lost.success, lost.store, lost.storeSince], [503, false, 'lost', told[0].hellos.at(-1).storeSince]);
  assert.equal(await metric(s.servers[0], 'presence_store_lost'), 1);

  const late = await s.dashboard({ ...V1, user: 'late' });
  assert.deepEqual([late.messages.map((m) => m[1]), late.store], [[HELLO, SNAPSHOT], 'lost'], 'who comes now gets what was known, and is told');
  assert.deepEqual(late.online, ['user1', 'user2']);

  told[3].terminate(); // goes while nobody can be told: whoever is told "up" must know
  await s.startRedis();
  for (const client of [...told.slice(0, 3), late]) {
    await until(() => client.store === 'up', `${client.user} is told that it is back`);
    const at = client.messages.findLastIndex((m) => m[1] === HELLO);
    assert.ok(client.messages.slice(0, at).some((m) => m[1] === 31 && m[5].userId === 'user1' && m[5].status === 'offline'),
      `${client.user} knew it when it was told "up"`);
    assert.deepEqual(client.online, ['user2']);
  }
  assert.deepEqual(told.slice(0, 3).map(stores), [1, 2, 3].map(() => ['up', 'lost', 'up']));
  for (const client of untold) assert.ok(!client.messages.some((m) => m[1] === HELLO), `${client.user} is not told`);
  assert.equal((await ready(s.servers[0])).store, 'up');
});

scenario('the subscription alone, a Redis that stands still, a memory lost: lost each time, and a glitch is not said', { env: FAST, expiryds: 1 }, async (s) => {
  const viewer = await s.dashboard(V1);
  const phone = await s.phone('user1', { ...V1, beat: 100 });
  await until(() => viewer.online.length === 1, 'user1 is seen');
  const quiet = async (what, harm) => {
    const from = Date.now(), before = viewer.hellos.length;
    await harm();
    await until(async () => (await ready(s.servers[0])).status === 200, `ready after ${what}`);
    if (Date.now() - from < 1000) assert.equal(viewer.hellos.length, before, `${what}: shorter than a second`);
  };
  await quiet('its subscription was killed', () => s.redis.client('KILL', 'TYPE', 'pubsub'));
  await quiet('all its connections were killed', () => s.redis.client('KILL', 'TYPE', 'normal'));

  s.redisProcess.signal('SIGSTOP');
  await until(() => viewer.store === 'lost' && phone.store === 'lost', 'lost: it stands still');
  s.redisProcess.signal('SIGCONT');
  await until(() => viewer.store === 'up' && phone.store === 'up', 'back: it goes on');

  // Nobody may subscribe: commands go on, but nothing is heard.
  await s.redis.acl('SETUSER', 'default', '-subscribe');
  await s.redis.client('KILL', 'TYPE', 'pubsub');
  await until(() => viewer.store === 'lost', 'lost: it hears nothing');
  assert.match((await ready(s.servers[0])).error, /not subscribed/);
  const other = await s.phone('user2', { beat: 100 });
  await until(async () => (await s.online()).includes('user2'), 'user2 is online in the store');
  assert.deepEqual(viewer.online, ['user1'], 'and the viewer can not know');
  await s.redis.acl('SETUSER', 'default', '+subscribe');
  await until(() => viewer.store === 'up', 'back: it hears');
  assert.deepEqual(viewer.online, ['user1', 'user2'], 'what was missed came before the word');
  other.terminate();

  // A server that has sessions but does not assert keeps the others waiting: nothing is settled.
  const deaf = await s.startServer();
  await s.ready(deaf);
  await s.phone('user3', { server: deaf });
  await until(() => viewer.online.includes('user3'), 'user3 is seen');
  deaf.signal('SIGSTOP');
  await s.redis.flushall();
  await until(() => viewer.store === 'lost', 'lost: not settled');
  deaf.signal('SIGCONT');
  await until(() => viewer.store === 'up', 'settled');
  assert.deepEqual(viewer.faults, []);
});

scenario('many phones are told in turns; who has switched presence off says so', {}, async (s) => {
  const phones = await Promise.all([...Array(600).keys()].map((i) => s.phone(`user${i}`, { protocols: ['presence.v1.json'], codec: 'json' })));
  const viewer = await s.dashboard(V1);
  await until(() => viewer.online.length === 600, 'all online');
  s.redisProcess.signal('SIGSTOP');
  await until(() => phones.every((phone) => phone.store === 'lost'), 'each is told');
  for (const phone of phones.splice(0, 100)) phone.terminate(); // some go between two turns
  s.redisProcess.signal('SIGCONT');
  await until(() => phones.every((phone) => phone.store === 'up') && viewer.store === 'up', 'each is told');
  assert.ok(phones.every((phone) => phone.hellos.length === 3));

  const off = await s.startServer({ PRESENCE_ENABLED: 'false' });
  const idle = await s.dashboard({ ...V1, server: off, wait: false });
  await until(() => idle.store === 'off', 'off');
  assert.equal((await ready(off)).store, 'off');
});

scenario('a server that has never reached Redis; the simulator and the examples say what they are told', { servers: 0 }, async (s) => {
  await s.loseRedis();
  const server = await s.startServer(FAST);
  const phone = await s.phone('user1', V1);
  await until(() => phone.store === 'lost', 'lost from the beginning');
  const sim = (...args) => s.start(path.join(BIN, 'presence-sim'), [...args, '--server', `ws://127.0.0.1:${server.port}`]);
  await s.startRedis();
  await until(() => phone.store === 'up', 'up');
  const web = sim('web'), json = sim('web', '--json');
  const example = (name, env) => s.start(process.execPath, [path.join(ROOT, 'examples', name)],
    { NODE_PATH: path.join(ROOT, 'tests', 'node_modules'), SERVER: `ws://127.0.0.1:${server.port}`, ...env });
  const dashboard = example('web-dashboard-presence.js'), mobile = example('mobile-client-presence.js', { USER_ID: 'user7' });
  await Promise.all([web.printed(/snapshot/), json.printed(/snapshot/), dashboard.printed(/user7/), mobile.printed(/connected/)]);
  await s.loseRedis();
  await Promise.all([web.printed(/dashboard1 store lost/), json.printed(/"type":"hello".*"store":"lost","storeSince":\d{13}/),
    dashboard.printed(/has lost its store since \d\d:\d\d:\d\d; the list is from before/), mobile.printed(/has lost its store/)]);
  await s.startRedis();
  await Promise.all([web.printed(/dashboard1 store back/), json.printed(/"store":"lost"[^]*"store":"up"/),
    dashboard.printed(/store back; the list is current/), mobile.printed(/has its store back/)]);
});
