// SPDX-License-Identifier: MIT
// JWT_JWKS_URL: keys from a real https server, fetched, fetched again, and kept when it fails.
'use strict';
const assert = require('node:assert');
const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const path = require('node:path');
const { scenario, SECRET, until } = require('./lib/stack');
const { BIN, run } = require('./lib/process');
const { ask, head } = require('./lib/raw');
const { forge, hmac, keyPair } = require('./lib/tokens');
const { metric } = require('./lib/server');

// An identity provider: what it answers is `answer(request, response)`; counts how often it was asked.
class Provider {
  static async start(s, secure = true) {
    const p = new Provider();
    if (secure) await p.certify(s);
    p.keys = [];
    p.asked = 0;
    p.headers = {};
    p.answer = (request, response) => response.writeHead(200, { 'Content-Type': 'application/json', ...p.headers }).end(JSON.stringify({ keys: p.keys }));
    const listener = (request, response) => { p.asked++; p.answer(request, response); };
    p.server = secure ? https.createServer({ key: fs.readFileSync(p.key), cert: fs.readFileSync(p.ca) }, listener) : http.createServer(listener);
    await p.listen(0);
    s.besides.push({ disconnect: () => { p.server.closeAllConnections(); p.server.close(); } });
    p.url = `${secure ? 'https' : 'http'}://127.0.0.1:${p.port}/keys`;
    return p;
  }

  async certify(s) {
    [this.key, this.ca] = ['tls.key', 'tls.crt'].map((name) => path.join(s.dir, name));
    const made = await run('openssl', ['req', '-x509', '-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-subj', '/CN=provider', '-days', '2',
      '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', this.key, '-out', this.ca]);
    assert.equal(made.code, 0, made.stderr);
  }

  async listen(port) {
    await new Promise((resolve) => this.server.listen(port, '127.0.0.1', resolve));
    this.port = this.server.address().port;
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  publish(...named) { this.keys = named.map(([kid, key]) => ({ ...key.jwk, kid })); }

  get env() { return { JWT_JWKS_URL: this.url, ...(this.ca && { JWT_JWKS_CA_FILE: this.ca }), JWT_ISSUER: 'https://id.example/' }; }
}

function signer(s) {
  return (key, kid, more = {}) => {
    const token = forge({ alg: key.alg, ...(kid && { kid }) }, { uid: 'user1', iss: 'https://id.example/', ...more }, key.sign);
    s.tokens.add(token);
    return token;
  };
}

const status = async (server, token) => (await ask(server, head({ token }))).status;
const apiStatus = async (s, token) => (await fetch(`${s.api.url}/api/presence/count`, { headers: { Authorization: `Bearer ${token}` } })).status;
const lines = (server, event) => server.output.split('\n').filter((line) => line.includes(` ${event} `));

scenario('keys are fetched, and again for an unknown kid, by both doors', { servers: 0 }, async (s) => {
  const provider = await Provider.start(s), sign = signer(s);
  const [first, second, third] = [keyPair('rsa'), keyPair('ec'), keyPair('ed25519')];
  provider.publish(['k1', first]);
  const server = await s.startServer({ ...provider.env, SECRET_KEY: undefined });
  await s.startApi({ ...provider.env, SECRET_KEY: undefined, PRESENCE_API_AUTH: 'jwt' });
  await s.ready(server);
  await s.ready(s.api);
  const daemons = [server, s.api], asked = () => Promise.all([status(server, sign(first, 'k1')), apiStatus(s, sign(first, 'k1', { role: 'web' }))]);
  for (const daemon of daemons) await daemon.printed(/info presence-\w+ jwks_fetched keys=1 kids=k1 kept_s=3600/);
  assert.deepEqual(await asked(), [101, 200]);
  assert.equal(await status(server, sign(second, 'k1')), 401);
  assert.equal(await status(server, sign(keyPair('rsa'), 'k1')), 401);
  assert.equal(await status(server, forge({ alg: 'HS256' }, { uid: 'user1', iss: 'https://id.example/' }, hmac(SECRET))), 401);
  assert.equal(await status(server, sign(first, 'k1', { iss: 'https://evil.example/' })), 401);
  assert.equal(provider.asked, 2);

  provider.publish(['k1', first], ['k2', second]);
  provider.headers = { 'Cache-Control': 'public, max-age=7200' };
  const answer = await ask(server, head({ token: sign(second, 'k2') }));
  assert.deepEqual([answer.status, answer.json.error], [401, 'Token signed with an unknown key']);
  assert.equal(await apiStatus(s, sign(second, 'k2', { role: 'web' })), 401);
  await until(async () => await status(server, sign(second, 'k2')) === 101, 'presence-ws has the new key');
  await until(async () => await apiStatus(s, sign(second, 'k2', { role: 'web' })) === 200, 'presence-api has the new key');
  for (const daemon of daemons) assert.match(lines(daemon, 'jwks_fetched')[1], /keys=2 kids="k1 k2" kept_s=7200/);
  assert.deepEqual(await asked(), [101, 200]);

  provider.publish(['k3', third]);
  for (let i = 0; i < 20; i++) assert.equal(await status(server, sign(third, i ? `no-such-key-${i}` : 'k3')), 401);
  assert.equal(provider.asked, 4, 'once a minute at most');
  for (const daemon of daemons) daemon.signal('SIGHUP');
  await until(async () => await status(server, sign(third, 'k3')) === 101, 'SIGHUP fetches at once');
  await until(async () => await apiStatus(s, sign(third, 'k3', { role: 'web' })) === 200, 'in presence-api, too');
  await until(async () => await status(server, sign(first, 'k1')) === 401, 'and a key that is gone serves no more');
  assert.equal(await metric(server, 'presence_jwks_fetches_total{result="fetched"}'), 3);
  assert.equal(await metric(s.api, 'presence_jwks_fetches_total{result="failed"}'), 0);
});

scenario('before the first fetch: 503 for who may be somebody, and no more than that', { servers: 0 }, async (s) => {
  const provider = await Provider.start(s), sign = signer(s), key = keyPair('ec');
  provider.publish(['k1', key]);
  await provider.stop();
  const server = await s.startServer(provider.env);
  await s.startApi({ ...provider.env, PRESENCE_API_AUTH: 'jwt' });
  await s.ready(server);
  await s.ready(s.api);
  await server.printed(/warn presence-ws jwks_failed reason=.* kept=none again_in_ms=\d+/);
  const answer = await ask(server, head({ token: sign(key, 'k1') }));
  assert.deepEqual([answer.status, answer.headers['retry-after'], answer.json.error], [503, '1', 'The keys that tokens are checked with were not fetched yet']);
  const api = await fetch(`${s.api.url}/api/presence/count`, { headers: { Authorization: `Bearer ${sign(key, 'k1', { role: 'web' })}` } });
  assert.deepEqual([api.status, api.headers.get('retry-after')], [503, '1']);
  const own = s.token('user2', 'mobile', { iss: 'https://id.example/' });
  assert.equal(await status(server, own), 101, 'the secret serves as ever');
  assert.equal(await status(server, 'x.y.z'), 401);
  assert.ok(await metric(server, 'presence_jwks_fetches_total{result="failed"}') >= 1);
  await provider.listen(provider.port);
  await until(async () => await status(server, sign(key, 'k1')) === 101, 'it is asked again');
  await until(async () => await apiStatus(s, sign(key, 'k1', { role: 'web' })) === 200, 'by presence-api, too');
});

scenario('the last good keys are kept, whatever the provider answers then', { servers: 0 }, async (s) => {
  const provider = await Provider.start(s), sign = signer(s), key = keyPair('rsa'), good = provider.answer;
  provider.publish(['k1', key]);
  const server = await s.startServer({ ...provider.env, SECRET_KEY: undefined });
  await server.printed(/jwks_fetched/);
  const text = (body, code = 200, headers = {}) => (request, response) => response.writeHead(code, headers).end(body);
  const plain = await Provider.start(s, false);
  plain.publish(['k1', keyPair('rsa')]);
  const answers = [
    [text('', 500), /it answered 500/], [text('not found', 404), /it answered 404/], [text('{"keys":'), /no valid JSON/], [text('{"keys":[]}'), /no key for RS256/],
    [text('<html>'), /no key for RS256/], [text(`{"keys":[],"x":"${'x'.repeat(300000)}"}`), /larger than 256 KiB/],
    [(request, response) => { response.write(' '.repeat(200000)); response.end(' '.repeat(200000)); }, /larger than 256 KiB/],
    [text('', 302, { Location: plain.url }), /jwks_failed/], [text('', 302, { Location: 'file:///etc/passwd' }), /jwks_failed/],
    [text('', 302, { Location: '/keys' }), /redirects/], [(request, response) => response.socket.destroy(), /jwks_failed/],
    [text(JSON.stringify({ keys: [{ kty: 'RSA', n: 'AQAB', e: 'AQAB' }] })), /RSA of 2048/],
    [text(JSON.stringify({ keys: [key.privateKey.export({ format: 'jwk' })] })), /private key/],
  ];
  for (const [i, [answer, reason]] of answers.entries()) {
    provider.answer = answer;
    server.signal('SIGHUP');
    await until(() => lines(server, 'jwks_failed').length > i, `answer ${i} fails`);
    assert.match(lines(server, 'jwks_failed')[i], reason);
    assert.match(lines(server, 'jwks_failed')[i], /kept="the last keys"/);
    assert.equal(await status(server, sign(key, 'k1')), 101, `answer ${i}`);
  }
  assert.equal(plain.asked, 0, 'no redirect leaves https');
  const redirected = keyPair('ec');
  provider.publish(['k2', redirected]);
  provider.answer = (request, response) => (request.url === '/moved' ? good(request, response) : text('', 301, { Location: '/moved' })(request, response));
  server.signal('SIGHUP');
  await until(async () => await status(server, sign(redirected, 'k2')) === 101, 'a redirect within https is followed');
});

scenario('a provider that is silent blocks nothing', { servers: 0 }, async (s) => {
  const provider = await Provider.start(s), sign = signer(s), key = keyPair('ec'), good = provider.answer;
  provider.publish(['k1', key]);
  const server = await s.startServer({ ...provider.env, SECRET_KEY: undefined });
  await s.ready(server);
  await server.printed(/jwks_fetched/);
  provider.answer = () => {};
  server.signal('SIGHUP');
  await until(() => provider.asked === 2, 'it is asked again, in vain');
  const phone = await s.phone('user1', { server, token: sign(key, 'k1') });
  assert.equal((await fetch(`${server.url}/readyz`)).status, 200);
  provider.answer = good;
  provider.publish(['k2', key]);
  server.signal('SIGHUP');
  await until(async () => await status(server, sign(key, 'k2')) === 101, 'a reload does not wait for it');
  provider.answer = () => {};
  server.signal('SIGHUP');
  await until(() => provider.asked === 4, 'it is silent again');
  server.signal('SIGTERM');
  await phone.closed;
  assert.equal((await server.exited).code, 0, 'and the end does not wait either');
});

scenario('who vouches for the URL, and which URLs are taken', { servers: 0 }, async (s) => {
  const provider = await Provider.start(s), sign = signer(s), key = keyPair('ec');
  provider.publish(['k1', key]);
  const stranger = await s.startServer({ ...provider.env, JWT_JWKS_CA_FILE: undefined });
  await stranger.printed(/jwks_failed reason=.*certificate/);
  assert.equal(await status(stranger, sign(key, 'k1')), 503);
  const misnamed = await s.startServer({ ...provider.env, JWT_JWKS_URL: provider.url.replace('127.0.0.1', 'localhost') });
  await misnamed.printed(/jwks_failed reason=/);
  assert.equal(provider.asked, 0);
  const plain = await Provider.start(s, false);
  const map = await run('openssl', ['req', '-x509', '-nodes', '-newkey', 'rsa:2048', '-subj', '/CN=x', '-keyout', path.join(s.dir, 'c.key'), '-out', path.join(s.dir, 'c.crt')]);
  assert.equal(map.code, 0);
  plain.answer = (request, response) => response.end(JSON.stringify({ c1: fs.readFileSync(path.join(s.dir, 'c.crt'), 'utf8') }));
  const loopback = await s.startServer({ ...plain.env, http_proxy: 'http://127.0.0.1:1', ALL_PROXY: 'http://127.0.0.1:1' });
  await loopback.printed(/jwks_fetched keys=1 kids=c1/);
  const certified = { alg: 'RS256', sign: (text) => crypto.sign('sha256', Buffer.from(text), fs.readFileSync(path.join(s.dir, 'c.key'))) };
  assert.equal(await status(loopback, sign(certified, 'c1')), 101);
  const bad = [['http://id.example/keys', /JWT_JWKS_URL must begin with https:\/\//], ['ftp://id.example/keys', /must begin with https/], ['id.example', /JWT_JWKS_URL must be/],
    ['file:///etc/passwd', /JWT_JWKS_URL must/], ['https://me:geheim@id.example/', /must not hold a user's name or password/], ['https://', /must be a URL/],
    ['http://127.0.0.1.evil.example/', /https/], [provider.url, /JWT_JWKS_CA_FILE can't be read/, { JWT_JWKS_CA_FILE: '/nowhere' }]];
  for (const [url, error, more] of bad)
    for (const args of [[], ['--check-config']]) {
      const end = await run(path.join(BIN, 'presence-ws'), args, { env: { ...s.env, JWT_JWKS_URL: url, ...more } });
      assert.equal(end.code, 3, url);
      assert.match(end.stderr, error);
      assert.ok(!end.stderr.includes('geheim'));
    }
  const checked = await run(path.join(BIN, 'presence-ws'), ['--check-config'], { env: { ...s.env, ...provider.env, SECRET_KEY: '' } });
  assert.deepEqual([checked.code, provider.asked], [0, 0], 'a check does not fetch');
});
