// SPDX-License-Identifier: MIT
// Who the client is behind proxies: X-Forwarded-For and Forwarded as proxies really write them.
'use strict';
const assert = require('node:assert');
const { scenario } = require('./lib/stack');
const { Raw, ask, head } = require('./lib/raw');
const { DEBUG, refused } = require('./lib/gate');
const { startNginx } = require('./lib/nginx');

const BEHIND = { PRESENCE_MAX_PER_ADDRESS: '1', PRESENCE_TRUSTED_PROXIES: '127.0.0.1,10.0.0.0/8' };

let users = 0;

// Connects as a new user whom the headers come with; what the log calls it.
async function come(s, server, headers) {
  const user = `user${users++}`;
  const raw = new Raw(server);
  s.clients.push(raw);
  raw.write(head({ token: s.token(user, 'mobile'), device_id: 'd', ...headers }));
  const answer = await raw.response();
  assert.equal(answer.status, 101, `${JSON.stringify(headers)}: ${answer.body}`);
  const [, peer] = await server.printed(new RegExp(`client_connected.*user=${user} .*peer=(\\S+)`));
  return { raw, user, peer };
}

// [headers, whom they name]
const NAMED = [
  [{ 'X-Forwarded-For': '8.8.8.8:5123' }, '8.8.8.8'],
  [{ 'X-Forwarded-For': '6.6.6.6:1, 8.8.8.1:2, 10.0.0.7:3' }, '8.8.8.1'],
  [{ 'X-Forwarded-For': ['6.6.6.6', '8.8.8.2:80', '10.0.0.7'] }, '8.8.8.2'],
  [{ 'X-Forwarded-For': '[2001:DB8::1]:443' }, '2001:db8::1'],
  [{ 'X-Forwarded-For': '"[2001:db8:2::2]"' }, '2001:db8:2::2'],
  [{ 'X-Forwarded-For': '::ffff:8.8.8.3' }, '8.8.8.3'],
  [{ 'X-Forwarded-For': ' 8.8.8.4 ' }, '8.8.8.4'],
  [{ Forwarded: 'for=8.8.8.5' }, '8.8.8.5'],
  [{ forwarded: 'By=_us;FOR="[2001:db8:3::3]:4711";proto=https' }, '2001:db8:3::3'],
  [{ Forwarded: ['for="6.6.6.6, for=1.1.1.1"', 'for="8.8.8.6:80", for=10.0.0.7'] }, '8.8.8.6'],
  [{ Forwarded: 'for=8.8.8.7', 'X-Forwarded-For': '6.6.6.6, 8.8.8.7:80' }, '8.8.8.7'],
];

scenario('a proxy names the client with a port, in brackets and quotes, and as RFC 7239 has it', { servers: 0, env: DEBUG }, async (s) => {
  const server = await s.startServer(BEHIND);
  for (const [headers, client] of NAMED) assert.equal((await come(s, server, headers)).peer, client, JSON.stringify(headers));
});

// What names nobody: the proxy counts, once.
const UNNAMED = ['unknown', '_hidden', '8.8.8.8:port', '8.8.8.8,', '', '[8.8.8.8]'].map((value) => ({ 'X-Forwarded-For': value }))
  .concat(['for=unknown', 'for="_hidden"', 'proto=https', 'for="8.8.8.8', 'for=6.6.6.6;for=8.8.8.8'].map((value) => ({ Forwarded: value })));

scenario('what is no address names nobody', { servers: 0, env: DEBUG }, async (s) => {
  const server = await s.startServer(BEHIND);
  const { peer } = await come(s, server, UNNAMED[0]);
  assert.equal(peer, '127.0.0.1');
  for (const headers of UNNAMED)
    refused(JSON.stringify(headers), await ask(server, head({ token: s.token('other', 'mobile'), ...headers })), 429, /this address/);
});

scenario('one client is one, however its address is written, and its place is free when it has gone', { servers: 0, env: DEBUG }, async (s) => {
  const server = await s.startServer(BEHIND);
  const forms = ['2001:db8::9', '2001:DB8::9', '[2001:db8:0:0::9]:80', '2001:0db8::0009%eth0'];
  for (const form of forms) {
    const first = await come(s, server, { 'X-Forwarded-For': form });
    for (const other of forms)
      refused(other, await ask(server, head({ token: s.token('other', 'mobile'), Forwarded: `for="${other}"` })), 429, /this address/);
    first.raw.terminate();
    await server.printed(new RegExp(`client_gone user=${first.user} `));
  }
});

scenario('of two headers that differ one may be the client\'s own: neither is believed, and the log says so', { servers: 0, env: DEBUG }, async (s) => {
  const server = await s.startServer(BEHIND);
  const liar = await come(s, server, { 'X-Forwarded-For': '8.8.8.8', Forwarded: 'for=9.9.9.9' });
  assert.equal(liar.peer, '127.0.0.1');
  await server.printed(/warn presence-ws forwarded_headers_differ peer=127\.0\.0\.1 x_forwarded_for=8\.8\.8\.8 forwarded="for=9\.9\.9\.9"/);
  for (const headers of [{ 'X-Forwarded-For': '9.9.9.9' }, { Forwarded: 'for=8.8.8.8' }]) await come(s, server, headers);
  for (let i = 0; i < 20; i++)
    await ask(server, head({ token: s.token('other', 'mobile'), 'X-Forwarded-For': '8.8.8.8', Forwarded: `for=7.7.7.${i}` }));
  assert.ok(server.output.match(/forwarded_headers_differ/g).length < 10, 'the lines are bounded');
});

scenario('behind nginx as shipped the client is whom nginx sees, whatever it says itself', { servers: 0, env: DEBUG }, async (s) => {
  await s.startServer({ PRESENCE_TRUSTED_PROXIES: '127.0.0.1' });
  const nginx = await startNginx(s);
  const told = { 'X-Forwarded-For': '6.6.6.6', Forwarded: 'for=7.7.7.7' };
  for (const headers of [{}, told]) {
    const user = `user${users++}`;
    await s.phone(user, { server: nginx, localAddress: '127.0.0.7', headers: { token: s.token(user, 'mobile'), ...headers } });
    await s.servers[0].printed(new RegExp(`client_connected user=${user} .*peer=127\\.0\\.0\\.7$`, 'm'));
  }
  assert.doesNotMatch(s.servers[0].output, /forwarded_headers_differ/);
});
