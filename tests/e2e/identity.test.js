// SPDX-License-Identifier: MIT
// Tokens as identity providers make them: groups left out, claims by other names, audiences and issuers.
'use strict';
const assert = require('node:assert');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { scenario, SECRET, until } = require('./lib/stack');
const { BIN, run } = require('./lib/process');
const { ask, head } = require('./lib/raw');
const { forge, hmac, keyPair } = require('./lib/tokens');

const json = { 'Content-Type': 'application/json' };

const bulk = (s, token, users = ['user1']) => fetch(`${s.api.url}/api/presence/status`, { method: 'POST', body: JSON.stringify({ userIds: users }),
  headers: { ...json, Authorization: `Bearer ${token}` } });

// Whom the token's holder sees: on the WebSocket, in the API's list.
async function seen(s, claims) {
  const viewer = await s.dashboard({ user: 'boss', role: 'dashboard', claims });
  const api = await fetch(`${s.api.url}/api/presence/online`, { headers: { Authorization: `Bearer ${s.token('boss', 'dashboard', claims)}` } });
  assert.equal(api.status, 200);
  const listed = (await api.json()).users.map((user) => user.userId).sort();
  const shown = viewer.online;
  await viewer.close(1000);
  return [shown, listed];
}

scenario('groups that a provider left out are none, and the log says why', { api: true, env: { PRESENCE_API_AUTH: 'jwt' } }, async (s) => {
  await s.phone('user1', { claims: { groups: ['red'] } });
  await s.phone('user2', { claims: { groups: 'blue' } });
  await until(async () => (await s.online()).length === 2, 'both are online');
  assert.deepEqual(await seen(s, {}), [['user1', 'user2'], ['user1', 'user2']], 'without the claim: everybody');
  assert.deepEqual(await seen(s, { groups: 'blue' }), [['user2'], ['user2']], 'one group as a text');
  const overage = [
    { _claim_names: { groups: 'src1' }, _claim_sources: { src1: { endpoint: 'https://graph.example/me/getMemberObjects' } } },
    { hasgroups: true }, { 'groups:src1': 'https://graph.example' }, { groups: null }, { groups: 5 }, { groups: { red: true } }, { groups: true },
  ];
  for (const claims of overage) assert.deepEqual(await seen(s, claims), [[], []], JSON.stringify(claims));
  const lines = s.servers[0].output.match(/ warn presence-ws groups_unknown user=boss role=dashboard reason=/g);
  assert.equal(lines.length, overage.length, 'one line a connection');
  assert.match(s.servers[0].output, /groups_unknown .*hasgroups/);
  assert.match(s.api.output, / warn presence-api groups_unknown user=boss/);
  await s.phone('user3', { claims: { hasgroups: true } });
  await until(() => /info presence-ws groups_unknown user=user3 role=mobile/.test(s.servers[0].output), 'a phone, too');
});

scenario('JWT_REQUIRE_GROUPS refuses dashboards that name no groups, by both doors',
  { api: true, env: { PRESENCE_API_AUTH: 'jwt', JWT_REQUIRE_GROUPS: 'true' } }, async (s) => {
    const error = 'Token without groups (JWT_REQUIRE_GROUPS is set)';
    for (const role of ['web', 'dashboard'])
      for (const claims of [{}, { hasgroups: true }, { groups: null }]) {
        const token = s.token('boss', role, claims);
        const answer = await ask(s.servers[0], head({ token }));
        assert.deepEqual([answer.status, answer.json.error], [403, error]);
        const api = await bulk(s, token);
        assert.deepEqual([api.status, (await api.json()).error], [403, error]);
      }
    for (const [role, claims] of [['web', { groups: [] }], ['dashboard', { channelIds: 'red' }], ['mobile', {}]]) {
      const token = s.token('boss', role, claims);
      assert.equal((await ask(s.servers[0], head({ token }))).status, 101);
      assert.equal((await bulk(s, token, ['boss'])).status, 200);
    }
  });

scenario('claims by other names, audience and issuer; presence-ctl token mints what fits', {
  api: true,
  env: { PRESENCE_API_AUTH: 'jwt', JWT_USER_CLAIM: 'preferred_username,sub', JWT_ROLE_CLAIM: 'realm_access.roles', JWT_GROUPS_CLAIM: 'https://example.com/groups',
    JWT_AUDIENCE: 'presence, api://presence', JWT_ISSUER: 'https://id.example/' },
}, async (s) => {
  const good = { sub: 'user1', aud: ['account', 'presence'], iss: 'https://id.example/', realm_access: { roles: ['offline_access', 'mobile'] },
    'https://example.com/groups': ['red'] };
  const token = (claims) => s.token('ignored', undefined, { ...good, ...claims });
  await s.phone('user1', { token: token() });
  await until(async () => (await s.online()).join() === 'user1', 'the user is who sub says');
  const web = (groups) => token({ preferred_username: 'boss', realm_access: { roles: ['web'] }, 'https://example.com/groups': groups });
  for (const [groups, users] of [[['red'], ['user1']], ['red', ['user1']], [['blue'], []], [null, []]]) {
    const viewer = await s.dashboard({ user: 'boss', token: web(groups) });
    assert.deepEqual(viewer.online, users);
  }
  const refusals = [
    [{ aud: 'another' }, 401, /aud is not in JWT_AUDIENCE/], [{ aud: undefined }, 401, /audience/], [{ aud: ['a', 'b'] }, 401, /audience/],
    [{ iss: 'https://evil.example/' }, 401, /iss is not in JWT_ISSUER/], [{ iss: undefined }, 401, /issuer/],
    [{ sub: undefined }, 401, /user id/], [{ realm_access: { roles: ['admin'] } }, 403, /role/],
  ];
  for (const [claims, status, error] of refusals) {
    const bad = token(claims);
    const answer = await ask(s.servers[0], head({ token: bad }));
    assert.equal(answer.status, status, JSON.stringify(claims));
    assert.match(answer.json.error, error);
    const api = await bulk(s, bad);
    assert.equal(api.status, status);
    assert.match((await api.json()).error, error);
  }
  const minted = await s.ctl('token', 'user7', '--groups', 'red');
  assert.equal(minted.code, 0, minted.stderr);
  s.tokens.add(minted.stdout.trim());
  assert.equal((await ask(s.servers[0], head({ token: minted.stdout.trim() }))).status, 101);
});

const write = (s, name, text) => { fs.writeFileSync(path.join(s.dir, name), text); return path.join(s.dir, name); };

scenario('a secret is what is left without the blanks, line ends and marks around it', { servers: 0,
  env: { REDIS_PASSWORD: 'open sesame' } }, async (s) => {
  await s.redis.config('SET', 'requirepass', 'open sesame');
  const bytes = Buffer.from(SECRET), base64 = bytes.toString('base64'), file = (name, text) => ({ SECRET_KEY: '', SECRET_KEY_FILE: write(s, name, text) });
  const rows = [
    [{ SECRET_KEY: `${SECRET}\r` }, 'SECRET_KEY'], [{ SECRET_KEY: ` ${SECRET}\n` }, 'SECRET_KEY'], [{ SECRET_KEY: undefined, JWT_SECRET: `${SECRET} ` }, 'JWT_SECRET'],
    [file('crlf', `${SECRET}\r\n`), 'SECRET_KEY_FILE'], [file('mark', `\ufeff${SECRET}\n`), 'SECRET_KEY_FILE'], [file('lf', `${SECRET}\n`)],
    [{ SECRET_KEY: base64, SECRET_KEY_ENCODING: 'base64' }], [{ SECRET_KEY: bytes.toString('base64url'), SECRET_KEY_ENCODING: 'base64' }],
    [{ ...file('lines', `${base64.slice(0, 20)}\n${base64.slice(20)}\r\n`), SECRET_KEY_ENCODING: 'base64' }, 'SECRET_KEY_FILE'],
    [{ REDIS_PASSWORD: '', REDIS_PASSWORD_FILE: write(s, 'password', 'open sesame\r\n') }, 'REDIS_PASSWORD_FILE'],
  ];
  const token = s.token('user1', 'mobile'), checked = { ...s.env, REDIS_URL: 'unix:///nowhere' };
  for (const [env, warned] of rows) {
    const server = await s.startServer(env);
    await s.ready(server);
    assert.equal((await ask(server, head({ token }))).status, 101, JSON.stringify(env));
    const check = await run(path.join(BIN, 'presence-ws'), ['--check-config'], { env: { ...checked, ...env } });
    assert.equal(check.code, 0);
    for (const text of [server.output, check.stderr]) {
      assert.equal(/blanks or line ends around the value were taken off/.test(text), Boolean(warned), text);
      if (warned) assert.ok(text.includes(`${warned}: blanks`));
      for (const secret of [SECRET, base64, 'sesame']) assert.ok(!text.includes(secret));
    }
    await server.kill();
  }
  for (const [env, error] of [[{ SECRET_KEY: 'changeme\n' }, /well-known/], [{ SECRET_KEY: 'c2VjcmV0', SECRET_KEY_ENCODING: 'base64' }, /well-known/],
    [{ SECRET_KEY_ENCODING: 'base64' }, /SECRET_KEY is no base64, which SECRET_KEY_ENCODING=base64 asks for/], [{ SECRET_KEY: ' \n' }, /must be set/],
    [{ SECRET_KEY_ENCODING: 'hex' }, /text, base64/], [file('blank', '\r\n'), /empty/]]) {
    const check = await run(path.join(BIN, 'presence-ws'), [], { env: { ...checked, ...env } });
    assert.equal(check.code, 3, JSON.stringify(env));
    assert.match(check.stderr, error);
  }
  const minted = await run(path.join(BIN, 'presence-ctl'), ['token', 'user1'], { env: { ...checked, SECRET_KEY: base64, SECRET_KEY_ENCODING: 'base64' } });
  const server = await s.startServer();
  await s.ready(server);
  s.tokens.add(minted.stdout.trim());
  assert.equal((await ask(server, head({ token: minted.stdout.trim() }))).status, 101);
});

scenario('public keys without an audience or issuer are warned of', { servers: 0 }, async (s) => {
  const key = keyPair('ec'), env = { JWT_PUBLIC_KEY_FILE: write(s, 'key.pem', key.pem) };
  const hint = /warn presence-(ws|api) any_issuer hint=".*JWT_AUDIENCE and JWT_ISSUER/;
  const open = await s.startServer(env);
  assert.match(open.output, hint);
  assert.match((await s.startApi({ ...env, PRESENCE_API_AUTH: 'jwt' })).output, hint);
  for (const more of [{ JWT_AUDIENCE: 'presence' }, { JWT_ISSUER: 'https://id.example/' }, { JWT_PUBLIC_KEY_FILE: undefined }])
    assert.doesNotMatch((await s.startServer({ ...env, ...more })).output, /any_issuer/);
  assert.equal((await ask(open, head({ token: forge({ alg: 'ES256' }, { uid: 'user1', aud: 'another' }, key.sign) }))).status, 101);
  assert.equal((await ask(open, head({ token: forge({ alg: 'HS256' }, { uid: 'user1' }, hmac(SECRET)) }))).status, 101);
});

// A key with its certificate, which Node can't make.
async function certified(s, name, args) {
  const [keyFile, file] = [path.join(s.dir, `${name}.key`), path.join(s.dir, `${name}.crt`)];
  const made = await run('openssl', ['req', '-x509', '-nodes', '-subj', '/CN=issuer', '-days', '2', '-keyout', keyFile, '-out', file, ...args]);
  assert.equal(made.code, 0, made.stderr);
  return { privateKey: crypto.createPrivateKey(fs.readFileSync(keyFile)), certificate: fs.readFileSync(file, 'utf8') };
}

scenario('certificates: in PEM, by kid in JSON as Firebase has them, and in JWKs', { servers: 0, env: { SECRET_KEY: undefined, JWT_AUDIENCE: 'ours' } }, async (s) => {
  const rsa = await certified(s, 'rsa', ['-newkey', 'rsa:2048']);
  const ec = await certified(s, 'ec', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']);
  const token = (header, key) => {
    const made = forge(header, { uid: 'user1', aud: 'ours' }, (text) => crypto.sign('sha256', Buffer.from(text), { key: key.privateKey, dsaEncoding: 'ieee-p1363' }));
    s.tokens.add(made);
    return made;
  };
  const x5c = (key) => [key.certificate.replace(/-----.*-----|\n/g, '')];
  const files = [
    `${rsa.certificate}${ec.certificate}`, `\ufeff${rsa.certificate.replace(/\n/g, '\r\n')}${ec.certificate}`,
    JSON.stringify({ one: rsa.certificate, two: ec.certificate }),
    JSON.stringify({ keys: [{ kty: 'RSA', kid: 'one', use: 'sig', x5c: x5c(rsa) }, { kty: 'EC', kid: 'two', x5c: x5c(ec) }] }),
  ];
  for (const [i, text] of files.entries()) {
    const server = await s.startServer({ JWT_PUBLIC_KEY_FILE: write(s, `keys${i}`, text) });
    const rows = [[token({ alg: 'RS256', kid: 'one' }, rsa), 101], [token({ alg: 'ES256', kid: 'two' }, ec), 101], [token({ alg: 'RS256' }, rsa), 101],
      [token({ alg: 'RS256', kid: 'three' }, rsa), i < 2 ? 101 : 401], [token({ alg: 'ES256', kid: 'one' }, ec), i < 2 ? 101 : 401]];
    for (const [k, [bearer, status]] of rows.entries()) assert.equal((await ask(server, head({ token: bearer }))).status, status, `file ${i}, token ${k}`);
    assert.doesNotMatch(server.output, /outdated_certificate|any_issuer/);
  }
});
