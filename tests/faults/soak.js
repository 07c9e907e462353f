// SPDX-License-Identifier: MIT
// make soak: an installation under churn and random faults for MINUTES (10), judged all the time like the scenarios of this folder; at
// its end the memory of those who lived through it is within 2 % (or 128 kB) of what it was after the first minute.
//   PHONES=5000 DASHBOARDS=50 SEED=1 HISTORY=FILE
'use strict';
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const ROOT = path.join(__dirname, '..', '..');
const BIN = path.resolve(ROOT, process.env.PRESENCE_BIN || 'build/bin');
const setting = (name, fallback) => Number(process.env[name] || fallback);
const MINUTES = setting('MINUTES', 10), PHONES = setting('PHONES', 5000), DASHBOARDS = setting('DASHBOARDS', 50);
const SLACK_KB = 128;
const SEED = setting('SEED', 1 + Math.floor(Math.random() * 1e6));

// Each leaves the house whole. Who is measured lives through all of them. A phone that vanished just before its server was killed is known
// to Redis alone: nothing must happen to that before its TTL has passed.
const FAULTS = [
  ['kill ws1', 'wait 1s', 'start ws1', 'wait 22s'],
  ['stop ws1', 'start ws1', 'wait 22s'],
  ['kill expiryd1', 'wait 2s', 'start expiryd1'],
  ['kill redis', 'wait 2s', 'start redis'],
  ['signal redis STOP', 'wait 5s', 'signal redis CONT'],
  ['run redis-cli -s $TMP/redis.sock FLUSHALL'],
  ['run redis-cli -s $TMP/redis.sock SCRIPT FLUSH'],
  ['run redis-cli -s $TMP/redis.sock CLIENT KILL TYPE normal SKIPME yes'],
  ['run redis-cli -s $TMP/redis.sock CLIENT KILL TYPE pubsub SKIPME yes'],
  ['freeze d1 d2 d3', 'wait 5s', 'thaw d1 d2 d3'],
];

// The same seed makes the same faults (mulberry32).
function dice(seed) {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % bound;
  };
}

// After a loss of Redis thousands of changes go to each dashboard at once, on cores that the phones share: a server may read what a phone
// sends two seconds late. Who came and went while Redis stood still is told of behind it, as online and offline at once: no ghost that stays.
function script() {
  const below = dice(SEED), lines = ['env PRESENCE_RING_SIZE 256k', 'set TTL 20s', 'include house.inc', `phone p count=${PHONES}`,
    `dashboard d count=${DASHBOARDS - 10}`, 'dashboard json count=10 encoding=json batch=yes resume=yes', 'rule late 60s', 'rule delivery 2s', 'tolerate ghost', 'connect d* json* p*',
    'expect p* open within 60s', 'expect everyone agree within 30s'];
  const churn = 'churn p* stay=60s away=5s silent=10 roam=20';
  // Both times all phones are on ws2, and all that makes memory grow has happened: many connections, all of them said again.
  const measure = (word) => lines.push('still p*', 'wait 2s', 'connect p*', 'speak p*', 'forget p*', 'stop ws1', 'expect p* open within 60s',
    'wait 25s', 'expect everyone agree within 30s', `say ${word}`, 'wait 3s', 'start ws1', churn);
  // The most that a server ever holds, so that later peaks find room: everybody comes and goes on it while Redis stands still, and half of
  // them come to it at once.
  lines.push('stop ws1', 'expect p* open within 60s', 'churn p* stay=3s away=1s', 'signal redis STOP', 'wait 6s', 'signal redis CONT',
    'wait 3s', 'start ws1', 'wait 2s', churn, 'wait 3s', 'kill ws1', 'wait 1s', 'start ws1', 'wait 10s');
  measure('BEGUN');
  for (let spent = 60; spent < MINUTES * 60; spent += 15) lines.push(...FAULTS[below(FAULTS.length)], 'wait 10s');
  measure('SETTLED');
  lines.push('still p*', 'wait 25s', 'expect everyone agree within 30s');
  return lines.join('\n') + '\n';
}

// Memory of their own in kB, of ws2 and expiryd2.
function memory(scratch) {
  const found = {};
  for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const words = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      const name = ['ws2', 'expiryd2'].find((n) => /presence-\w+$/.test(words[0]) && words.includes(`unix:${scratch}/${n}.sock`));
      if (name) found[name] = Number(/^Private_Dirty:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))[1]);
    } catch (error) {
      if (error.code !== 'ENOENT' && error.code !== 'ESRCH') throw error;
    }
  }
  return found;
}

async function main() {
  const file = path.join(os.tmpdir(), `presence-soak-${process.pid}.scenario`);
  fs.writeFileSync(file, script().replace('include house.inc', `include ${path.join(__dirname, 'house.inc')}`));
  console.log(`soak: ${PHONES} phones, ${DASHBOARDS} dashboards, ${MINUTES} minutes, SEED=${SEED}`);
  const run = spawn(path.join(BIN, 'presence-sim'), ['run', '--quiet', '--verbose', '--seed', String(SEED), '--connect-rate', '2000',
    '--timeout', `${MINUTES + 8}m`, ...(process.env.HISTORY ? ['--history', process.env.HISTORY] : []), file],
  { cwd: ROOT, stdio: ['ignore', 'inherit', 'pipe'] });
  let scratch, first, last, text = '';
  run.stderr.on('data', (bytes) => {
    text += bytes;
    scratch ||= fs.readdirSync(os.tmpdir()).filter((d) => d.startsWith('presence-sim-')).map((d) => path.join(os.tmpdir(), d))
      .sort((a, b) => fs.statSync(b).mtimeMs - fs.statSync(a).mtimeMs)[0];
    if (/^BEGUN$/m.test(text)) first ||= memory(scratch);
    if (/^SETTLED$/m.test(text)) last ||= memory(scratch);
  });
  const code = await new Promise((resolve) => { run.on('exit', resolve); });
  fs.rmSync(file);
  if (code !== 0) console.log(text.slice(-3000));
  const growth = Object.keys(first || {}).map((name) => [name, first[name], last?.[name], (last?.[name] || Infinity) / first[name] - 1]);
  for (const [name, before, after, grown] of growth)
    console.log(`${name}: ${before} kB after the first minute, ${after} kB at the end (${(100 * grown).toFixed(1)} %)`);
  // 2 % of the little that expiryd has would be four pages.
  const good = code === 0 && growth.length === 2 && growth.every(([, before, after, grown]) => grown <= 0.02 || after - before <= SLACK_KB);
  console.log(good ? 'soak: ok' : 'soak: FAILED');
  process.exitCode = good ? 0 : 1;
}

main();
