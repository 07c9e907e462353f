// SPDX-License-Identifier: MIT
// Which tokens are taken (PROTOCOL.md), on the real presence-ws: each bad one differs in one thing from a good one.
'use strict';
const assert = require('node:assert');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { scenario, SECRET, until } = require('./lib/stack');
const { ask, head } = require('./lib/raw');
const { forge, hmac, keyPair } = require('./lib/tokens');
const { leavesNothing } = require('./lib/server');
const { codecs } = require('./lib/clients');
const { DEBUG, HS256, refused, enter, deviceOf } = require('./lib/gate');

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
    ['groups an empty text', withClaims({ groups: '' }), /groups/],
    ['a group that is null', withClaims({ groups: ['red', null] }), /groups/],
    ['too many groups', withClaims({ groups: Array.from({ length: 257 }, (_, i) => i) }), /more than 256 groups/],
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
    [hs({ uid: 'a1' }), 'a1'], [hs({ uid: 'a2' }, { alg: 'HS384' }, 'sha384'), 'a2'],
    [hs({ uid: 'a3' }, { alg: 'HS512' }, 'sha512'), 'a3'],
    [hs({ uid: 'a4', exp: now - 30 }), 'a4'], [hs({ uid: 'a5', nbf: now + 30 }), 'a5'],
    [hs({ uid: 'a6', exp: now + 1e9, iat: now }), 'a6'],
    [hs({ user_id: 'b1', sub: 'x' }), 'b1'], [hs({ userId: 'b2', id: 'x' }), 'b2'], [hs({ sub: 'b3', id: 'x' }), 'b3'],
    [hs({ id: 'b4' }), 'b4'],
    [hs({ uid: null, sub: 'b5' }), 'b5'], [hs({ uid: 7 }), '7'], [hs({ uid: '-9' }), '-9'],
    [hs('{"uid":9007199254740993}'), '9007199254740993'],
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
  const set = { keys: [{ ...rsa.jwk, kid: 'r' }, { ...ec.jwk, kid: 'e' }, { kty: 'oct', k: 'AA' }] };
  const jwks = file('keys.json', JSON.stringify(set));
  const byPem = await s.startServer({ SECRET_KEY: undefined, JWT_PUBLIC_KEY_FILE: pem });
  const byJwks = await s.startServer({ SECRET_KEY: undefined, JWT_PUBLIC_KEY_FILE: jwks });
  const both = await s.startServer({ JWT_PUBLIC_KEY_FILE: pem });
  const signed = (key, header = {}) => forge({ alg: key.alg, ...header }, { uid: 'user1' }, key.sign);
  const der = (text) => crypto.sign('sha256', Buffer.from(text), ec.privateKey);
  const rows = [
    [byPem, signed(rsa), 101], [byPem, signed(ec), 101], [byPem, signed(ed), 101],
    [byPem, signed(rsa, { kid: 'any', typ: 'at+jwt' }), 101],
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

scenario('keys rotate by kid, without a restart and without closing anybody', { servers: 0, env: DEBUG }, async (s) => {
  const [before, after] = [keyPair('ec'), keyPair('ec')];
  const file = path.join(s.dir, 'keys.json');
  const publish = (...keys) => fs.writeFileSync(file, JSON.stringify({ keys: keys.map(([kid, key]) => ({ ...key.jwk, kid })) }));
  const signed = (kid, key, uid) => forge({ alg: key.alg, kid }, { uid }, key.sign);
  const [old, fresh] = [signed('2025', before, 'user1'), signed('2026', after, 'user2')];
  for (const token of [old, fresh]) s.tokens.add(token);
  publish(['2025', before]);
  const server = await s.startServer({ SECRET_KEY: undefined, JWT_PUBLIC_KEY_FILE: file });
  const reload = async () => {
    const count = server.output.split('reloaded').length;
    server.signal('SIGHUP');
    await until(() => server.output.split('reloaded').length > count, 'the keys are read again');
  };
  const first = await enter(s, server, { token: old, device_id: 'd' });
  refused('a key to come', await ask(server, head({ token: fresh })), 401, /unknown key/);
  publish(['2025', before], ['2026', after]);
  await reload();
  for (const token of [old, fresh]) assert.equal((await ask(server, head({ token }))).status, 101);
  publish(['2026', after]);
  await reload();
  refused('a key that is gone', await ask(server, head({ token: old })), 401, /unknown key/);
  assert.equal((await ask(server, head({ token: fresh }))).status, 101);
  fs.writeFileSync(file, '{"keys":');
  server.signal('SIGHUP');
  await until(() => /reload_failed.*JWT_PUBLIC_KEY_FILE/.test(server.output), 'a broken file is told');
  assert.equal((await ask(server, head({ token: fresh }))).status, 101, 'and the keys of before stay');
  assert.ok(!first.ended, 'who is in stays in');
});
