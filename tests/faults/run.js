// SPDX-License-Identifier: MIT
// Real processes under real faults: plays the scenarios of this folder with presence-sim run, whose checker judges every dashboard all the
// time, keeps each run's history (JSON lines), and says how long each recovery took.
//   node run.js [NAME...]      RUNS=3: so many times; JOBS=4 at a time, but for crowds, which play alone; PRESENCE_PATIENCE=3: on a slow
//                              machine; HISTORY=DIR keeps the histories there; TLS=1: Redis, its replicas and sentinels speak TLS
'use strict';
const { execFile } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { lastingPort } = require('../e2e/lib/ports');
const { certificate, tlsFlags } = require('../e2e/lib/redis_tls');

const ROOT = path.join(__dirname, '..', '..');
const BIN = path.resolve(ROOT, process.env.PRESENCE_BIN || 'build/bin');
const SCRATCH = fs.mkdtempSync(path.join(os.tmpdir(), 'presence-faults-'));
const HISTORY = process.env.HISTORY || SCRATCH;

function scenarios(names) {
  const all = fs.readdirSync(__dirname).filter((f) => f.endsWith('.scenario')).map((f) => f.slice(0, -'.scenario'.length)).sort();
  const missing = names.filter((name) => !all.includes(name));
  if (missing.length) throw new Error(`no such scenario: ${missing.join(' ')}`);
  return names.length ? names : all;
}

// From the line that says HEALED to the one behind it that waits for everyone to agree.
function recovery(history) {
  let healed = 0, agreeing = false;
  for (const line of fs.readFileSync(history, 'utf8').split('\n')) {
    if (!/"event":"(step|held)"/.test(line)) continue;
    const entry = JSON.parse(line);
    if (entry.event === 'step' && entry.text === 'say HEALED') healed = entry.t;
    if (entry.event === 'step') agreeing = healed > 0 && entry.text.startsWith('expect everyone agree');
    if (entry.event === 'held' && agreeing) return entry.t - healed;
  }
  return undefined;
}

const fileOf = (name) => path.join(__dirname, `${name}.scenario`);
// Those with a crowd need both cores.
const isCrowd = (name) => /^# crowd/m.test(fs.readFileSync(fileOf(name), 'utf8'));

// What redis.inc and launch.sh have instead of sockets.
async function overTls({ pem, ...rest }) {
  const redis = await lastingPort(), network = await lastingPort();
  const variables = {
    REDIS: `rediss://127.0.0.1:${redis}`, REDIS_AT: `127.0.0.1:${redis}`, NET: `rediss://127.0.0.1:${network}`, NET_AT: `127.0.0.1:${network}`,
    PORT_FLAG: '--tls-port', REDIS_PORT: redis, TLS: 'true', CA_FILE: pem,
  };
  return { args: Object.entries(variables).flatMap(([name, value]) => ['--set', `${name}=${value}`]),
    env: { TLS_FLAGS: tlsFlags({ pem, ...rest }).join(' ') } };
}

async function play(name, ofRedis) {
  const file = fileOf(name), options = /^# options: (.*)$/m.exec(fs.readFileSync(file, 'utf8'));
  const history = path.join(HISTORY, `${name}.jsonl`);
  const tls = ofRedis ? await overTls(ofRedis) : { args: [], env: {} };
  const args = ['run', '--quiet', '--json', '--timeout', '4m', '--history', history, ...tls.args, ...(options ? options[1].split(' ') : []),
    path.relative(ROOT, file)];
  return new Promise((resolve) => {
    execFile(path.join(BIN, 'presence-sim'), args, { cwd: ROOT, env: { ...process.env, ...tls.env } }, (error, stdout, stderr) => {
      if (error) resolve({ name, failed: `exit ${error.code ?? error.signal}\n${stdout}${stderr}` });
      else resolve({ name, recovery: recovery(history), ...JSON.parse(stdout) });
    });
  });
}

async function main() {
  const failures = [], times = {};
  const ofRedis = process.env.TLS ? await certificate(SCRATCH, 'redis', 'DNS:localhost,IP:127.0.0.1') : undefined;
  const report = (result) => {
    if (result.failed) {
      failures.push(result.name);
      console.log(`FAILED ${result.name}: ${result.failed}`);
      return;
    }
    (times[result.name] ||= []).push(result.recovery);
    const took = result.recovery === undefined ? '' : `, recovered in ${result.recovery} ms`;
    console.log(`ok ${result.name}: ${result.changes} changes and ${result.snapshots} snapshots judged, ${result.seconds.toFixed(0)} s${took}`);
  };
  const inTurn = async (queue) => { while (queue.length) report(await play(queue.shift(), ofRedis)); };
  for (let run = 1, runs = Number(process.env.RUNS || 1); run <= runs; run++) {
    const names = scenarios(process.argv.slice(2)), together = names.filter((name) => !isCrowd(name));
    await Promise.all(Array.from({ length: Number(process.env.JOBS || 4) }, () => inTurn(together)));
    await inTurn(names.filter(isCrowd));
  }
  for (const [name, list] of Object.entries(times)) if (list.length > 1) console.log(`${name}: ${list.join(' ')} ms`);
  if (failures.length) console.log(`histories and certificates are kept in ${SCRATCH}`);
  else fs.rmSync(SCRATCH, { recursive: true });
  console.log(`faults${ofRedis ? ' over TLS' : ''}: ${Object.keys(times).length} scenarios, ${failures.length} failures`);
  process.exitCode = failures.length ? 1 : 0;
}

main();
