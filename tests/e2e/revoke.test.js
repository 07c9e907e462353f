// SPDX-License-Identifier: MIT
// Revoked tokens (presence-ctl kick --revoke): by user, device and token id; at once, on every server, for as long as was said, and after
// Redis has lost it.
'use strict';
const assert = require('node:assert');
const { setTimeout: sleep } = require('node:timers/promises');
const { scenario, until } = require('./lib/stack');
const { ask, head } = require('./lib/raw');
const { metric } = require('./lib/server');

const NOW = () => Math.floor(Date.now() / 1000);
const OLD = { iat: NOW() - 100 };

async function kick(s, ...args) {
  const done = await s.ctl('kick', ...args);
  assert.equal(done.code, 0, done.stderr);
  return done.stdout;
}

const status = async (server, token, device = 'd1') => (await ask(server, head({ token, device_id: device }))).status;

async function refused(server, token, device) {
  await until(async () => await status(server, token, device) === 401, 'the token is refused');
  const answer = await ask(server, head({ token, device_id: device || 'd1' }));
  assert.deepEqual([answer.status, JSON.parse(answer.body)], [401, { success: false, error: 'Token revoked' }]);
}

// A token that is minted now is taken as soon as the second of the revocation is over.
const taken = (s, user, role, claims, device) => until(async () => await status(s.servers[0], s.token(user, role, { ...claims, iat: NOW() }), device) === 101,
  'a new token is taken');

scenario('a user: phones and dashboards are closed everywhere, old tokens refused, a new one is taken', { servers: 2, expiryds: 1 }, async (s) => {
  const old = s.token('eve', 'mobile', OLD), undated = s.token('eve', 'mobile', {}, { noTimestamp: true });
  const phones = [await s.phone('eve', { token: old, device: 'a' }), await s.phone('eve', { token: undated, device: 'b', server: 1 })];
  const viewer = await s.dashboard({ user: 'eve', claims: OLD, server: 1 });
  const other = await s.phone('adam', { claims: OLD });
  const watcher = await s.dashboard({ claims: OLD });
  assert.match(await kick(s, 'eve', '--revoke'), /^revoked for 30 d: every token issued before [-:. \d]+ of this user$/m);
  for (const client of [...phones, viewer])
    assert.deepEqual(await client.closed, { code: 4403, reason: 'Token revoked' });
  for (const server of s.servers) for (const token of [old, undated]) await refused(server, token);
  await taken(s, 'eve', 'mobile', {}, 'c');
  await until(async () => (await s.online()).join() === 'adam', 'eve is offline');
  assert.equal(other.close_code, undefined);
  assert.deepEqual(watcher.faults, []);
  assert.equal(await metric(s.servers[0], 'presence_closed_total{reason="revoked"}'), 1);
  assert.ok(await metric(s.servers[1], 'presence_refused_total{reason="revoked"}') >= 2);
  const third = await s.startServer();
  await s.ready(third);
  await refused(third, old);
});

scenario('a device, a token, the story, and what is no revocation', { api: true, env: { PRESENCE_API_AUTH: 'jwt' } }, async (s) => {
  const claims = { ...OLD, jti: 'paper-7' };
  const a = await s.phone('eve', { claims: OLD, device: 'a' }), b = await s.phone('eve', { claims: OLD, device: 'b' });
  const paper = await s.phone('adam', { claims, device: 'x' }), plain = await s.phone('adam2', { claims: OLD, device: 'x' });
  const desk = await s.dashboard({ user: 'boss', claims: OLD, device: 'desk' });
  await kick(s, 'eve', '--revoke', '--device', 'a');
  await kick(s, 'boss', '--revoke', '--device', 'desk');
  const said = JSON.parse(await kick(s, '--revoke', '--token-id', 'paper-7', '--revoke-for', '1h', '--json'));
  assert.equal(said.revoked, 't:paper-7');
  assert.ok(Math.abs(said.until - Date.now() - 3600e3) < 60e3);
  for (const client of [a, desk, paper]) assert.equal((await client.closed).code, 4403);
  await until(async () => /'s token was revoked \(presence-ctl kick --revoke\)/.test((await s.ctl('why', 'adam')).stdout), 'why says so');
  await refused(s.servers[0], s.token('eve', 'mobile', OLD), 'a');
  await refused(s.servers[0], s.token('adam', 'mobile', claims));
  assert.equal(await status(s.servers[0], s.token('eve', 'mobile', OLD), 'c'), 101);
  assert.equal(await status(s.servers[0], s.token('adam', 'mobile', { ...OLD, jti: 'paper-8' })), 101);
  for (const client of [b, plain]) assert.equal(client.close_code, undefined);

  const bulk = (token) => fetch(`${s.api.url}/api/presence/status`, { method: 'POST', body: '{"userIds":["eve"]}',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` } });
  assert.equal((await bulk(s.token('adam', 'web', claims))).status, 401);
  for (const iat of [NOW() + 3600, Date.now(), -5]) assert.equal((await bulk(s.token('adam', 'web', { ...claims, iat }))).status, 401, iat);
  await until(async () => (await bulk(s.token('adam', 'web', { ...claims, iat: NOW() }))).status === 200, 'a new token is taken');
  assert.equal((await bulk(s.token('eve', 'web', OLD))).status, 200);
  await kick(s, 'eve', '--revoke');
  const answer = await bulk(s.token('eve', 'web', OLD));
  assert.deepEqual([answer.status, answer.headers.get('www-authenticate')], [401, 'Bearer']);
  assert.deepEqual(await answer.json(), { success: false, error: 'Token revoked' });

  for (const args of [['--revoke'], ['--token-id', 'x'], ['--revoke', '--token-id', ''], ['eve', '--revoke', '--token-id', 'x'], [],
    ['--revoke', '--token-id', 'x'.repeat(129)], ['--revoke', '--token-id', 'x', '--device', 'd']])
    assert.equal((await s.ctl('kick', ...args)).code, 2, args.join(' '));
  for (const text of [{}, { name: 'u:adam2' }, { name: 'u:adam2', issued: NOW(), until: -1 }, { name: 'adam2', issued: NOW(), until: 9e12 },
    { name: 'u:adam2', issued: NOW(), until: Date.now() + 1e6, db: 5 }])
    await s.redis.publish('presence:control', JSON.stringify({ cmd: 'revoke', ...text }));
  assert.equal(await status(s.servers[0], s.token('adam2', 'mobile', OLD)), 101);
  assert.equal(plain.close_code, undefined);
});

scenario('it ends when it was said to, survives a wipe, and reaches who could not hear', { servers: 2, expiryds: 1, env: { PRESENCE_HOLDBACK: '300ms' } },
  async (s) => {
    const old = s.token('eve', 'mobile', OLD), brief = s.token('adam', 'mobile', OLD);
    await kick(s, 'adam', '--revoke', '--revoke-for', '3s');
    await refused(s.servers[0], brief);
    await until(async () => await status(s.servers[0], brief) === 101, 'adam comes in again');

    await kick(s, 'eve', '--revoke');
    for (const server of s.servers) await refused(server, old);
    await s.redis.flushall();
    await until(async () => await s.redis.hexists('presence:revoked', 'u:eve'), 'the servers say it again');
    const third = await s.startServer();
    await s.ready(third);
    await refused(third, old);

    const deaf = await s.phone('bob', { claims: OLD, device: 'd', server: 1 });
    s.servers[1].signal('SIGSTOP');
    await kick(s, 'bob', '--revoke');
    await s.redis.client('KILL', 'TYPE', 'pubsub');
    s.servers[1].signal('SIGCONT');
    assert.equal((await deaf.closed).code, 4403);
  });

const FAST_S = 4;

scenario('an issuer whose clock is ahead: its tokens are closed and refused, also when their time has come, and its new ones are taken',
  { servers: 2, api: true, env: { PRESENCE_API_AUTH: 'jwt' } }, async (s) => {
    const early = NOW() + FAST_S, fast = s.token('eve', 'mobile', { iat: early }), desk = s.token('eve', 'dashboard', { iat: early, groups: [] });
    const hidden = s.token('eve', 'mobile', { iat: early }); // minted before the revocation, and shown to nobody
    const phone = await s.phone('eve', { token: fast, device: 'a' });
    const viewer = await s.dashboard({ token: desk, server: 1 });
    await until(async () => Object.values(await s.redis.hgetall('presence:nodes')).some((n) => JSON.parse(n).ahead > 0), 'a server tells it');
    assert.match(await kick(s, 'eve', '--revoke'), /^an issuer's clock is \d s ahead of Redis's/m);
    for (const client of [phone, viewer]) assert.deepEqual(await client.closed, { code: 4403, reason: 'Token revoked' });
    for (const token of [fast, hidden]) await refused(s.servers[1], token);
    const until_s = Number((await s.redis.hget('presence:revoked', 'u:eve')).split('\t')[0]);
    assert.ok(until_s >= early && until_s <= NOW() + FAST_S);
    await until(async () => await status(s.servers[0], s.token('eve', 'mobile', { iat: NOW() + FAST_S })) === 101, 'its new token is taken');
    await until(() => NOW() > early, 'the time of the old ones has come');
    for (const token of [fast, hidden, desk]) await refused(s.servers[0], token);
    const answer = await fetch(`${s.api.url}/api/presence/count`, { headers: { Authorization: `Bearer ${desk}` } });
    assert.equal(answer.status, 401);
    await taken(s, 'eve', 'mobile', {});
  });

scenario('who logs in behind the kick comes in, with a token of that very moment; the old one stays out', {}, async (s) => {
  for (let i = 0; i < 5; i++) {
    const user = `eve${i}`, old = s.token(user, 'mobile', { iat: NOW() });
    const said = JSON.parse(await kick(s, user, '--revoke', '--json'));
    const iat = NOW(), fresh = s.token(user, 'mobile', { iat });
    assert.equal(await status(s.servers[0], fresh), 101);
    assert.ok(said.takenFrom <= iat && said.takenFrom === said.issuedUntil + 1, JSON.stringify(said));
    await refused(s.servers[0], old);
    assert.equal(await status(s.servers[0], fresh), 101);
    await sleep(170 * i); // in another part of the second
  }
});

scenario('a time of issue that nobody can believe counts as before', {}, async (s) => {
  const now = NOW();
  const odd = { millis: Date.now(), hours: now + 8 * 3600, minutes: now + 20 * 60, century: 253402300799, negative: -5, zero: 0, huge: 1e300 };
  const phones = [];
  for (const [name, iat] of Object.entries(odd)) {
    const token = s.token(name, 'mobile', { iat });
    phones.push([name, token, await s.phone(name, { token })]);
  }
  const bystander = await s.phone('adam', { claims: { iat: Date.now() } });
  for (const [name, token, phone] of phones) {
    await kick(s, name, '--revoke');
    assert.deepEqual(await phone.closed, { code: 4403, reason: 'Token revoked' }, name);
    await refused(s.servers[0], token);
    await taken(s, name, 'mobile', {});
  }
  assert.equal(bystander.close_code, undefined);
});
