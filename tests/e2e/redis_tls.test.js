// SPDX-License-Identifier: MIT
// Redis and Sentinel behind TLS: all programs through it, by rediss:// and by REDIS_TLS with sentinels.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { scenario, until, REDIS_SERVER } = require('./lib/stack');
const { freePort } = require('./lib/ports');
const { certificate, tlsFlags } = require('./lib/redis_tls');

const tls = (certificate, port) => [...tlsFlags(certificate), '--tls-port', String(port)];

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

scenario('who speaks TLS to a plain port, or plainly to one for TLS, is told which settings say so', { servers: 0 }, async (s) => {
  const right = await certificate(s.dir, 'right', 'DNS:localhost,IP:127.0.0.1'), port = await freePort(), plain = await freePort();
  await s.start(REDIS_SERVER, [...tls(right, port), '--port', String(plain), '--save', '', '--dir', s.dir]).printed(/eady to accept connections/);
  Object.assign(s.settings, { REDIS_TLS_CA_FILE: right.pem, PRESENCE_REDIS_TIMEOUT: '500ms' });
  const isTold = async (url, sentence) => {
    s.settings.REDIS_URL = url;
    const refused = await s.ctl('status', 'user1');
    assert.equal(refused.code, 4);
    assert.match(refused.stderr, sentence);
    assert.match((await s.ctl('doctor')).stdout, /mend: .*REDIS_TLS \(or rediss:\/\/\) if it speaks TLS there, and only then/);
    await (await s.startServer()).printed(new RegExp(`redis_down.*${sentence.source}`));
  };
  await isTold(`redis://localhost:${port}`, /speaks? TLS at this port \(rediss:\/\/ in REDIS_URL, or REDIS_TLS=true\)/);
  await isTold(`rediss://localhost:${plain}`, /not speak TLS at this port \(redis:\/\/ in REDIS_URL, and no REDIS_TLS\)/);
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
