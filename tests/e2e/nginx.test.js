// SPDX-License-Identifier: MIT
// The multi-server setup: presence-ws twice behind a real nginx with ip_hash and the example's configuration. Phones come from
// several loopback addresses, since ip_hash looks at the first three numbers.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const WebSocket = require('ws');
const { scenario, until } = require('./lib/stack');
const { startNginx } = require('./lib/nginx');

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// What stands in place of the upgrade.
function refusal(url, options) {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(url, { handshakeTimeout: 20000, ...options });
    ws.on('open', () => { ws.terminate(); reject(new Error('it was let in')); });
    ws.on('error', reject);
    ws.on('unexpected-response', (request, response) => {
      let body = '';
      response.on('data', (bytes) => { body += bytes; });
      response.on('end', () => resolve({ status: response.statusCode, body }));
    });
  });
}

// The node that holds the user's only session.
async function nodeOf(s, user) {
  const sessions = await until(async () => {
    const names = await s.redis.hkeys(`presence:sessions:${user}`);
    return names.length === 1 && names;
  }, `one session of ${user}`);
  return sessions[0].split('/')[0];
}

function arrive(s, nginx, count) {
  return Promise.all(Array.from({ length: count }, (_, i) =>
    s.phone(`user${i}`, { server: nginx, device: `device-${i}`, localAddress: `127.0.${i + 1}.1` })));
}

scenario('both servers get phones, each the same again, and every dashboard hears each change once', { servers: 2 }, async (s) => {
  const nginx = await startNginx(s);
  const dashboards = await Promise.all([
    s.dashboard({ server: nginx, localAddress: '127.0.20.1' }), s.dashboard({ server: nginx, localAddress: '127.0.27.1' }),
    s.dashboard({ server: 0 }), s.dashboard({ server: 1, codec: 'json' })]);
  const phones = await arrive(s, nginx, 16);
  await until(() => dashboards.every((d) => d.online.length === 16), 'all are seen');
  const nodes = await Promise.all(phones.map((phone) => nodeOf(s, phone.user)));
  assert.equal(new Set(nodes).size, 2, nodes.join());
  for (const phone of phones) phone.terminate();
  await until(() => dashboards.every((d) => d.online.length === 0), 'none is left');
  const again = await arrive(s, nginx, 16);
  await until(() => dashboards.every((d) => d.online.length === 16), 'all are back');
  assert.deepEqual(await Promise.all(again.map((phone) => nodeOf(s, phone.user))), nodes);
  for (const d of dashboards) {
    assert.deepEqual(d.faults, []);
    assert.equal(d.updates.length, 48);
    for (const update of d.updates) assert.equal(update.deviceId, `device-${update.userId.slice(4)}`);
  }
});

scenario('heartbeats pass, and both directions stay open', { servers: 2, env: { PRESENCE_HEARTBEAT_MIN: '0' } }, async (s) => {
  const nginx = await startNginx(s);
  const phone = await s.phone('user1', { server: nginx, device: 'device-abc' });
  const seen = () => s.redis.hget('presence:meta:user1', 'lastSeen');
  const before = await until(seen, 'a first sign of life');
  await sleep(5);
  phone.beat();
  await until(async () => await seen() > before, 'the heartbeat is written');
  assert.equal(await s.redis.hget('presence:meta:user1', 'deviceId'), 'device-abc');
});

scenario('a server is killed: its phones reach the other by the same address', { servers: 2 }, async (s) => {
  const nginx = await startNginx(s);
  const [killed, left] = s.servers.map((server) => /node=(\w+)/.exec(server.output)[1]);
  const dashboard = await s.dashboard({ server: 1 });
  const phones = await arrive(s, nginx, 16);
  await until(() => dashboard.online.length === 16, 'all are seen');
  const nodes = await Promise.all(phones.map((phone) => nodeOf(s, phone.user)));
  const lost = phones.filter((_, i) => nodes[i] === killed);
  assert.ok(lost.length > 0 && lost.length < 16, nodes.join());
  await s.servers[0].kill();
  await Promise.all(lost.map((phone) => phone.closed));
  await Promise.all(lost.map((phone) => {
    const i = Number(phone.user.slice(4));
    return s.phone(phone.user, { server: nginx, device: `device-${i}`, localAddress: `127.0.${i + 1}.1` });
  }));
  for (const phone of lost) await until(async () => await nodeOf(s, phone.user) === left, `${phone.user} is on the other server`);
  assert.equal(dashboard.updates.length, 16, 'nobody was shown offline');
  assert.deepEqual(dashboard.faults, []);
});

scenario('browsers: the origin is compared with the host they see', {}, async (s) => {
  const nginx = await startNginx(s);
  const url = `ws://127.0.0.1:${nginx.port}/`;
  const protocols = [s.token('admin', 'web'), 'web-1'];
  const own = await s.dashboard({ server: nginx, protocols, headers: { origin: `http://127.0.0.1:${nginx.port}` } });
  assert.equal(own.snapshots.length, 1);
  const foreign = await refusal(url, { headers: { token: s.token('admin', 'web'), origin: 'https://elsewhere.example' } });
  assert.equal(foreign.status, 403);
  const { success, error } = JSON.parse(foreign.body);
  assert.equal(success, false);
  assert.ok(error.includes('https://elsewhere.example'), error);
  assert.ok(error.includes(`127.0.0.1:${nginx.port}`), error);
  assert.equal((await refusal(url, { headers: { token: 'no.such.token' } })).status, 401);
});

scenario('a token of 6 kB passes, by header, subprotocol and query', {}, async (s) => {
  const nginx = await startNginx(s);
  const token = s.token('user1', 'mobile', { padding: 'x'.repeat(4400) });
  assert.ok(token.length > 6000 && token.length < 8192, `${token.length}`);
  const ways = [
    { headers: { token, device_id: 'by-header' } },
    { protocols: [token, 'by-protocol'], headers: {} },
    { headers: {}, path: `/?token=${token}&device_id=by-query` },
  ];
  for (const way of ways) {
    const phone = await s.phone('user1', { server: nginx, token, ...way });
    await until(async () => (await s.redis.hget('presence:meta:user1', 'deviceId') || '').startsWith('by-'), 'online');
    await phone.close();
    await until(async () => (await s.online()).length === 0, 'offline');
  }
  const long = s.token('user1', 'mobile', { padding: 'x'.repeat(7000) });
  assert.equal((await refusal(`ws://127.0.0.1:${nginx.port}/`, { headers: { token: long } })).status, 401);
  const log = await until(() => {
    const text = fs.readFileSync(`${nginx.dir}/access.log`, 'utf8');
    return text.split('\n').length > 3 && text;
  }, 'the requests are logged');
  assert.doesNotMatch(log, /by-query|token=/);
});

scenario('wss ends at nginx', {}, async (s) => {
  const nginx = await startNginx(s, { tls: true });
  const ws = new WebSocket(`wss://127.0.0.1:${nginx.tlsPort}/`, {
    ca: nginx.ca, headers: { token: s.token('user1', 'mobile'), device_id: 'tls-1', origin: `https://127.0.0.1:${nginx.tlsPort}` } });
  s.clients.push(ws);
  await new Promise((resolve, reject) => { ws.once('open', resolve); ws.once('error', reject); });
  await until(async () => await s.redis.hget('presence:meta:user1', 'deviceId') === 'tls-1', 'online');
});

scenario('one port for all: the API and the page by path, the socket by its upgrade', { servers: 2, api: true }, async (s) => {
  const nginx = await startNginx(s);
  const base = `http://127.0.0.1:${nginx.port}`;
  const phone = await s.phone('user1', { server: nginx, device: 'device-abc', localAddress: '127.0.9.1' });
  await until(async () => (await s.online()).length === 1, 'online');
  const response = await fetch(`${base}/api/presence/status`, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ userIds: ['user1', 'user2'] }) });
  assert.equal(response.status, 200);
  const { success, users } = await response.json();
  assert.equal(success, true);
  assert.deepEqual(users.map((user) => [user.userId, user.status, user.deviceId]),
    [['user1', 'online', 'device-abc'], ['user2', 'offline', null]]);
  const page = await fetch(`${base}/`);
  assert.equal(page.status, 200);
  assert.match(await page.text(), /<!doctype html>/i);
  assert.equal((await fetch(`${base}/readyz`)).status, 200);
  assert.match(await (await fetch(`${base}/metrics`)).text(), /presence_api_requests_total/);
  await phone.close();
});
