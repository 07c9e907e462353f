// SPDX-License-Identifier: MIT
// A real haproxy in front of servers, in TCP mode: it speaks the PROXY protocol to them from 127.0.0.2, also in its health checks.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { answers } = require('./nginx');
const { freePort } = require('./ports');
const { until } = require('./process');

// [server's address, what its line says besides]
async function attempt(s, servers, check) {
  const port = await freePort();
  const dir = fs.mkdtempSync(path.join(s.dir, 'haproxy-'));
  const lines = servers.map(([address, options], i) => `  server s${i} ${address} source 127.0.0.2 check inter 100ms ${options}`);
  fs.writeFileSync(`${dir}/haproxy.cfg`, `defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout check 20s
listen presence
  bind 127.0.0.1:${port}
  ${check}
${lines.join('\n')}
`);
  const haproxy = Object.assign(s.start('haproxy', ['-db', '-f', `${dir}/haproxy.cfg`]), { port });
  await until(async () => haproxy.ended || await answers(port), 'haproxy listens');
  return haproxy;
}

// `servers`: a list of [address, options of the server's line]; `check`: a line, as option httpchk.
async function startHaproxy(s, servers, check = '') {
  for (let tries = 0; tries < 5; tries++) {
    const haproxy = await attempt(s, servers, check);
    if (!haproxy.ended) return haproxy;
    if (!/Address already in use|cannot bind/i.test(haproxy.output)) throw new Error(`haproxy does not start: ${haproxy.output}`);
  }
  throw new Error('haproxy found no free port');
}

module.exports = { startHaproxy };
