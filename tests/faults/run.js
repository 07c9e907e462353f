// SPDX-License-Identifier: MIT
// Real processes under real faults: plays the scenarios of this folder with presence-sim run, whose checker judges every dashboard all the
// time, keeps each run's history (JSON lines), and says how long each recovery took.
//   node run.js [NAME...]      RUNS=3: so many times; JOBS=4 at a time, but for crowds, which play alone; PRESENCE_PATIENCE=3: on a slow
//                              machine; HISTORY=DIR keeps the histories there
'use strict';
const { execFile } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const ROOT = path.join(__dirname, '..', '..');
const BIN = path.resolve(ROOT, process.env.PRESENCE_BIN || 'build/bin');
const HISTORY = process.env.HISTORY || fs.mkdtempSync(path.join(os.tmpdir(), 'presence-faults-'));

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

async function play(name) {
  const file = fileOf(name), options = /^# options: (.*)$/m.exec(fs.readFileSync(file, 'utf8'));
  const history = path.join(HISTORY, `${name}.jsonl`);
  const args = ['run', '--quiet', '--json', '--timeout', '4m', '--history', history, ...(options ? options[1].split(' ') : []),
    path.relative(ROOT, file)];
  return new Promise((resolve) => {
    execFile(path.join(BIN, 'presence-sim'), args, { cwd: ROOT }, (error, stdout, stderr) => {
      if (error) resolve({ name, failed: `exit ${error.code ?? error.signal}\n${stdout}${stderr}` });
      else resolve({ name, recovery: recovery(history), ...JSON.parse(stdout) });
    });
  });
}

async function main() {
  const failures = [], times = {};
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
  const inTurn = async (queue) => { while (queue.length) report(await play(queue.shift())); };
  for (let run = 1, runs = Number(process.env.RUNS || 1); run <= runs; run++) {
    const names = scenarios(process.argv.slice(2)), together = names.filter((name) => !isCrowd(name));
    await Promise.all(Array.from({ length: Number(process.env.JOBS || 4) }, () => inTurn(together)));
    await inTurn(names.filter(isCrowd));
  }
  for (const [name, list] of Object.entries(times)) if (list.length > 1) console.log(`${name}: ${list.join(' ')} ms`);
  if (!process.env.HISTORY) fs.rmSync(HISTORY, { recursive: true });
  console.log(`faults: ${Object.keys(times).length} scenarios, ${failures.length} failures`);
  process.exitCode = failures.length ? 1 : 0;
}

main();
