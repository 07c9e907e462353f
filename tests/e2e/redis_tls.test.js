// SPDX-License-Identifier: MIT
// Redis and Sentinel behind TLS: all programs through it, by rediss:// and by REDIS_TLS with sentinels.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { scenario, until, REDIS_SERVER } = require('./lib/stack');
const { run } = require('./lib/process');

function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

async function certificate(dir, name, names) {
  const made = await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${name}`,
    '-addext', `subjectAltName=${names}`, '-keyout', path.join(dir, `${name}.key`), '-out', path.join(dir, `${name}.pem`)]);
  assert.equal(made.code, 0, made.stderr);
  return { key: path.join(dir, `${name}.key`), pem: path.join(dir, `${name}.pem`) };
}

const tls = ({ key, pem }, port) => ['--port', '0', '--tls-port', String(port), '--tls-cert-file', pem, '--tls-key-file', key, '--tls-ca-cert-file', pem,
  '--tls-auth-clients', 'no', '--tls-replication', 'yes', '--bind', '127.0.0.1'];

async function everythingWorks(s) {
  const server = await s.startServer(), expiryd = await s.startExpiryd(), api = await s.startApi();
  for (const daemon of [server, expiryd, api]) await s.ready(daemon);
  const dashboard = await s.dashboard();
  const phone = await s.phone('user1');
  await until(() => dashboard.online.join() === 'user1', 'the dashboard sees the phone');
  assert.match((await s.ctl('status', 'user1')).stdout, /online/);
  assert.equal((await s.ctl('doctor', '--json')).stderr, '');
  await phone.close();
  await until(() => dashboard.online.length === 0, 'and that it has gone');
}

scenario('rediss://: all programs; another certificate is not spoken to, and the log says which name was wanted', { servers: 0 }, async (s) => {
  const right = await certificate(s.dir, 'right', 'DNS:localhost,IP:127.0.0.1'), port = await freePort();
  await s.start(REDIS_SERVER, [...tls(right, port), '--save', '', '--dir', s.dir, '--requirepass', 'a-password-of-redis']).printed(/eady to accept connections/);
  Object.assign(s.settings, { REDIS_URL: `rediss://:a-password-of-redis@localhost:${port}`, REDIS_TLS_CA_FILE: right.pem });
  await everythingWorks(s);
  s.settings.REDIS_TLS_SERVER_NAME = 'redis.example.org';
  const stranger = await s.startServer();
  await stranger.printed(/redis_down.*the server's certificate is not for redis\.example\.org/);
  const refused = await s.ctl('status', 'user1');
  assert.equal(refused.code, 4);
  assert.match(refused.stderr, /not for redis\.example\.org \(REDIS_TLS_SERVER_NAME/);
});

scenario('REDIS_TLS with sentinels: they are asked, and their master is reached, over TLS', { servers: 0 }, async (s) => {
  const right = await certificate(s.dir, 'right', 'DNS:localhost,IP:127.0.0.1'), port = await freePort(), sentinelPort = await freePort();
  await s.start(REDIS_SERVER, [...tls(right, port), '--save', '', '--dir', s.dir]).printed(/eady to accept connections/);
  const file = path.join(s.dir, 'sentinel.conf');
  fs.writeFileSync(file, `sentinel monitor mymaster 127.0.0.1 ${port} 1\n`);
  await s.start(REDIS_SERVER, [file, '--sentinel', ...tls(right, sentinelPort)]).printed(/Sentinel ID/);
  Object.assign(s.settings, { REDIS_URL: '', REDIS_SENTINELS: `localhost:${sentinelPort}`, REDIS_TLS: 'true', REDIS_TLS_CA_FILE: right.pem });
  await everythingWorks(s);
});
