// SPDX-License-Identifier: MIT
// What makes presence-ws and presence-expiryd wake up. Turns of the loop are counted, not timed: a slow machine makes fewer.
'use strict';
const assert = require('node:assert');
const { execFile } = require('node:child_process');
const path = require('node:path');
const { performance } = require('node:perf_hooks');
const { promisify } = require('node:util');
const { BIN } = require('./lib/process');
const { scenario } = require('./lib/stack');

const REST_MS = 3000, TURNS = 'presence_loop_turn_seconds_count';

async function metric(daemon, name) {
  const text = await (await fetch(`${daemon.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)[1]);
}

// How often a second each of the counters grew.
async function ratesOf(counters) {
  const read = () => Promise.all(counters.map(([daemon, name]) => metric(daemon, name)));
  const before = await read(), began = performance.now();
  await new Promise((resolve) => { setTimeout(resolve, REST_MS); });
  const after = await read(), seconds = (performance.now() - began) / 1000;
  return after.map((value, i) => (value - before[i]) / seconds);
}

scenario('phones that are silent for a while wake nobody up', { expiryds: 1, env: { PRESENCE_TTL: '60s' } }, async (s) => {
  await s.ready(s.expiryds[0]);
  for (let i = 0; i < 20; i++) await s.phone(`user${i}`);
  const [turns, sweeps] = await ratesOf([[s.servers[0], TURNS], [s.expiryds[0], 'presence_sweeps_total']]);
  assert.ok(turns < 35, `presence-ws wakes up ${turns.toFixed(0)} times a second`);
  assert.ok(sweeps < 8, `presence-expiryd sweeps ${sweeps.toFixed(0)} times a second`);
});

scenario('phones that connect by the hundred each second share turns', { env: { PRESENCE_TTL: '60s' } }, async (s) => {
  const server = s.servers[0], phones = 1000, before = await metric(server, TURNS);
  const args = ['load', '--quiet', '--phones', phones, '--connect-rate', '1000', '--rate', '0', '--changes', '0', '--duration', '100ms',
    '--server', server.url.replace('http', 'ws')].map(String);
  await promisify(execFile)(path.join(BIN, 'presence-sim'), args, { env: s.env });
  const turns = await metric(server, TURNS) - before;
  assert.ok(turns < phones * 0.7, `${turns} turns for ${phones} connections that opened and closed`);
});
