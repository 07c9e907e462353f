// SPDX-License-Identifier: MIT
// What a test asks of a daemon from outside: its numbers, its descriptors, its memory.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { BIN, run, until } = require('./process');

// A presence-ws of this stack with flags, listening where `env` says; { port } when on TCP.
async function serve(s, env = {}, { args = [], ...options } = {}) {
  const server = s.start(path.join(BIN, 'presence-ws'), args, { PRESENCE_WS_LISTEN: '127.0.0.1:0', ...env }, options);
  const [, address] = await server.printed(/listening address=(\S+)/);
  server.port = Number(address.split(':').at(-1)) || undefined;
  return server;
}

// A start that is to end by itself: { code, stdout, stderr }. The settings are these alone.
function start(program, args, env) {
  const none = Object.fromEntries(Object.keys(process.env).filter((name) => /^(PRESENCE|REDIS|JWT|SECRET)_/.test(name))
    .map((name) => [name, undefined]));
  return run(path.join(BIN, program), args, { env: { ...none, ...env }, timeout: 20000 });
}

// The value of one line of /metrics, named as it stands there.
async function metric(server, name) {
  const text = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text();
  const line = text.split('\n').find((l) => l.startsWith(`${name} `));
  if (!line) throw new Error(`no ${name} in /metrics`);
  return Number(line.slice(name.length + 1));
}

const descriptors = (server) => fs.readdirSync(`/proc/${server.pid}/fd`).length;

function kilobytes(server, name) {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(fs.readFileSync(`/proc/${server.pid}/status`, 'utf8'))[1]);
}

// Runs `work` twice: after the second time the server has as many descriptors as before, and at most `growth` kB more memory than
// after the first. A sanitizer keeps what was freed for a while: it looks for leaks itself.
async function leavesNothing(server, work, growth = 2048) {
  const before = descriptors(server);
  const sanitized = process.env.PRESENCE_SANITIZED || kilobytes(server, 'VmPeak') > 2 ** 32;
  await work();
  await until(() => descriptors(server) <= before, `no more than ${before} descriptors`);
  const memory = kilobytes(server, 'VmRSS');
  await work();
  await until(() => descriptors(server) <= before, `no more than ${before} descriptors`);
  const grown = kilobytes(server, 'VmRSS') - memory;
  if (!sanitized && grown > growth) throw new Error(`${grown} kB more than before`);
}

module.exports = { serve, start, metric, leavesNothing };
