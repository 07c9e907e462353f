// SPDX-License-Identifier: MIT
// How many connections a user and an address may hold, and how often they may make one: counted from the gate to the end of the socket.
'use strict';
const assert = require('node:assert');
const { scenario, until } = require('./lib/stack');
const { Raw, ask, head, frame, BINARY } = require('./lib/raw');
const { pack } = require('./lib/frames');
const { metric } = require('./lib/server');
const { DEBUG, refused, enter } = require('./lib/gate');

// Closes a connection that speaks JSON.
const WRONG = frame(BINARY, pack([0, 30, 'hog', 0, {}]));
const range = (n) => [...Array(n).keys()];
const connections = async (server) => await metric(server, 'presence_connections{role="mobile"}')
  + await metric(server, 'presence_connections{role="dashboard"}');
const nobodyLeft = (server) => until(async () => await connections(server) === 0, 'all are gone');

// All ask before the first is answered. Returns their answers; who came in stays in `s.clients`.
async function rush(s, target, heads) {
  const raws = heads.map(() => new Raw(target));
  await Promise.all(raws.map((raw) => raw.opened));
  raws.forEach((raw, i) => raw.write(heads[i]));
  s.clients.push(...raws);
  return Promise.all(raws.map((raw) => raw.response()));
}

const statuses = (answers) => ({ in: answers.filter((a) => a.status === 101).length, out: answers.filter((a) => a.status === 429).length });

scenario('60 at once from one address that may hold 3, phones and dashboards: 3 come in', { servers: 0, env: { ...DEBUG, PRESENCE_MAX_PER_ADDRESS: '3', PRESENCE_TRUSTED_PROXIES: '127.0.0.1' } }, async (s) => {
  const server = await s.startServer();
  await s.ready(server);
  const at = (role, i) => head({ token: s.token(`${role}${i}`, role), device_id: 'd', 'X-Forwarded-For': role === 'web' ? '192.0.2.1' : `2001:db8::${i + 1}` });
  for (const role of ['mobile', 'web']) {
    assert.deepEqual(statuses(await rush(s, server, range(60).map((i) => at(role, i)))), { in: 3, out: 57 }, role);
    for (const raw of s.clients) raw.terminate();
    await nobodyLeft(server);
  }
});

const SPELLINGS = ['2001:db8::1', '2001:DB8::1', '2001:db8:0:0:0:0:0:1', '[2001:db8::1]:443', '"[2001:db8::1]"', '2001:db8::2', '::ffff:10.0.0.1', '10.0.0.1', '::ffff:a00:1'];

scenario('one connection at a time, in any spelling of the address, always has its place', { servers: 0, env: { ...DEBUG, PRESENCE_MAX_PER_ADDRESS: '1', PRESENCE_TRUSTED_PROXIES: '127.0.0.1' } }, async (s) => {
  const server = await s.startServer();
  await s.ready(server);
  for (const role of ['mobile', 'web'])
    for (const spelling of SPELLINGS.slice(role === 'web' ? 5 : 0)) {
      const raw = await enter(s, server, { token: s.token('user1', role), 'X-Forwarded-For': spelling });
      raw.terminate();
      await nobodyLeft(server);
    }
  await enter(s, server, { token: s.token('user1', 'mobile'), 'X-Forwarded-For': '::ffff:10.0.0.9' });
  refused('as IPv4', await ask(server, head({ token: s.token('user2', 'mobile'), 'X-Forwarded-For': '10.0.0.9' })), 429, /this address/);
});

scenario('who breaks a rule and does not close holds its place: never more than a user may have', { env: { ...DEBUG, PRESENCE_MAX_PER_USER: '50' } }, async (s) => {
  const server = s.servers[0];
  let entered = 0;
  for (const i of range(300)) {
    const raw = new Raw(server);
    s.clients.push(raw);
    await raw.opened;
    raw.write(head({ token: s.token('hog', i % 2 ? 'mobile' : 'web'), 'Sec-WebSocket-Protocol': 'presence.v1.json' }));
    const answer = await raw.response();
    assert.ok(answer.status === 101 || answer.status === 429, answer.first);
    if (entered < 50 || i === 50) assert.equal(answer.status, i < 50 ? 101 : 429, `${i}`);
    if (answer.status === 101) raw.write(WRONG);
    entered += answer.status === 101;
    assert.ok(await connections(server) <= 50);
  }
  for (const raw of s.clients) raw.terminate();
  await nobodyLeft(server);
  assert.deepEqual(statuses(await rush(s, server, range(51).map(() => head({ token: s.token('hog', 'mobile') })))), { in: 50, out: 1 });
});

scenario('places in all: arrivals and closing connections have theirs', { env: { ...DEBUG, PRESENCE_MAX_CONNECTIONS: '20' } }, async (s) => {
  const server = s.servers[0];
  const heads = (name) => range(30).map((i) => head({ token: s.token(`${name}${i}`, 'mobile'), 'Sec-WebSocket-Protocol': 'presence.v1.json' }));
  const answers = await rush(s, server, heads('a'));
  assert.equal(answers.filter((a) => a.status === 101).length, 20);
  assert.equal(answers.filter((a) => a.status === 503).length, 10);
  for (const raw of s.clients) raw.write(WRONG); // they are closed, and do not close
  assert.ok((await rush(s, server, heads('b'))).every((a) => a.status === 503));
  for (const raw of s.clients) raw.terminate();
  await nobodyLeft(server);
});

scenario('who connects in a loop gets 429 with the time to wait; others, and fifty phones that come back, do not', { servers: 0, env: { ...DEBUG, PRESENCE_MAX_CONNECTS_PER_USER: '60', PRESENCE_MAX_PER_USER: '50' } }, async (s) => {
  const server = await s.startServer();
  await s.ready(server);
  const loop = head({ token: s.token('loop', 'mobile'), device_id: 'd' });
  const began = Date.now();
  let entered = 0, hasty;
  for (let i = 0; i < 300 && !hasty; i++) {
    const answer = await ask(server, loop);
    entered += answer.status === 101;
    if (answer.status === 429 && /connects too often/.test(answer.body)) hasty = answer;
  }
  refused('the loop', hasty, 429, /^This user connects too often$/, { 'retry-after': '1' });
  assert.ok(entered >= 60 && entered <= 61 + (Date.now() - began) / 1000, `${entered}`);
  assert.equal(await metric(server, 'presence_refused_total{reason="hasty"}'), 1);
  assert.equal((await ask(server, head({ token: s.token('other', 'mobile') }))).status, 101);
  await until(async () => (await ask(server, loop)).status === 101, 'a place in time');

  const team = range(50).map(() => head({ token: s.token('team', 'mobile') }));
  assert.equal(statuses(await rush(s, server, team)).in, 50);
  await server.stop();
  const next = await s.startServer();
  assert.equal(statuses(await rush(s, next, team)).in, 50, 'behind a restart');
});

scenario('an address that may hold so many may connect ten times as often in a minute', { servers: 0, env: { ...DEBUG, PRESENCE_MAX_PER_ADDRESS: '2' } }, async (s) => {
  const server = await s.startServer();
  await s.ready(server);
  let entered = 0, hasty;
  for (let i = 0; i < 300 && !hasty; i++) {
    const answer = await ask(server, head({ token: s.token(`user${i}`, 'mobile') }));
    entered += answer.status === 101;
    if (answer.status === 429) hasty = answer;
    await nobodyLeft(server);
  }
  assert.ok(entered >= 20, `${entered}`);
  refused('the address', hasty, 429, /^This address connects too often$/);
  assert.match(hasty.headers['retry-after'], /^[123]$/);
  assert.equal((await ask({ port: server.port, localAddress: '127.0.0.2' }, head({ token: s.token('other', 'mobile') }))).status, 101);
});
