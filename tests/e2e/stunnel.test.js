// Redis behind TLS: the hiredis of Debian 12 has none, so stunnel stands in front, by examples/stunnel.conf.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { scenario, until } = require('./lib/stack');
const { BIN, run } = require('./lib/process');

const EXAMPLE = path.join(__dirname, '..', '..', 'examples', 'stunnel.conf');

function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

async function certificate(dir, name) {
  const made = await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${name}`,
    '-addext', `subjectAltName=DNS:${name}`, '-keyout', path.join(dir, `${name}.key`), '-out', path.join(dir, `${name}.pem`)]);
  assert.equal(made.code, 0, made.stderr);
  return { key: path.join(dir, `${name}.key`), pem: path.join(dir, `${name}.pem`) };
}

// The example with this test's ports and certificate; `trusts`: the file it believes.
async function tunnel(s, tlsPort, trusts) {
  const port = await freePort();
  const text = fs.readFileSync(EXAMPLE, 'utf8').replaceAll('127.0.0.1:6390', `127.0.0.1:${port}`)
    .replace('redis.example.org:6380', `127.0.0.1:${tlsPort}`).replace('/etc/ssl/certs/ca-certificates.crt', trusts);
  const file = path.join(s.dir, `stunnel${port}.conf`);
  fs.writeFileSync(file, text);
  const child = s.start('stunnel', [file]);
  await child.printed(/Configuration successful/);
  return port;
}

scenario('rediss:// is refused and says what to do; through stunnel everything works, and no wrong certificate does', { servers: 0 },
  async (s) => {
    const { key, pem } = await certificate(s.dir, 'redis.example.org'), other = await certificate(s.dir, 'other.example.org');
    const tlsPort = await freePort();
    await s.start('redis-server', ['--port', '0', '--tls-port', String(tlsPort), '--tls-cert-file', pem, '--tls-key-file', key,
      '--tls-auth-clients', 'no', '--bind', '127.0.0.1', '--save', '', '--dir', s.dir, '--requirepass', 'a-password-of-redis'])
      .printed(/eady to accept connections/);

    for (const program of ['presence-ws', 'presence-api', 'presence-expiryd']) {
      const refused = await run(path.join(BIN, program), [], { env: { ...s.env, REDIS_URL: `rediss://:secret@127.0.0.1:${tlsPort}` } });
      assert.equal(refused.code, 3);
      assert.match(refused.stderr, /REDIS_URL: rediss:\/\/ needs a hiredis with TLS.*stunnel/s);
      assert.doesNotMatch(refused.stderr, /secret/);
    }

    s.settings.REDIS_URL = `redis://:a-password-of-redis@127.0.0.1:${await tunnel(s, tlsPort, pem)}`;
    const server = await s.startServer();
    await s.ready(server);
    await s.startExpiryd();
    const dashboard = await s.dashboard();
    const phone = await s.phone('user1');
    await until(() => dashboard.online.join() === 'user1', 'the dashboard sees the phone');
    assert.match((await s.ctl('status', 'user1')).stdout, /online/);
    await phone.close();
    await until(() => dashboard.online.length === 0, 'and that it has gone');

    s.settings.REDIS_URL = `redis://127.0.0.1:${await tunnel(s, tlsPort, other.pem)}`;
    assert.equal((await s.ctl('status', 'user1')).code, 4, 'whoever shows another certificate is not spoken to');
  });
