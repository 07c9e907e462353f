// SPDX-License-Identifier: MIT
// The PROXY protocol in front of presence-ws and presence-api: by hand, byte by byte, and spoken by haproxy.
'use strict';
const assert = require('node:assert');
const path = require('node:path');
const { scenario, SECRET, until } = require('./lib/stack');
const { BIN, run } = require('./lib/process');
const { Raw, head } = require('./lib/raw');
const { metric, serve, start, leavesNothing } = require('./lib/server');
const { DEBUG, refused } = require('./lib/gate');
const { startHaproxy } = require('./lib/haproxy');
const { v1, v2, raw2, SIGNATURE, LOCAL, PROXY, UNSPEC, TCP4, UDP4, TCP6, UNIX } = require('./lib/proxy_header');

// The proxy is 127.0.0.2; what comes from 127.0.0.1 comes by itself.
const ON = { PRESENCE_PROXY_PROTOCOL: 'on', PRESENCE_TRUSTED_PROXIES: '127.0.0.2,unix' };
const from = (server) => ({ port: server.port, localAddress: '127.0.0.2' });
const refusals = (server, reason) => metric(server, `presence_refused_total{reason="${reason}"}`);

let users = 0;

// A connection that asks for an upgrade behind `header`, which comes in pieces of so many bytes.
async function come(s, server, header, { target = from(server), headers = {}, piece = header.length || 1 } = {}) {
  const user = `user${users++}`;
  const raw = new Raw(target);
  s.clients.push(raw);
  await raw.opened;
  for (let at = 0; at < header.length; at += piece) {
    raw.write(header.subarray(at, at + piece));
    await new Promise(setImmediate);
  }
  raw.write(head({ token: s.token(user, 'mobile'), device_id: 'd', ...headers }));
  const answer = await raw.response();
  if (answer && answer.status !== 101) {
    await raw.gone(`after ${answer.first} it`);
    answer.rest = raw.bytes;
  }
  return { raw, user, answer };
}

// As come(), and whom the log calls it.
async function named(s, server, header, options) {
  const { user, raw, answer } = await come(s, server, header, options);
  assert.equal(answer && answer.status, 101, `${JSON.stringify(String(header))} ${answer && answer.body}`);
  const [, peer] = await server.printed(new RegExp(`client_connected.*user=${user} .*peer=(\\S+)`));
  return { peer, user, raw };
}

const TLV = Buffer.concat([Buffer.from([0x04, 0x0f, 0x00]), Buffer.alloc(3840)]);

// [what, header, the client]
const NAMED = [
  ['version 1', v1('8.8.8.8'), '8.8.8.8'], ['version 1, IPv6', v1('2001:db8::1'), '2001:db8::1'],
  ['version 1, another form', v1('2001:DB8::0:1'), '2001:db8::1'],
  ['version 1, IPv4 as IPv6', v1('::ffff:8.8.8.8'), '8.8.8.8'],
  ['UNKNOWN', Buffer.from('PROXY UNKNOWN\r\n'), '127.0.0.2'],
  ['UNKNOWN with more', Buffer.from('PROXY UNKNOWN 8.8.8.8 8.8.4.4 1 2\r\n'), '127.0.0.2'],
  ['version 2', v2('8.8.8.8'), '8.8.8.8'], ['version 2, IPv6', v2('2001:db8::1'), '2001:db8::1'],
  ['version 2 with much behind the addresses', v2('8.8.8.8', TLV), '8.8.8.8'], ['LOCAL', raw2(LOCAL, UNSPEC), '127.0.0.2'],
  ['LOCAL with addresses', raw2(LOCAL, TCP4, Buffer.alloc(12, 8)), '127.0.0.2'], ['UNSPEC', raw2(PROXY, UNSPEC), '127.0.0.2'],
  ['UDP', raw2(PROXY, UDP4, Buffer.alloc(12, 8)), '127.0.0.2'], ['a unix socket', raw2(PROXY, UNIX, Buffer.alloc(216)), 'unix'],
];

scenario('a PROXY header names the client, whole or in pieces', { servers: 0, env: DEBUG }, async (s) => {
  const server = await s.startServer(ON);
  for (const [what, header, client] of NAMED)
    for (const piece of [header.length, 1 + (header.length >> 1), ...(header.length < 300 ? [1] : [])])
      assert.equal((await named(s, server, header, { piece })).peer, client, `${what}, by ${piece}`);
  const socket = path.join(s.dir, 'ws.sock');
  const unix = await serve(s, { ...ON, PRESENCE_WS_LISTEN: `unix:${socket}` });
  unix.name = 'presence-ws';
  assert.equal((await named(s, unix, v2('8.8.8.8'), { target: { path: socket } })).peer, '8.8.8.8', 'a proxy on a unix socket');
});

scenario('a connection that is not the proxy\'s has no header, and one that it sends is not believed', { servers: 0, env: DEBUG }, async (s) => {
  const server = await s.startServer(ON);
  const direct = { target: { port: server.port } };
  assert.equal((await named(s, server, Buffer.alloc(0), direct)).peer, '127.0.0.1');
  for (const header of [v1('8.8.8.8'), v2('8.8.8.8')])
    refused('a header', (await come(s, server, header, direct)).answer, 400, /Malformed/);
  const headers = { 'X-Forwarded-For': '9.9.9.9' };
  assert.equal((await named(s, server, v1('8.8.8.8'), { headers })).peer, '8.8.8.8', 'a client names nobody');
  assert.equal((await named(s, server, v1('127.0.0.2'), { headers })).peer, '9.9.9.9', 'a proxy behind the proxy does');
  assert.equal((await named(s, server, raw2(LOCAL, UNSPEC), { headers })).peer, '9.9.9.9', 'as does the proxy itself');
  const off = await s.startServer({ PRESENCE_TRUSTED_PROXIES: '127.0.0.2' });
  refused('switched off', (await come(s, off, v1('8.8.8.8'))).answer, 400, /Malformed/);
});

// Each closes the connection without an answer.
const MALFORMED = [
  Buffer.alloc(0), Buffer.from('GET / HTTP/1.1\r\n'), Buffer.from('PROXY TCP4 8.8.8.8\r\n'), Buffer.from('PROXY TCP5 8.8.8.8 8.8.8.8 1 2\r\n'),
  Buffer.from('PROXY TCP4 8.8.8.08 8.8.8.8 1 2\r\n'), Buffer.from('PROXY TCP4 ::1 ::1 1 2\r\n'), Buffer.from('proxy unknown\r\n'),
  Buffer.from(`PROXY UNKNOWN ${'x'.repeat(107)}\r\n`), Buffer.from('PROXY TCP4 8.8.8.8 8.8.8.8 1 65536\r\n'),
  SIGNATURE.subarray(1), raw2(0x11, TCP4, Buffer.alloc(12)), raw2(0x22, TCP4, Buffer.alloc(12)), raw2(PROXY, 0x41, Buffer.alloc(12)),
  raw2(PROXY, 0x13, Buffer.alloc(12)), raw2(PROXY, TCP4, Buffer.alloc(11)), raw2(PROXY, TCP6, Buffer.alloc(12)),
  raw2(PROXY, TCP4, Buffer.alloc(4081)), raw2(LOCAL, UNSPEC, Buffer.alloc(0), 65535),
];

scenario('a malformed header closes the connection, is counted, and is told at a bounded rate', { servers: 0, env: DEBUG }, async (s) => {
  const server = await s.startServer(ON);
  for (const header of MALFORMED) assert.equal((await come(s, server, header)).answer, null, JSON.stringify(String(header)));
  assert.equal(await refusals(server, 'proxy_protocol'), MALFORMED.length);
  const lines = server.output.match(/info presence-ws proxy_protocol_refused peer=127\.0\.0\.2 .*PRESENCE_PROXY_PROTOCOL=on/g);
  assert.ok(lines.length >= 1 && lines.length < MALFORMED.length, `${lines.length} lines`);
  await named(s, server, v1('8.8.8.8'));
});

scenario('a connection that says nothing and goes is none; one that stays is given up', { servers: 0, env: DEBUG }, async (s) => {
  const server = await s.startServer({ ...ON, PRESENCE_HEAD_TIMEOUT: '300ms' });
  const quiet = [];
  const leave = async (bytes) => {
    const raw = new Raw(from(server));
    await raw.opened;
    raw.write(bytes).end();
    await raw.gone();
    raw.terminate();
  };
  for (const bytes of ['', 'PROXY UNKNOWN\r\n', raw2(LOCAL, UNSPEC)]) await leave(bytes);
  assert.equal(await refusals(server, 'proxy_protocol'), 0);
  assert.doesNotMatch(server.output, /refused/);
  await leave('PROXY UNKN');
  assert.equal(await refusals(server, 'proxy_protocol'), 1, 'half a header is no health check');
  for (const bytes of ['', 'PROXY TCP4 8.8.8.8', SIGNATURE]) {
    const raw = new Raw(from(server));
    quiet.push(raw);
    await raw.opened;
    raw.write(bytes);
  }
  await until(async () => await metric(server, 'presence_pending_connections') >= 3 || quiet.some((raw) => raw.ended), 'they are awaited');
  for (const raw of quiet) await raw.gone('who says nothing');
  assert.equal(await refusals(server, 'timeout'), 3);
  assert.ok(quiet.every((raw) => raw.bytes.length === 0));
});

scenario('connections are bounded by the client, not by the proxy', { servers: 0, env: DEBUG }, async (s) => {
  const server = await s.startServer({ ...ON, PRESENCE_MAX_PER_ADDRESS: '1' });
  const first = await named(s, server, v1('8.8.8.8'));
  refused('the same client', (await come(s, server, v2('8.8.8.8'))).answer, 429, /this address/);
  refused('by another form', (await come(s, server, v1('::ffff:8.8.8.8'))).answer, 429, /this address/);
  await named(s, server, v1('8.8.4.4'));
  const silent = [];
  for (let i = 0; i < 3; i++) {
    const raw = new Raw(from(server));
    silent.push(raw);
    await raw.opened;
    raw.write(v1('9.9.9.9'));
  }
  await until(() => silent.filter((raw) => raw.ended || raw.bytes.length).length === 2, 'who sends no request is bounded, too');
  for (const raw of silent) raw.terminate();
  first.raw.terminate();
  await server.printed(new RegExp(`client_gone user=${first.user} .*peer=8\\.8\\.8\\.8`));
  await named(s, server, v2('8.8.8.8'));
});

scenario('nothing is left of connections with headers', { servers: 0, env: DEBUG }, async (s) => {
  const server = await s.startServer(ON);
  await s.ready(server);
  await leavesNothing(server, async () => {
    for (let i = 0; i < 100; i++) {
      const { raw } = await come(s, server, i % 2 ? v1('8.8.8.8') : MALFORMED[i % MALFORMED.length], { piece: 20 });
      raw.terminate();
      s.clients.length = 0;
    }
  });
});

const askApi = (api, header, request) => {
  const raw = new Raw(from(api));
  raw.write(Buffer.concat([header, Buffer.from(request)]));
  return raw;
};
const body = JSON.stringify({ userIds: ['user1'] });
const QUESTION = `POST /api/presence/status HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

scenario('presence-api behind a proxy that speaks it', { servers: 0, env: DEBUG }, async (s) => {
  const api = await s.startApi({ ...ON, PRESENCE_API_AUTH: 'none', PRESENCE_API_REQUEST_TIMEOUT: '2s' });
  await s.ready(api);
  for (const [what, header] of NAMED) {
    const raw = askApi(api, header, QUESTION);
    for (let i = 0; i < 2; i++) {
      const answer = await raw.response();
      assert.equal(answer && answer.status, 200, what);
      assert.equal(answer.json.users[0].status, 'offline');
      raw.write(QUESTION);
    }
    raw.terminate();
  }
  const dripping = new Raw(from(api));
  await dripping.opened;
  for (const byte of v2('8.8.8.8')) { dripping.write(Buffer.from([byte])); await new Promise(setImmediate); }
  dripping.write(QUESTION);
  assert.equal((await dripping.response()).status, 200);
  dripping.terminate();
  for (const header of MALFORMED) {
    const raw = askApi(api, header, QUESTION);
    assert.equal(await raw.response(), null, JSON.stringify(String(header)));
  }
  assert.equal(await refusals(api, 'proxy_protocol'), MALFORMED.length);
  const silent = new Raw(from(api));
  await silent.gone('who says nothing');
  assert.equal(await refusals(api, 'timeout'), 1);
  assert.equal((await fetch(`${api.url}/api/presence/status`, { method: 'POST', body, headers: { 'Content-Type': 'application/json' } })).status, 200,
    'without a header from elsewhere');
  const answer = askApi(api, v1('8.8.8.8'), 'GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  assert.equal((await answer.response()).status, 200);
  await answer.gone();
  assert.deepEqual(await api.stop(), { code: 0, signal: null });
});

for (const version of ['send-proxy', 'send-proxy-v2', 'send-proxy-v2 proxy-v2-options crc32c,unique-id'])
  scenario(`phones and dashboards behind haproxy, ${version}`, { servers: 0, expiryds: 1, env: { ...DEBUG, PRESENCE_MAX_PER_ADDRESS: '2' } }, async (s) => {
    for (let i = 0; i < 2; i++) await s.startServer(ON);
    const socket = path.join(s.dir, 'ws.sock');
    const third = await serve(s, { ...ON, PRESENCE_WS_LISTEN: `unix:${socket}` });
    const servers = [...s.servers.map((server) => `127.0.0.1:${server.port}`), `unix@${socket}`];
    const haproxy = await startHaproxy(s, servers.map((server) => [server, `${version} check-send-proxy`]), 'option httpchk GET /healthz');
    const phones = [];
    for (let i = 1; i <= 6; i++) phones.push(await s.phone(`user${i}`, { server: haproxy, localAddress: `127.0.1.${1 + i % 3}` }));
    const watcher = await s.dashboard({ server: haproxy, localAddress: '127.0.2.1' });
    await until(() => watcher.online.length === 6, 'all are online');
    for (const phone of phones) phone.close();
    await until(() => watcher.online.length === 0, 'all have gone');
    const peers = [...s.servers, third].flatMap((server) => [...server.output.matchAll(/client_connected user=user\d .*peer=(\S+)/g)].map((m) => m[1]));
    assert.deepEqual([...new Set(peers)].sort(), ['127.0.1.1', '127.0.1.2', '127.0.1.3']);
    assert.ok([...s.servers, third].every((server) => /client_connected/.test(server.output)), 'each of the three has had some');
    for (const server of s.servers) assert.equal(await refusals(server, 'proxy_protocol'), 0);
    assert.doesNotMatch(haproxy.output, /DOWN/);
  });

scenario('haproxy looks whether presence-api lives, and asks it', { servers: 0, env: DEBUG }, async (s) => {
  const api = await s.startApi({ ...ON, PRESENCE_API_AUTH: 'none' });
  await s.ready(api);
  const address = `127.0.0.1:${api.port}`;
  // Checks that only connect; that send their header and go; and whole requests.
  const haproxies = [await startHaproxy(s, [[address, 'send-proxy-v2']]), await startHaproxy(s, [[address, 'send-proxy check-send-proxy']]),
    await startHaproxy(s, [[address, 'send-proxy-v2 check-send-proxy']], 'option httpchk GET /readyz')];
  for (let i = 0; i < 20; i++)
    for (const haproxy of haproxies) assert.equal((await fetch(`http://127.0.0.1:${haproxy.port}/api/presence/users/user1`)).status, 200);
  await until(async () => await metric(api, 'presence_api_requests_total{route="ready",status="200"}') > 4, 'it is looked at');
  for (const reason of ['proxy_protocol', 'timeout', 'overload']) assert.equal(await refusals(api, reason), 0, reason);
  for (const haproxy of haproxies) assert.doesNotMatch(haproxy.output, /DOWN/);
});

scenario('doctor reaches a server whose proxies share its machine by an address that is not listed', { servers: 0, env: DEBUG }, async (s) => {
  const socket = path.join(s.dir, 'ws.sock');
  const server = await serve(s, { PRESENCE_PROXY_PROTOCOL: 'on', PRESENCE_TRUSTED_PROXIES: '127.0.0.1',
    PRESENCE_WS_LISTEN: `unix:${socket},127.0.0.1:0` });
  await server.printed(/ epoch /);
  const metrics = await s.ctl('metrics');
  assert.equal(metrics.code, 0, metrics.stderr);
});

// [settings, what the line says]
const BAD = [
  ['presence-ws', { PRESENCE_PROXY_PROTOCOL: 'on' }, /PRESENCE_PROXY_PROTOCOL: PRESENCE_TRUSTED_PROXIES must name/],
  ['presence-ws', { PRESENCE_PROXY_PROTOCOL: 'v2' }, /PRESENCE_PROXY_PROTOCOL=v2/],
  ['presence-api', { PRESENCE_PROXY_PROTOCOL: 'on', PRESENCE_API_AUTH: 'jwt' }, /PRESENCE_TRUSTED_PROXIES must name/],
  ['presence-api', { PRESENCE_TRUSTED_PROXIES: 'localhost' }, /PRESENCE_TRUSTED_PROXIES: 'localhost' is no address/],
  ['presence-api', { PRESENCE_PROXY_PROTOCOL: 'on', PRESENCE_TRUSTED_PROXIES: '127.0.0.1' }, /PRESENCE_API_AUTH: must be set .*PRESENCE_PROXY_PROTOCOL/],
];

scenario('settings that can not be meant stop the start', { servers: 0 }, async () => {
  for (const [program, settings, line] of BAD) {
    const ended = await start(program, ['--check-config'], { SECRET_KEY: SECRET, ...settings });
    assert.equal(ended.code, 3, program);
    assert.match(ended.stderr, line);
  }
  const good = await run(path.join(BIN, 'presence-api'), ['--check-config'], { env: { ...ON, PRESENCE_API_AUTH: 'none' } });
  assert.match(good.stdout, /^PRESENCE_PROXY_PROTOCOL=true$/m);
});
