// Who may connect (contract section 2): every refusal and every way in, read byte by byte, on the real presence-ws.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const WebSocket = require('ws');
const { scenario, SECRET, until } = require('./lib/stack');
const { BIN } = require('./lib/process');
const { Raw, ask, upgrade, head, frame, TEXT, BINARY } = require('./lib/raw');
const { forge, hmac, keyPair } = require('./lib/tokens');
const { serve, start, metric, leavesNothing } = require('./lib/server');
const { codecs } = require('./lib/clients');

const DEBUG = { LOG_LEVEL: 'debug' };
const HS256 = { alg: 'HS256', typ: 'JWT' };
const JWT = /eyJ[\w-]+\.[\w-]+\.[\w-]+/;

// The form of every refusal.
function refused(name, response, status, error, headers = {}) {
  assert.ok(response, `${name}: no answer`);
  assert.equal(response.status, status, `${name}: ${response.body}`);
  assert.deepEqual(Object.keys(response.json || {}), ['success', 'error'], name);
  assert.equal(response.json.success, false, name);
  assert.match(response.json.error, error, name);
  assert.doesNotMatch(response.body, JWT, name);
  assert.equal(response.rest.length, 0, `${name}: bytes behind the body`);
  const expected = { connection: status === 426 ? 'close, Upgrade' : 'close', 'cache-control': 'no-store', ...headers };
  for (const [key, value] of Object.entries(expected)) assert.equal(response.headers[key], value, `${name}: ${key}`);
}

async function allRefused(target, rows) {
  for (const [name, bytes, status, error, headers] of rows) refused(name, await ask(target, bytes), status, error, headers);
}

// As upgrade(), and ended with the test.
async function enter(s, target, headers, options) {
  const raw = await upgrade(target, headers, options);
  s.clients.push(raw);
  return raw;
}

// The device that Redis holds for a user, once it holds one.
const deviceOf = (s, user) => until(() => s.redis.hget(`presence:meta:${user}`, 'deviceId'), `${user} is online`);

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
  const post = 'POST /api/presence/status HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{"userIds":[]}';
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
  const rows = [
    [s.servers[0], undefined, 101], [s.servers[0], 'https://example.org', 101], [s.servers[0], 'http://EXAMPLE.org:8080', 101],
    [list, undefined, 101], [list, 'https://a.example', 101], [list, 'http://a.example', 403], [list, 'https://x.b.example', 101],
    [list, 'https://b.example', 403], [list, 'https://example.org', 403], [all, 'https://anybody.example', 101]];
  for (const [server, Origin, status] of rows) {
    const response = await ask(server, head({ token: s.token('user1', 'web'), Origin }));
    assert.equal(response.status, status, `${Origin}: ${response.body}`);
  }
});

// [name, token, what the error says]; each differs in one thing from a good one.
function badTokens() {
  const now = Math.floor(Date.now() / 1000);
  const good = { uid: 'user1', role: 'mobile' };
  const stranger = keyPair('rsa');
  const hs = (claims, header = HS256) => forge(header, claims, hmac(SECRET));
  const withClaims = (claims) => hs({ ...good, ...claims });
  const [h, p, sig] = hs(good).split('.');
  return [
    ['none', undefined, /missing/i],
    ['no token at all', 'user1', /Malformed/],
    ['nothing but dots', '..', /Malformed/],
    ['two parts', `${h}.${p}`, /Malformed/],
    ['four parts', `${h}.${p}.${sig}.`, /Malformed/],
    ['no signature', `${h}.${p}.`, /Malformed/],
    ['no claims', `${h}..${sig}`, /Malformed/],
    ['padded', `${h}=.${p}.${sig}`, /Malformed/],
    ['a space within', `${h} .${p}.${sig}`, /Malformed/],
    ['other base64', `${h}.${p}.${sig.slice(0, -2)}+/`, /Malformed/],
    ['alg none', forge({ alg: 'none' }, good), /Malformed|algorithm/],
    ['alg none with a signature', forge({ alg: 'none' }, good, hmac(SECRET)), /algorithm/],
    ['alg NONE', forge({ alg: 'NONE' }, good, hmac(SECRET)), /algorithm/],
    ['alg nOnE with an empty signature', forge({ alg: 'nOnE', typ: 'JWT' }, good), /Malformed/],
    ['alg in small letters', hs(good, { alg: 'hs256' }), /algorithm/],
    ['alg a list', hs(good, { alg: ['HS256'] }), /algorithm/],
    ['no alg', hs(good, { typ: 'JWT' }), /algorithm/],
    ['HS256 called HS512', forge({ alg: 'HS512' }, good, hmac(SECRET)), /signature/],
    ['RS256 by a stranger', forge({ alg: 'RS256' }, good, stranger.sign), /algorithm/],
    ['RS256 that brings its key', forge({ alg: 'RS256', jwk: stranger.jwk }, good, stranger.sign), /algorithm/],
    ['RS256 with the secret', forge({ alg: 'RS256' }, good, hmac(SECRET)), /algorithm/],
    ['another secret', forge(HS256, good, hmac('another-secret-of-thirty-two-bytes!')), /signature/],
    ['an empty secret', forge(HS256, good, hmac('')), /signature/],
    ['a cut signature', `${h}.${p}.${sig.slice(0, -3)}`, /signature/],
    ['the signature of other claims', `${h}.${hs({ uid: 'user2' }).split('.')[1]}.${sig}`, /signature/],
    ['kid that is a path', hs(good, { ...HS256, kid: 5 }), /Malformed/],
    ['crit', hs(good, { ...HS256, crit: ['exp'] }), /Malformed/],
    ['crit without b64', hs(good, { ...HS256, crit: ['b64'], b64: false }), /Malformed/],
    ['a logout token', hs(good, { ...HS256, typ: 'logout+jwt' }), /Malformed/],
    ['a claim twice', hs('{"uid":"user1","uid":"user2"}'), /Malformed/],
    ['a claim twice, once in disguise', hs('{"uid":"user1","\\u0075id":"user2"}'), /Malformed/],
    ['a header twice', forge('{"alg":"none","alg":"HS256"}', good, hmac(SECRET)), /Malformed/],
    ['claims in a list', hs('[{"uid":"user1"}]'), /Malformed/],
    ['claims null', hs('null'), /Malformed/],
    ['claims of deep lists', hs(`{"uid":"user1","x":${'['.repeat(3000)}${']'.repeat(2999)}]}`), /Malformed/],
    ['claims that go on', hs('{"uid":"user1"}{}'), /Malformed/],
    ['claims with a NUL', hs('{"uid":1\0}'), /Malformed/],
    ['claims that are no UTF-8', hs(Buffer.from('{"uid":"user\xff"}', 'latin1')), /Malformed/],
    ['over 8 KiB', withClaims({ padding: 'x'.repeat(6200) }), /Malformed/],
    ['expired', withClaims({ exp: now - 90 }), /^Token expired$/],
    ['expired in 1970', withClaims({ exp: 0 }), /^Token expired$/],
    ['exp a text', withClaims({ exp: `${now + 900}` }), /Malformed/],
    ['exp null', withClaims({ exp: null }), /Malformed/],
    ['not yet', withClaims({ nbf: now + 90 }), /not valid yet/],
    ['nbf a text', withClaims({ nbf: 'x' }), /Malformed/],
    ['nobody', hs({ role: 'mobile' }), /user id/],
    ['an empty user', withClaims({ uid: '' }), /user id/],
    ['a user of 129 bytes', withClaims({ uid: 'u'.repeat(129) }), /user id/],
    ['a user with a line feed', withClaims({ uid: 'a\nb' }), /user id/],
    ['a user with a C1 control', withClaims({ uid: 'a\u0085b' }), /user id/],
    ['a user true', withClaims({ uid: true }), /user id/],
    ['a user 1.5', withClaims({ uid: 1.5 }), /user id/],
    ['a bad uid before a good sub', withClaims({ uid: [], sub: 'user1' }), /user id/],
    ['groups a text', withClaims({ groups: 'red' }), /groups/],
    ['groups null', withClaims({ groups: null }), /groups/],
    ['a group that is empty', withClaims({ channelIds: [''] }), /groups/],
  ];
}

scenario('401: each bad token, by each way to bring it', { env: DEBUG }, async (s) => {
  const server = s.servers[0];
  const answer = { 'www-authenticate': 'Bearer', 'content-type': 'application/json' };
  const ways = [
    (token) => head({ token }),
    (token) => head({ Authorization: `Bearer ${token}` }),
    (token) => head({}, { path: `/?token=${encodeURIComponent(token)}` }),
  ];
  const rows = badTokens();
  for (const [, token] of rows) if (token && token.length > 20) s.tokens.add(token);
  await leavesNothing(server, async () => {
    for (const [i, [name, token, error]] of rows.entries())
      refused(name, await ask(server, token === undefined ? head() : ways[i % 3](token)), 401, error, answer);
    refused('oversized', await ask(server, head({ token: 'x'.repeat(15000) })), 401, /Malformed/, answer);
    refused('a Basic login', await ask(server, head({ Authorization: 'Basic dXNlcjpwYXNz' })), 401, /missing/, answer);
    refused('an empty header', await ask(server, head({ token: '' })), 401, /missing/, answer);
  });
  const strict = await s.startServer({ JWT_REQUIRE_EXP: 'true' });
  const forever = s.token('user1', 'mobile');
  refused('without exp', await ask(strict, head({ token: forever })), 401, /without exp \(JWT_REQUIRE_EXP/, answer);
  const good = await ask(strict, head({ token: s.token('user1', 'mobile', {}, { expiresIn: 60 }) }));
  assert.equal(good.status, 101);
  assert.deepEqual(await s.redis.keys('presence:meta:user2'), []);
});

scenario('tokens that are taken, and who they say it is', { env: DEBUG }, async (s) => {
  const now = Math.floor(Date.now() / 1000);
  const hs = (claims, header = HS256, hash = 'sha256') => forge(header, claims, hmac(SECRET, hash));
  const full = (() => {
    for (let n = 5900; ; n++) {
      const token = hs({ uid: 'full', padding: 'x'.repeat(n) });
      if (token.length >= 8192) return token;
    }
  })();
  assert.equal(full.length, 8192);
  const rows = [
    [hs({ uid: 'a1' }), 'a1'], [hs({ uid: 'a2' }, { alg: 'HS384' }, 'sha384'), 'a2'], [hs({ uid: 'a3' }, { alg: 'HS512' }, 'sha512'), 'a3'],
    [hs({ uid: 'a4', exp: now - 30 }), 'a4'], [hs({ uid: 'a5', nbf: now + 30 }), 'a5'], [hs({ uid: 'a6', exp: now + 1e9, iat: now }), 'a6'],
    [hs({ user_id: 'b1', sub: 'x' }), 'b1'], [hs({ userId: 'b2', id: 'x' }), 'b2'], [hs({ sub: 'b3', id: 'x' }), 'b3'], [hs({ id: 'b4' }), 'b4'],
    [hs({ uid: null, sub: 'b5' }), 'b5'], [hs({ uid: 7 }), '7'], [hs({ uid: '-9' }), '-9'], [hs('{"uid":9007199254740993}'), '9007199254740993'],
    [hs({ uid: 'a:b:c' }), 'a:b:c'], [hs({ uid: 'Jörg 🦊' }), 'Jörg 🦊'], [hs({ uid: 'u'.repeat(128) }), 'u'.repeat(128)],
    [hs({ uid: 'c1', role: ['admin', 'mobile', 'web'] }), 'c1'], [hs({ uid: 'c2', role: null }), 'c2'], [full, 'full'],
  ];
  for (const [token, user] of rows) {
    s.tokens.add(token);
    const phone = await enter(s, s.servers[0], { token, device_id: 'd' });
    assert.equal(await deviceOf(s, user), 'd', user);
    phone.terminate();
  }
  const dashboard = await enter(s, s.servers[0], { token: hs({ uid: 'boss', role: ['admin', 'dashboard'] }) });
  assert.equal(codecs.notepack.decode(await dashboard.message())[3], 'boss');
  dashboard.terminate();
});

scenario('public keys: each serves its own algorithm, and no secret', { servers: 0, env: DEBUG }, async (s) => {
  const [rsa, ec, ed, stranger] = ['rsa', 'ec', 'ed25519', 'rsa'].map(keyPair);
  const file = (name, text) => { fs.writeFileSync(path.join(s.dir, name), text); return path.join(s.dir, name); };
  const pem = file('keys.pem', rsa.pem + ec.pem + ed.pem);
  const jwks = file('keys.json', JSON.stringify({ keys: [{ ...rsa.jwk, kid: 'r' }, { ...ec.jwk, kid: 'e' }, { kty: 'oct', k: 'AA' }] }));
  const byPem = await s.startServer({ SECRET_KEY: undefined, JWT_PUBLIC_KEY_FILE: pem });
  const byJwks = await s.startServer({ SECRET_KEY: undefined, JWT_PUBLIC_KEY_FILE: jwks });
  const both = await s.startServer({ JWT_PUBLIC_KEY_FILE: pem });
  const signed = (key, header = {}) => forge({ alg: key.alg, ...header }, { uid: 'user1' }, key.sign);
  const der = (text) => require('node:crypto').sign('sha256', Buffer.from(text), ec.privateKey);
  const rows = [
    [byPem, signed(rsa), 101], [byPem, signed(ec), 101], [byPem, signed(ed), 101], [byPem, signed(rsa, { kid: 'any', typ: 'at+jwt' }), 101],
    [byPem, signed(stranger), 401, /signature/], [byPem, signed(rsa, { alg: 'ES256' }), 401, /signature/],
    [byPem, signed(rsa, { alg: 'RS512' }), 401, /algorithm/], [byPem, signed(rsa, { alg: 'PS256' }), 401, /algorithm/],
    [byPem, forge(HS256, { uid: 'user1' }, hmac(rsa.pem)), 401, /algorithm/],
    [byPem, forge(HS256, { uid: 'user1' }, hmac(fs.readFileSync(pem))), 401, /algorithm/],
    [byPem, forge(HS256, { uid: 'user1' }, hmac(rsa.publicKey.export({ type: 'spki', format: 'der' }))), 401, /algorithm/],
    [byPem, forge(HS256, { uid: 'user1' }, hmac(SECRET)), 401, /algorithm/],
    [byPem, forge({ alg: 'ES256' }, { uid: 'user1' }, der), 401, /signature/],
    [byPem, forge({ alg: 'ES256' }, { uid: 'user1' }, () => Buffer.alloc(64)), 401, /signature/],
    [byPem, forge({ alg: 'EdDSA' }, { uid: 'user1' }, () => Buffer.alloc(64)), 401, /signature/],
    [byPem, forge({ alg: 'none' }, { uid: 'user1' }, () => 'x'), 401, /algorithm/],
    [byJwks, signed(rsa, { kid: 'r' }), 101], [byJwks, signed(ec, { kid: 'e' }), 101], [byJwks, signed(rsa), 101],
    [byJwks, signed(rsa, { kid: 'e' }), 401, /algorithm/], [byJwks, signed(rsa, { kid: 'x' }), 401, /unknown key/],
    [byJwks, signed(stranger, { kid: 'r' }), 401, /signature/], [byJwks, signed(ed), 401, /algorithm/],
    [both, signed(rsa), 101], [both, forge(HS256, { uid: 'user1' }, hmac(SECRET)), 101],
    [both, forge(HS256, { uid: 'user1' }, hmac(rsa.pem)), 401, /signature/],
  ];
  for (const [i, [server, token, status, error]] of rows.entries()) {
    s.tokens.add(token);
    const response = await ask(server, head({ token }));
    assert.equal(response.status, status, `row ${i}: ${response.body}`);
    if (error) assert.match(response.json.error, error, `row ${i}`);
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

scenario('those who say nothing, or little: the head has its time', { env: { ...DEBUG, PRESENCE_HEAD_TIMEOUT: '300ms' } }, async (s) => {
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

scenario('quotas: 429 by user and by address, 503 when full; a place that is left is free', { servers: 0, env: DEBUG }, async (s) => {
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
  refused('no place', await ask(full, head({ token: s.token('user3', 'mobile') })), 503, /Too many connections/, { 'retry-after': '5' });
  refused('the quota goes before', await ask(full, head({ token: phone })), 429, /connections of this user/, later);
});

scenario('503: viewers while presence is not known, everybody during a restart', { env: { ...DEBUG, PRESENCE_DRAIN_TIMEOUT: '3s' } },
  async (s) => {
    await s.loseRedis();
    const fresh = await s.startServer();
    const soon = { 'retry-after': '1', 'content-type': 'application/json' };
    refused('a viewer', await ask(fresh, head({ token: s.token('boss', 'web') })), 503, /Redis/, soon);
    refused('a bad role goes before', await ask(fresh, head({ token: s.token('boss', 'x') })), 403, /role/);
    const ready = await ask(fresh, 'GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n');
    refused('readyz', ready, 503, /Redis/);
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
    assert.match(answer.json.error, /restarting/);
    assert.equal(answer.headers['retry-after'], '1');
    assert.deepEqual(await fresh.exited, { code: 0, signal: null });
  });

scenario('health, readiness and metrics', { env: DEBUG }, async (s) => {
  const server = s.servers[0];
  const get = (at, method = 'GET') => ask(server, `${method} ${at} HTTP/1.1\r\nHost: a\r\n\r\n`);
  const ready = await until(async () => {
    const answer = await get('/readyz');
    return answer.status === 200 && answer;
  }, 'ready');
  assert.equal(ready.json.success, true);
  assert.equal(ready.json.online, 0);
  const alive = await get('/healthz?x=1');
  assert.deepEqual([alive.status, alive.json], [200, { success: true }]);
  const bare = await get('/healthz', 'HEAD');
  assert.deepEqual([bare.status, bare.headers['content-length'], bare.rest.length], [200, '16', 0]);
  refused('POST', await get('/metrics', 'POST'), 405, /Method/, { allow: 'GET, HEAD' });
  const metrics = await get('/metrics');
  assert.match(metrics.headers['content-type'], /^text\/plain; version=0\.0\.4/);
  assert.match(metrics.body, /presence_build_info\{version="[\d.]+",program="presence-ws"\} 1/);
  for (const line of metrics.body.trimEnd().split('\n'))
    assert.match(line, /^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-zA-Z_]+="[^"]*"(,[a-zA-Z_]+="[^"]*")*\})? [-+.\dInf]+)$/);
});

// [what, settings, flags, exit code, what the line says]
const BAD_STARTS = [
  ['no secret', {}, [], 3, /SECRET_KEY .*no default/],
  ...['secret', 'changeme', 'change-me', 'to-be-replaced', 'your-secret-key', 'your-secret-key-here', '8d$F2@wZ9!RkP#Xq7N']
    .map((secret) => [secret, { SECRET_KEY: secret }, [], 3, /SECRET_KEY .*well-known default/]),
  ['a default as JWT_SECRET', { JWT_SECRET: 'changeme' }, [], 3, /SECRET_KEY .*well-known default/],
  ['two places', { SECRET_KEY: SECRET, SECRET_KEY_FILE: '/dev/null' }, [], 3, /SECRET_KEY_FILE/],
  ['no such file', { SECRET_KEY_FILE: '/nowhere' }, [], 3, /SECRET_KEY_FILE.*\/nowhere/],
  ['no such key', { JWT_PUBLIC_KEY_FILE: '/nowhere' }, [], 3, /JWT_PUBLIC_KEY_FILE.*No such file/],
  ['a key file without a key', { JWT_PUBLIC_KEY_FILE: '/etc/hostname' }, [], 3, /JWT_PUBLIC_KEY_FILE/],
  ['no auth for all', { PRESENCE_AUTH: 'none', PRESENCE_WS_LISTEN: '0.0.0.0:0' }, [], 3, /PRESENCE_AUTH=none.*0\.0\.0\.0:0/],
  ['no auth on all of IPv6', { PRESENCE_AUTH: 'none', PRESENCE_WS_LISTEN: '[::]:0' }, [], 3, /PRESENCE_AUTH=none.*\[::\]:0/],
  ['no auth anywhere', { PRESENCE_AUTH: 'none' }, ['--listen', '127.0.0.1:0,*:0'], 3, /PRESENCE_AUTH=none/],
  ['no auth for systemd', { PRESENCE_AUTH: 'none' }, ['--listen=systemd'], 3, /PRESENCE_AUTH=none/],
  ['another auth', { PRESENCE_AUTH: 'maybe', SECRET_KEY: SECRET }, [], 3, /PRESENCE_AUTH.*maybe.*jwt.*none/],
  ['no duration', { PRESENCE_TTL: 'soon', SECRET_KEY: SECRET }, [], 3, /PRESENCE_TTL.*soon/],
  ['too short', { SECRET_KEY: SECRET }, ['--ttl', '1ms'], 3, /ttl.*1ms.*50ms/],
  ['no address', { PRESENCE_WS_LISTEN: 'nonsense', SECRET_KEY: SECRET }, [], 3, /PRESENCE_WS_LISTEN.*nonsense/],
  ['no port', { PRESENCE_WS_LISTEN: '127.0.0.1:65536', SECRET_KEY: SECRET }, [], 3, /PRESENCE_WS_LISTEN.*65535/],
  ['no Redis address', { REDIS_URL: 'http://x', SECRET_KEY: SECRET }, [], 3, /REDIS_URL/],
  ['no systemd', { PRESENCE_WS_LISTEN: 'systemd', SECRET_KEY: SECRET }, [], 3, /systemd.*LISTEN_FDS/],
  ['an unknown flag', { SECRET_KEY: SECRET }, ['--nonsense'], 2, /--nonsense/],
  ['a secret as a flag', {}, ['--secret-key', 'hidden-hidden-hidden-hidden-hidden'], 2, /--secret-key/],
  ['no value', { SECRET_KEY: SECRET }, ['--listen'], 2, /--listen/],
  ['an argument', { SECRET_KEY: SECRET }, ['start'], 2, /start/],
];

scenario('a wrong setting stops the start with a line that names it', { servers: 0 }, async () => {
  const ends = await Promise.all(BAD_STARTS.map(([, env, args]) =>
    start('presence-ws', args, { PRESENCE_WS_LISTEN: '127.0.0.1:0', ...env })));
  for (const [i, [name, env, args, code, line]] of BAD_STARTS.entries()) {
    const end = ends[i];
    assert.equal(end.code, code, `${name}: ${end.stderr}`);
    assert.equal(end.stdout, '', name);
    assert.match(end.stderr, /^presence-ws: [^\n]+\n$/, name);
    assert.match(end.stderr, line, name);
    for (const secret of [env.SECRET_KEY, env.JWT_SECRET, args[1]].filter((text) => text && text.length > 6 && text !== 'secret'))
      if (!line.source.includes(secret) && !/listen|ttl/.test(args[0])) assert.ok(!end.stderr.includes(secret), name);
  }
});

scenario('--check-config, --version, --help', { servers: 0 }, async (s) => {
  const ask = (...args) => start('presence-ws', args, { SECRET_KEY: SECRET, PRESENCE_TTL: '90', REDIS_URL: `unix://${s.socket}` });
  const [checked, version, help] = await Promise.all([ask('--check-config', '--ping-interval', '5m'), ask('--version'), ask('--help')]);
  assert.deepEqual([checked.code, version.code, help.code], [0, 0, 0], checked.stderr);
  assert.match(checked.stdout, /^PRESENCE_TTL=90s?$/m);
  assert.match(checked.stdout, /^PRESENCE_PING_INTERVAL=5m$/m);
  assert.match(checked.stdout, /SECRET_KEY=\*\*\*/);
  assert.ok(!checked.stdout.includes(SECRET));
  assert.match(version.stdout, /^presence-ws \d+\.\d+\.\d+\n$/);
  for (const name of checked.stdout.match(/^[A-Z_]+(?==)/mg)) assert.ok(help.stdout.includes(name), name);
  assert.equal(checked.stderr + version.stderr + help.stderr, '');
});

scenario('a short secret is warned about; PRESENCE_AUTH=none on loopback', { servers: 0, env: DEBUG }, async (s) => {
  const weak = await s.startServer({ SECRET_KEY: 'only-this-short' });
  assert.match(weak.output, /level=warn .*weak_secret|warn presence-ws weak_secret/);
  assert.ok(!weak.output.includes('only-this-short'));
  const open = await s.startServer({ SECRET_KEY: undefined, PRESENCE_AUTH: 'none' });
  const phone = await enter(s, open, { token: 'anybody%40home', device_id: 'd' });
  assert.equal(await deviceOf(s, 'anybody@home'), 'd');
  const viewer = await enter(s, open, {}, { path: '/?token=boss&role=dashboard' });
  assert.deepEqual(codecs.notepack.decode(await viewer.message())[5].users.map((u) => u.userId), ['anybody@home']);
  await allRefused(open, [
    ['no role', head({ token: 'a' }, { path: '/?role=root' }), 403, /role/],
    ['no user', head({ token: '%00' }), 401, /token is the user id/],
    ['nobody', head(), 401, /missing/]]);
  phone.terminate();
  viewer.terminate();
});

scenario('where it listens: a port in use, a shared port, a unix socket', { env: DEBUG }, async (s) => {
  const { port } = s.servers[0];
  const again = (listen, ...args) => start('presence-ws', args, { ...s.env, PRESENCE_WS_LISTEN: listen });
  const taken = await again(`127.0.0.1:${port}`);
  assert.deepEqual([taken.code, taken.stderr], [3, `presence-ws: port ${port} is in use (127.0.0.1:${port})\n`]);
  assert.equal((await again(`127.0.0.1:${port}`, '--reuseport')).code, 3, 'the first did not agree to share');

  const first = await serve(s, {}, { args: ['--reuseport'] });
  const second = await serve(s, { PRESENCE_WS_LISTEN: `127.0.0.1:${first.port}` }, { args: ['--reuseport'] });
  assert.equal((await again(`127.0.0.1:${first.port}`)).code, 3, 'who does not share does not get it');
  const nodes = new Set();
  await until(async () => {
    const phone = await enter(s, first, { token: s.token('user1', 'mobile'), 'Sec-WebSocket-Protocol': 'presence.v1.json' });
    nodes.add(JSON.parse(await phone.message())[5].node);
    phone.terminate();
    return nodes.size === 2;
  }, 'both get connections');
  assert.deepEqual([...nodes].sort(), [first, second].map((p) => /node=(\w+)/.exec(p.output)[1]).sort());

  const file = path.join(s.dir, 'ws.sock');
  const unix = await serve(s, { PRESENCE_WS_LISTEN: `unix:${file}` });
  assert.equal(fs.statSync(file).mode & 0o777, 0o660);
  const phone = await enter(s, { path: file }, { token: s.token('unix', 'mobile'), device_id: 'd' });
  assert.equal(await deviceOf(s, 'unix'), 'd');
  const used = await again(`unix:${file}`);
  assert.deepEqual([used.code, used.stderr], [3, `presence-ws: unix:${file} is in use by another process\n`]);
  await unix.kill();
  phone.terminate();
  const heir = await serve(s, { PRESENCE_WS_LISTEN: `unix:${file}` });
  assert.equal((await ask({ path: file }, 'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n')).status, 200);
  assert.deepEqual(await heir.stop(), { code: 0, signal: null });
  assert.equal(fs.existsSync(file), false, 'its socket file goes with it');
});

scenario('a socket handed over by systemd', { servers: 0, env: DEBUG }, async (s) => {
  const listener = net.createServer();
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address();
  const env = { PRESENCE_WS_LISTEN: 'systemd', LISTEN_FDS: '1' };
  const server = s.start('/bin/sh', ['-c', 'LISTEN_PID=$$ exec "$0"', path.join(BIN, 'presence-ws')], env, { fds: [listener._handle.fd] });
  server.name = 'presence-ws';
  listener.close();
  await server.printed(new RegExp(`listening address=127\\.0\\.0\\.1:${port} `));
  const phone = await enter(s, { port }, { token: s.token('user1', 'mobile'), device_id: 'd' });
  assert.equal(await deviceOf(s, 'user1'), 'd');
  phone.terminate();
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
  const stranger = await start('presence-ws', [], { ...s.env, ...env, LISTEN_PID: '1' });
  assert.equal(stranger.code, 3, 'the sockets of another process');
});

scenario('SIGHUP: new keys and another log level, and what is wrong changes nothing', { servers: 0 }, async (s) => {
  const [secret, config] = ['secret', 'config'].map((name) => path.join(s.dir, name));
  const signed = (key) => { const token = forge(HS256, { uid: 'user1' }, hmac(key)); s.tokens.add(token); return token; };
  const [before, after] = ['the-first-secret-of-32-bytes-or-more', 'the-second-secret-of-32-bytes-or-more'];
  const status = async (key) => (await ask(server, head({ token: signed(key) }))).status;
  fs.writeFileSync(secret, `${before}\n`);
  fs.writeFileSync(config, `SECRET_KEY_FILE=${secret}\nLOG_LEVEL=info\n`);
  const server = await serve(s, { SECRET_KEY: undefined }, { args: ['--config', config] });
  const kept = await enter(s, server, { token: signed(before) });
  assert.deepEqual([await status(before), await status(after)], [101, 401]);
  assert.doesNotMatch(server.output, /refused/);

  fs.writeFileSync(secret, after);
  fs.writeFileSync(config, `SECRET_KEY_FILE=${secret}\nLOG_LEVEL=debug\n`);
  server.signal('SIGHUP');
  await server.printed(/ reloaded/);
  assert.deepEqual([await status(before), await status(after)], [401, 101]);
  await server.printed(/debug presence-ws \w*refused/);

  for (const [bad, error] of [['changeme', /reload_failed.*SECRET_KEY.*well-known/], ['a\0b', /reload_failed.*SECRET_KEY_FILE/]]) {
    fs.writeFileSync(secret, bad);
    server.signal('SIGHUP');
    await server.printed(error);
    assert.equal(await status(after), 101, 'the old key stays');
  }
  fs.writeFileSync(config, 'LOG_LEVEL=loud\n');
  server.signal('SIGHUP');
  await server.printed(/reload_failed.*LOG_LEVEL/);
  assert.equal(await status(after), 101);
  assert.equal(kept.ended, false, 'connections stay');
  kept.terminate();
  for (const text of [before, after]) assert.ok(!server.output.includes(text));
});
