// SPDX-License-Identifier: MIT
// make check-hostile: 2,000 honest phones and 20 dashboards for MINUTES (10) beside all the attacks of attackers.js at once. No honest phone
// is shown offline, no honest connection is lost, 99 % of the honest dashboards' updates come within 250 ms, memory stays bounded, other
// programs' keys stay as they were.
//   PHONES=2000 DASHBOARDS=20 USERS=100000 (more who are online, in Redis only)
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { BIN, Process, until } = require('../e2e/lib/process');
const { Stack, SECRET } = require('../e2e/lib/stack');
const { sessions } = require('../bench/population');

const setting = (name, fallback) => Number(process.env[name] || fallback);
const MINUTES = setting('MINUTES', 10), PHONES = setting('PHONES', 2000), DASHBOARDS = setting('DASHBOARDS', 20);
const USERS = setting('USERS', 100000);
const DAY_MS = 86400000, BEAT_S = 30, CHANGES = 20, SAMPLE_MS = 5000;
const P99_MS = 250;
const GROWTH = 1.25, GROWTH_KB = 32768; // of private memory, from the first third to the last

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function populate(redis) {
  const write = await sessions(redis);
  for (let i = 0; i < USERS; i += 250)
    await write(Array.from({ length: 250 }, (_, k) => ({ user: `user${i + k}`, deadline: Date.now() + DAY_MS - 1000 })));
  for (let g = 0; g < 256; g++) await redis.sadd(`g.big${g}.u`, ...Array.from({ length: 100 }, (_, i) => `user${g * 100 + i}`));
}

function memory(child) {
  return Number(/^Private_Dirty:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${child.pid}/smaps_rollup`, 'utf8'))[1]);
}

// Whoever of the honest phones that stay is published as offline. At the end they disconnect; before it, that would be a lost connection,
// which the report counts.
async function listen(s) {
  const heard = { offline: [], subscriber: s.beside() };
  await heard.subscriber.subscribe('presence:updates');
  heard.subscriber.on('message', (channel, text) => {
    const update = /^\{"userId":"honestp\d+","status":"offline"/.test(text) && JSON.parse(text);
    if (update && update.reason !== 'disconnected') heard.offline.push(`${update.userId} ${update.reason}`);
  });
  return heard;
}

async function watchMemory(daemons, samples, isOver) {
  while (!isOver()) {
    for (const daemon of daemons) (samples[daemon.name + daemon.port] ||= []).push(memory(daemon));
    await sleep(SAMPLE_MS);
  }
}

// The highest of the last third beside the highest of the first.
function growth(list) {
  const third = Math.max(1, Math.floor(list.length / 3));
  return [Math.max(...list.slice(0, third)), Math.max(...list.slice(-third))];
}

function judge(faults, name, holds, said) {
  console.log(`${holds ? 'ok' : 'NOT OK'} ${name}: ${said}`);
  if (!holds) faults.push(name);
}

async function main(s, faults) {
  await s.startRedis();
  for (let i = 0; i < 2; i++) await s.startServer();
  for (let i = 0; i < 2; i++) await s.startExpiryd();
  await s.startApi({ PRESENCE_API_AUTH: 'jwt' });
  const daemons = [...s.servers, ...s.expiryds, s.api];
  for (const server of s.servers) await s.ready(server);
  await populate(s.redis);
  await s.redis.hset('presence:user:other', 'name', 'data of another program');
  const heard = await listen(s), samples = {};
  const load = new Process(path.join(BIN, 'presence-sim'), ['load', '--json', '--quiet', '--prefix', 'honest', '--phones', String(PHONES),
    '--rate', String(Math.ceil(PHONES / BEAT_S)), '--changes', String(CHANGES), '--dashboards', String(DASHBOARDS), '--warmup', '5s',
    '--duration', `${Math.round(MINUTES * 60)}s`, ...s.servers.flatMap((server) => ['--server', `ws://127.0.0.1:${server.port}`])],
  { env: { ...s.env }, cwd: s.dir });
  s.processes.push(load);
  // The honest ones first: who is there already is what an attack may take away.
  await until(async () => (await s.redis.zcard('presence:due')) >= USERS + PHONES, 'the honest phones are online', 60000)
    .catch(async (error) => { throw new Error(`${error.message}: ${await s.redis.zcard('presence:due')} online; ${load.output}`); });
  const attackers = new Process('nice', ['-n', '10', process.execPath, path.join(__dirname, 'attackers.js')], { env: { ...process.env,
    ATTACK: JSON.stringify({ ws: s.servers.map((server) => server.port), api: s.api.port, redis: s.socket, secret: SECRET }) } });
  s.processes.push(attackers);
  await attackers.printed(/attacking/);
  await watchMemory(daemons, samples, () => load.ended || attackers.ended);
  judge(faults, 'the attackers', !attackers.ended, attackers.ended ? attackers.output : 'went on to the end');
  attackers.signal('SIGTERM');
  await attackers.exited;
  const struck = /^\{.*\}$/m.exec(attackers.output);
  console.log(`struck: ${struck && struck[0]}`);
  const done = await Promise.race([load.exited, sleep(60000)]);
  const report = /^\{.*\}$/m.exec(load.output);
  judge(faults, 'the honest ones', done && report, report ? 'measured' : load.output);
  if (report) {
    const r = JSON.parse(report[0]);
    judge(faults, 'phones', r.phones === PHONES && r.lost === 0, `${r.phones} of ${PHONES} connected, ${r.lost} connections lost`);
    judge(faults, 'dashboards', r.faults === 0 && r.delivered === r.expected, `${r.delivered} of ${r.expected} updates, ${r.faults} faults`);
    judge(faults, 'updates', r.fromServer.p99Us <= P99_MS * 1000,
      `p50 ${r.fromServer.p50Us / 1000}, p99 ${r.fromServer.p99Us / 1000}, at most ${r.fromServer.maxUs / 1000} ms (own lag p99 ${r.ownLag.p99Us / 1000} ms)`);
  }
  judge(faults, 'nobody offline', heard.offline.length === 0, `${heard.offline.length}: ${heard.offline.slice(0, 5).join(', ')}`);
  for (const [name, list] of Object.entries(samples)) {
    const [first, last] = growth(list);
    judge(faults, `memory of ${name}`, last <= first * GROWTH + GROWTH_KB, `${first} kB, ${last} kB`);
  }
  judge(faults, 'daemons', daemons.every((daemon) => !daemon.ended), 'all alive');
  judge(faults, 'a key of another type', await s.redis.hget('presence:user:other', 'name').catch(() => '') === 'data of another program', 'as it was');
}

const s = new Stack({ PRESENCE_TTL: '60s', PRESENCE_REPAIR_INTERVAL: '10s' });
const faults = [];
console.log(`hostile: ${PHONES} phones, ${DASHBOARDS} dashboards and ${USERS} more users, ${MINUTES} minutes`);
main(s, faults).catch((error) => { console.error(error); faults.push(error.message); }).finally(async () => {
  await s.end(process.env.LOGS && faults.length > 0);
  console.log(faults.length ? `hostile: FAILED (${faults.join('; ')})` : 'hostile: ok');
  process.exit(faults.length ? 1 : 0);
});
