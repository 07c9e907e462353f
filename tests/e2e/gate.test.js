// SPDX-License-Identifier: MIT
// Who may connect (PROTOCOL.md): refusals and every way in, read byte by byte, on the real presence-ws.
'use strict';
const assert = require('node:assert');
const path = require('node:path');
const test = require('node:test');
const WebSocket = require('ws');
const { scenario, SECRET, until } = require('./lib/stack');
const { BIN } = require('./lib/process');
const { Raw, ask, head, frame, TEXT, BINARY, PING } = require('./lib/raw');
const { metric, leavesNothing, start } = require('./lib/server');
const { DEBUG, refused, allRefused, enter, deviceOf } = require('./lib/gate');

scenario('a request that is none: 400 and 431', { env: DEBUG }, async (s) => {
  const token = s.token('user1', 'mobile');
  const key = (value) => head({ token, 'Sec-WebSocket-Key': value });
  const raw = (lines) => `${lines.join('\r\n')}\r\n\r\n`;
  const server = s.servers[0];
  await leavesNothing(server, () => allRefused(server, [
    ['TLS', Buffer.from('160301020001fc0303', 'hex'), 400, /Malformed HTTP request/],
    ['zeros', Buffer.alloc(100), 400, /Malformed/],
    ['a heartbeat', frame(BINARY, 'x'), 400, /Malformed/],
    ['Redis', '*1\r\n$4\r\nPING\r\n', 400, /Malformed/],
    ['SSH', 'SSH-2.0-OpenSSH_9.2\r\n\r\n', 400, /Malformed/],
    ['HTTP/0.9', 'GET /\r\n\r\n', 400, /Malformed/],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505, /HTTP\/1.1/],
    ['HTTP/11', raw(['GET / HTTP/11', 'Host: a']), 400, /Malformed/],
    ['a method without end', 'A'.repeat(64), 400, /Malformed/],
    ['a space in the target', raw(['GET / / HTTP/1.1', 'Host: a']), 400, /Malformed/],
    ['a fragment', raw(['GET /#a HTTP/1.1', 'Host: a']), 400, /Malformed/],
    ['UTF-8 in the target', raw(['GET /ä HTTP/1.1', 'Host: a']), 400, /Malformed/],
    ['a target without a slash', raw(['GET x HTTP/1.1', 'Host: a']), 400, /Malformed/],
    ['no Host', head({ Host: undefined, token }), 400, /Malformed/],
    ['two Hosts', head({ Host: ['a', 'b'], token }), 400, /Malformed/],
    ['no colon', raw(['GET / HTTP/1.1', 'Host: a', 'token']), 400, /Malformed/],
    ['no name', raw(['GET / HTTP/1.1', 'Host: a', ': b']), 400, /Malformed/],
    ['a space before the colon', raw(['GET / HTTP/1.1', 'Host: a', `token : ${token}`]), 400, /Malformed/],
    ['a folded line', raw(['GET / HTTP/1.1', 'Host: a', 'token: a', ` ${token}`]), 400, /Malformed/],
    ['a NUL in a value', raw(['GET / HTTP/1.1', 'Host: a', 'token: \0']), 400, /Malformed/],
    ['a lone CR', raw(['GET / HTTP/1.1', 'Host: a', 'token: a\rx: b']), 400, /Malformed/],
    ['POST', head({ token }, { method: 'POST' }), 400, /GET request/],
    ['no key', key(undefined), 400, /Sec-WebSocket-Key/],
    ['a key that is short', key('c2hvcnQ='), 400, /Sec-WebSocket-Key/],
    ['a key with spare bits', key('dGhlIHNhbXBsZSBub25jZR=='), 400, /Sec-WebSocket-Key/],
    ['two keys', key(['dGhlIHNhbXBsZSBub25jZQ==', 'dGhlIHNhbXBsZSBub25jZQ==']), 400, /Sec-WebSocket-Key/],
    ['a broken escape', head({ token }, { path: '/?groups=%zz' }), 400, /escape in 'groups'/],
    ['a broken token', head({}, { path: '/?token=%1' }), 400, /escape in 'token'/],
    ['a device of 129 bytes', head({ token, device_id: 'd'.repeat(129) }), 400, /device id/],
    ['a device that is no UTF-8', Buffer.from(head({ token, device_id: '\xff' }), 'latin1'), 400, /device id/],
    ['a device with a control character', head({ token }, { path: '/?device_id=a%0ab' }), 400, /device id/],
    ['a line without end', `GET /${'a'.repeat(17000)}`, 431, /too large/],
    ['a header without end', `GET / HTTP/1.1\r\nHost: a\r\nx: ${'a'.repeat(17000)}`, 431, /too large/],
    ['a head over 16 KiB', head({ token, x: 'a'.repeat(16384) }), 431, /too large/],
    ['70 headers', head({ token, x: Array(70).fill('a') }), 431, /too large/],
  ]));
  assert.equal(await metric(server, 'presence_refused_total{reason="too_large"}'), 8);
  assert.ok(await metric(server, 'presence_refused_total{reason="request"}') > 50);
});

scenario('404, 426, 403, and which of several reasons is named', { env: DEBUG }, async (s) => {
  const token = s.token('user1', 'mobile');
  const admin = s.token('user1', 'admin');
  const evil = 'https://evil.example';
  const json = { 'content-type': 'application/json' };
  const again = { upgrade: 'websocket', 'sec-websocket-version': '13', ...json };
  const bearer = { 'www-authenticate': 'Bearer', ...json };
  const withRole = (role) => head({ token: s.token('user1', undefined, { role }) });
  const post = 'POST /api/presence/status HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n' +
    'Content-Length: 14\r\n\r\n{"userIds":[]}';
  await allRefused(s.servers[0], [
    ['the API', post, 404, /presence-api/, json],
    ['the API, asked to upgrade', head({ token }, { path: '/api/presence/status' }), 404, /presence-api/],
    ['the API, asked nothing', head({ Upgrade: undefined }, { path: '/api/' }), 404, /presence-api/],
    ['the API without a token or a key', head({ 'Sec-WebSocket-Key': 'x' }, { path: '/api/x?token=a' }), 404, /presence-api/],
    ['a page', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', 426, /WebSocket endpoint/, again],
    ['HTTP/1.0', head({ token }, { version: 'HTTP/1.0' }), 426, /WebSocket endpoint/, again],
    ['h2c', head({ token, Upgrade: 'h2c' }), 426, /WebSocket endpoint/, again],
    ['no Connection', head({ token, Connection: 'keep-alive' }), 426, /WebSocket endpoint/, again],
    ['an old draft', head({ token, 'Sec-WebSocket-Version': '8' }), 426, /must be 13/, again],
    ['no version', head({ token, 'Sec-WebSocket-Version': undefined }), 426, /must be 13/, again],
    ['no upgrade goes before no token', head({ Upgrade: undefined }), 426, /WebSocket endpoint/, again],
    ['a token before an origin', head({ token: 'x', Origin: evil }), 401, /Malformed token/, bearer],
    ['role admin', head({ token: admin }), 403, /role/, json],
    ['roles of others', withRole(['admin', 'root']), 403, /role/],
    ['an empty role', withRole(''), 403, /role/],
    ['a number', withRole(1), 403, /role/],
    ['a role in capitals', withRole('MOBILE'), 403, /role/],
    ['a role before an origin', head({ token: admin, Origin: evil }), 403, /role/],
    ['an origin', head({ token, Origin: evil }), 403, /https:\/\/evil\.example.*example\.org/, json],
    ['an origin that only begins alike', head({ token, Origin: 'http://example.org.evil' }), 403, /example\.org\.evil/],
    ['an origin that hides behind a user', head({ token, Origin: 'http://example.org@evil' }), 403, /Origin/],
    ['a page of a file', head({ token, Origin: 'null' }), 403, /'null'/],
    ['an origin with quotes', head({ token, Origin: 'http://a"b\\c' }), 403, /a"b\\c/],
    ['an origin that is no UTF-8', Buffer.from(head({ token, Origin: 'http://\xff\xfe' }), 'latin1'), 403, /Origin/],
    ['a Host of another name', head({ token, Origin: 'http://example.org', Host: 'localhost:3000' }), 403,
      /example\.org.*localhost:3000/],
  ]);
  const role = await metric(s.servers[0], 'presence_refused_total{reason="role"}');
  assert.equal(role, 6);
});

scenario('origins that are let in: the own name, or those that the settings name', { env: DEBUG }, async (s) => {
  const list = await s.startServer({ PRESENCE_ALLOWED_ORIGINS: 'https://a.example, https://*.b.example' });
  const all = await s.startServer({ PRESENCE_ALLOWED_ORIGINS: '*' });
  const shells = await s.startServer({ PRESENCE_ALLOWED_ORIGINS: 'file://,null,app://x,ionic://localhost,http://[::1]:8080,https://c.example:443' });
  for (const server of [list, all, shells]) await s.ready(server);
  const shown = ['file://', 'null', 'app://x', 'ionic://localhost', 'http://[::1]:8080', 'https://c.example'].map((o) => [shells, o, 101]);
  const hidden = ['file://x', 'app://y', 'capacitor://localhost', 'http://[::2]:8080', 'http://[::1]', 'http://c.example'].map((o) => [shells, o, 403]);
  const rows = [...shown, ...hidden,
    [s.servers[0], 'file://', 403], [s.servers[0], undefined, 101], [s.servers[0], 'https://example.org', 101], [s.servers[0], 'http://EXAMPLE.org:8080', 101],
    [list, undefined, 101], [list, 'https://a.example', 101], [list, 'http://a.example', 403], [list, 'https://x.b.example', 101],
    [list, 'https://b.example', 403], [list, 'https://example.org', 403], [all, 'https://anybody.example', 101]];
  for (const [server, Origin, status] of rows) {
    const response = await ask(server, head({ token: s.token('user1', 'web'), Origin }));
    assert.equal(response.status, status, `${Origin}: ${response.body}`);
  }
});

test('an origin that can never match stops the start, and --check-config', async () => {
  const rows = [
    ['https://a.example/', /'https:\/\/a\.example\/' can never match.*write https:\/\/a\.example$/m],
    ['https://a.example,b.example', /'b\.example' can never match.*write https:\/\/b\.example$/m],
    ['file:///', /write file:\/\/$/m], ['https://a.example:99999', /1 to 65535/], ['https://*', /\* stands alone/], ['null,', /blank/],
  ];
  for (const program of ['presence-ws', 'presence-api'])
    for (const [list, says] of rows)
      for (const args of [[], ['--check-config']]) {
        const { code, stderr } = await start(program, args, { PRESENCE_ALLOWED_ORIGINS: list, SECRET_KEY: SECRET });
        assert.equal(code, 3, `${program} ${list}: ${stderr}`);
        assert.match(stderr, new RegExp(`^${program}: PRESENCE_ALLOWED_ORIGINS: `));
        assert.match(stderr, says);
      }
});

scenario('every way to bring token and device, and which goes first', { env: DEBUG }, async (s) => {
  const server = s.servers[0];
  const t = (user) => s.token(user, 'mobile');
  const bad = 'not.a.token';
  const list = (...names) => ({ 'Sec-WebSocket-Protocol': names.join(', ') });
  const rows = [
    ['token', 'device_id', (u) => [{ token: t(u), device_id: u }]],
    ['in capitals', '', (u) => [{ TOKEN: t(u), DEVICE_ID: u }]],
    ['VoicePingToken', 'DeviceId', (u) => [{ VoicePingToken: t(u), DeviceId: u }]],
    ['voicepingtoken', 'deviceid', (u) => [{ voicepingtoken: t(u), deviceid: u }]],
    ['Bearer', '', (u) => [{ Authorization: `Bearer ${t(u)}`, 'dEvIcE_iD': u }]],
    ['bearer', '', (u) => [{ AUTHORIZATION: `bearer   ${t(u)}`, device_id: u }]],
    ['subprotocols', '', (u) => [list(t(u), u)]],
    ['subprotocols behind ours', '', (u) => [list('presence.v1.msgpack', t(u), u)]],
    ['subprotocols around ours', '', (u) => [list(t(u), 'presence.v1.json', u)]],
    ['subprotocols in two lines', '', (u) => [{ 'Sec-WebSocket-Protocol': [t(u), u] }]],
    ['query', '', (u) => [{}, `/?token=${t(u)}&device_id=${u}`]],
    ['query of another path', '', (u) => [{}, `/ws/deep?x=1&device_id=${u}&token=${t(u)}&x`]],
    ['query with escapes', '', (u) => [{}, `/?token=${t(u).replaceAll('.', '%2E')}&device_id=${u.replace('-', '%2d')}`]],
    ['absolute form', '', (u) => [{}, `http://example.org/?token=${t(u)}&device_id=${u}`]],
    ['token before VoicePingToken', '', (u) => [{ token: t(u), VoicePingToken: bad, device_id: u, DeviceId: 'no' }]],
    ['VoicePingToken before Bearer', '', (u) => [{ VoicePingToken: t(u), Authorization: `Bearer ${bad}`, DeviceId: u }]],
    ['Bearer before subprotocols', '', (u) => [{ Authorization: `Bearer ${t(u)}`, ...list(bad, 'no'), device_id: u }]],
    ['subprotocols before query', '', (u) => [list(t(u), u), `/?token=${bad}&device_id=no`]],
    ['an empty header is none', '', (u) => [{ token: '', device_id: '', ...list(t(u), u) }]],
    ['token in a header, device in the list', '', (u) => [{ token: t(u), ...list('any', u) }]],
  ];
  for (const [i, [name, , request]] of rows.entries()) {
    const user = `user-${i}`;
    const [headers, at] = request(user);
    const phone = await enter(s, server, headers, { path: at });
    assert.equal(await deviceOf(s, user), user, name);
    phone.terminate();
  }
  const nameless = await enter(s, server, { token: t('nameless') });
  assert.match(await deviceOf(s, 'nameless'), /^auto-[0-9a-f]+$/);
  nameless.terminate();
});

scenario('which subprotocol is echoed; [jwt, deviceId] of 3 kB by ws', { env: DEBUG }, async (s) => {
  const server = s.servers[0];
  const token = s.token('user1', 'mobile');
  const rows = [
    [undefined, undefined], ['presence.v1.json', 'presence.v1.json'], ['presence.v1.msgpack', 'presence.v1.msgpack'],
    ['presence.v1.msgpack, presence.v1.json', 'presence.v1.msgpack'], ['a, b, presence.v1.json', 'presence.v1.json'],
    ['a', 'a'], ['a, b', 'b'], ['a, b, c', 'b'], ['a,,b,', 'b'], ['chat, PRESENCE.V1.JSON', 'PRESENCE.V1.JSON'], ['', undefined]];
  for (const [offered, echoed] of rows) {
    const response = await ask(server, head({ token, 'Sec-WebSocket-Protocol': offered }));
    assert.equal(response.status, 101, offered);
    assert.equal(response.headers['sec-websocket-accept'], 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
    assert.equal(response.headers['sec-websocket-protocol'], echoed, offered);
    assert.equal(response.headers['sec-websocket-extensions'], undefined);
  }
  const long = s.token('long', 'mobile', { padding: 'x'.repeat(2200) });
  assert.ok(long.length > 2900 && long.length < 3300, `${long.length}`);
  const lists = [[[long, 'device-1'], 'device-1'], [[long], long], [['presence.v1.json', long, 'device-2'], 'presence.v1.json']];
  for (const [protocols, echoed] of lists) {
    const ws = new WebSocket(`ws://127.0.0.1:${server.port}/`, protocols);
    await new Promise((resolve, reject) => { ws.once('open', resolve); ws.once('error', reject); });
    assert.equal(ws.protocol, echoed);
    await until(async () => (await s.online()).includes('long'), 'online');
    if (protocols.length > 1) assert.equal(await deviceOf(s, 'long'), protocols.at(-1));
    ws.close();
    await until(async () => !(await s.online()).includes('long'), 'offline');
  }
});

scenario('a request in pieces, and messages that come along with it', { env: DEBUG }, async (s) => {
  const server = s.servers[0];
  const beat = frame(TEXT, JSON.stringify([0, 30, 'user1', 0, {}]));
  const request = head({ token: s.token('user1', 'mobile'), 'Sec-WebSocket-Protocol': 'presence.v1.json' });
  const heard = () => metric(server, 'presence_heartbeat_received_total');
  const drip = new Raw(server);
  await drip.opened;
  for (const byte of request) {
    drip.write(byte);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal((await drip.response()).status, 101);
  drip.terminate();
  const early = new Raw(server);
  await early.opened;
  early.write(Buffer.concat([Buffer.from(`\r\n${request}`), ...Array(50).fill(beat)]));
  assert.equal((await early.response()).status, 101);
  await until(async () => await heard() === 50, 'the heartbeats behind the request');
  early.terminate();
  const bare = new Raw(server);
  await bare.opened;
  bare.write(request.replaceAll('\r\n', '\n'));
  assert.equal((await bare.response()).status, 101);
  bare.terminate();
});

const SHORT = { ...DEBUG, PRESENCE_HEAD_TIMEOUT: '300ms' };

scenario('those who say nothing, or little: the head has its time', { env: SHORT }, async (s) => {
  const server = s.servers[0];
  await leavesNothing(server, async () => {
    const idle = Array.from({ length: 200 }, () => new Raw(server));
    const slow = new Raw(server);
    await Promise.all([slow, ...idle].map((raw) => raw.opened));
    slow.write('GET / HTTP/1.1\r\nHost: a\r\n');
    assert.equal((await ask(server, head({ token: s.token('user1', 'mobile') }))).status, 101, 'others are served meanwhile');
    const dripping = setInterval(() => slow.write('x: y\r\n'), 50);
    const answer = await slow.response();
    clearInterval(dripping);
    assert.equal(answer.status, 408);
    assert.equal(answer.json.success, false);
    await Promise.all(idle.map((raw) => raw.gone()));
    assert.ok(idle.every((raw) => raw.bytes.length === 0), 'no answer to no question');
    slow.terminate();
  });
  assert.equal(await metric(server, 'presence_refused_total{reason="timeout"}'), 402);
});

scenario('no descriptors left: who is in stays, others get in when there are some again', { servers: 0, env: DEBUG }, async (s) => {
  const limited = s.start('/bin/sh', ['-c', 'ulimit -n 300; exec "$0"', path.join(BIN, 'presence-ws')],
    { PRESENCE_WS_LISTEN: '127.0.0.1:0' });
  limited.name = 'presence-ws';
  limited.port = Number((await limited.printed(/listening address=127\.0\.0\.1:(\d+)/))[1]);
  const phone = await enter(s, limited, { token: s.token('user1', 'mobile'), device_id: 'd' });
  assert.equal(await deviceOf(s, 'user1'), 'd');
  const idle = Array.from({ length: 400 }, () => new Raw(limited));
  s.clients.push(...idle);
  await limited.printed(/descriptors_exhausted/);
  phone.send(PING, 'there?');
  assert.equal(String((await phone.frame()).payload), 'there?');
  for (const raw of idle) raw.terminate();
  const late = await enter(s, limited, { token: s.token('user2', 'mobile'), device_id: 'd' });
  assert.equal(await deviceOf(s, 'user2'), 'd');
  late.terminate();
  assert.ok(await metric(limited, 'presence_descriptors_exhausted_total') > 0);
});

scenario('429 by user and by address, 503 when full; a place that is left is free', { servers: 0, env: DEBUG }, async (s) => {
  const perUser = await s.startServer({ PRESENCE_MAX_PER_USER: '2' });
  const perAddress = await s.startServer({ PRESENCE_MAX_PER_ADDRESS: '1' });
  const full = await s.startServer({ PRESENCE_MAX_CONNECTIONS: '2', PRESENCE_MAX_PER_USER: '1' });
  const [phone, viewer] = [s.token('user1', 'mobile'), s.token('user1', 'web')];
  const other = s.token('user2', 'mobile');
  const later = { 'retry-after': '30', 'content-type': 'application/json' };

  const talkative = await s.phone('user1', { server: perUser });
  talkative.send([0, 33, 'user1', 0, { users: ['user1'] }]);
  await until(() => talkative.messages.length > 0, 'a phone that watches is still one connection');
  const second = await enter(s, perUser, { token: viewer });
  refused('a third', await ask(perUser, head({ token: phone })), 429, /connections of this user/, later);
  refused('a third that watches', await ask(perUser, head({ token: viewer })), 429, /connections of this user/, later);
  assert.equal((await ask(perUser, head({ token: other }))).status, 101);
  second.terminate();
  await until(async () => (await ask(perUser, head({ token: viewer }))).status === 101, 'the place is free');
  assert.ok(await metric(perUser, 'presence_refused_total{reason="quota"}') >= 2);

  const first = await enter(s, perAddress, { token: phone });
  refused('the same address', await ask(perAddress, head({ token: other })), 429, /this address/, later);
  assert.equal((await ask({ port: perAddress.port, localAddress: '127.0.0.2' }, head({ token: other }))).status, 101);
  first.terminate();
  await until(async () => (await ask(perAddress, head({ token: other }))).status === 101, 'the address is free');

  await enter(s, full, { token: phone });
  await enter(s, full, { token: other });
  const third = await ask(full, head({ token: s.token('user3', 'mobile') }));
  refused('no place', third, 503, /Too many connections/, { 'retry-after': '5' });
  refused('the quota goes before', await ask(full, head({ token: phone })), 429, /connections of this user/, later);
});

scenario('503: viewers while presence is not known, everybody during a restart',
  { env: { ...DEBUG, PRESENCE_DRAIN_TIMEOUT: '3s' } }, async (s) => {
    await s.loseRedis();
    const fresh = await s.startServer();
    const soon = { 'retry-after': '1', 'content-type': 'application/json' };
    refused('a viewer', await ask(fresh, head({ token: s.token('boss', 'web') })), 503, /Redis/, soon);
    refused('a bad role goes before', await ask(fresh, head({ token: s.token('boss', 'x') })), 403, /role/);
    const ready = await ask(fresh, 'GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.equal(ready.status, 503);
    assert.match(ready.json.error, /Redis/);
    assert.deepEqual([Object.keys(ready.json), ready.json.store], [['success', 'error', 'store', 'storeSince'], 'lost']);
    const phone = await enter(s, fresh, { token: s.token('user1', 'mobile'), device_id: 'd' });
    await s.startRedis();
    assert.equal(await deviceOf(s, 'user1'), 'd');

    const late = new Raw(fresh);
    await late.opened;
    await until(async () => await metric(fresh, 'presence_pending_connections') === 1, 'it waits in the gate');
    fresh.signal('SIGTERM');
    assert.equal((await phone.closing()).code, 1012);
    late.write(head({ token: s.token('user2', 'mobile') }));
    const answer = await late.response();
    late.terminate();
    phone.terminate();
    assert.equal(answer && answer.status, 503);
    assert.deepEqual(answer.json, { success: false, error: 'draining' });
    assert.equal(answer.headers['retry-after'], '1');
    assert.deepEqual(await fresh.exited, { code: 0, signal: null });
  });

scenario('behind a trusted proxy the client is whom it names; those who say nothing are bounded by address', { servers: 0, env: DEBUG }, async (s) => {
  const behind = await s.startServer({ PRESENCE_MAX_PER_ADDRESS: '1', PRESENCE_TRUSTED_PROXIES: '127.0.0.1,10.0.0.0/8' });
  const token = (user) => s.token(user, 'mobile');
  const from = (user, chain) => head({ token: token(user), device_id: 'd', 'X-Forwarded-For': chain });
  const first = new Raw(behind);
  first.write(from('user1', '6.6.6.6, 8.8.8.8, 10.0.0.7'));
  assert.equal((await first.response()).status, 101);
  await until(() => /client_connected.*user1.*peer=8\.8\.8\.8/.test(behind.output), 'the log names the client');
  refused('the same client', await ask(behind, from('user2', '8.8.8.8')), 429, /this address/);
  refused('by whatever it says of itself', await ask(behind, from('user2', '1.2.3.4, 8.8.8.8')), 429, /this address/);
  assert.equal((await ask(behind, from('user3', '8.8.4.4'))).status, 101);
  const stranger = { port: behind.port, localAddress: '127.0.0.9' };
  assert.equal((await ask(stranger, from('user4', '8.8.8.8'))).status, 101, 'nobody else is believed');
  await until(() => /user4.*peer=127\.0\.0\.9/.test(behind.output), 'nor in the log');

  const silent = [new Raw(stranger), new Raw(stranger)];
  await until(() => silent.some((raw) => raw.ended || raw.bytes.length > 0), 'the second is dropped');
  const dropped = silent.find((raw) => raw.ended || raw.bytes.length > 0), other = silent.find((raw) => raw !== dropped);
  const said = await dropped.response();
  assert.equal(said.status, 429);
  assert.match(said.json.error, /have not sent their request/);
  assert.ok(!other.ended);
  const proxied = [1, 2, 3].map(() => new Raw(behind));
  await Promise.all(proxied.map((raw) => raw.opened));
  assert.equal((await ask(behind, from('user5', '8.8.5.5'))).status, 101, 'a proxy may have many');
  assert.ok(proxied.every((raw) => !raw.ended));
  for (const raw of [first, ...silent, ...proxied]) raw.terminate();
  const wrong = s.start(path.join(BIN, 'presence-ws'), [], { PRESENCE_TRUSTED_PROXIES: '127.0.0.1,localhost' });
  await wrong.exited;
  assert.match(wrong.output, /PRESENCE_TRUSTED_PROXIES: 'localhost' is no address/);
});
