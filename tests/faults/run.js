// Real processes under real faults: plays the scenarios of this folder with presence-sim run, whose checker judges every dashboard all the
// time, keeps each run's history (JSON lines), and says how long each recovery took.
//   node run.js [NAME...]      RUNS=3: so many times; PRESENCE_PATIENCE=3: on a slow machine; HISTORY=DIR keeps the histories there
'use strict';
const { spawnSync } = require('node:child_process');
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

function play(name) {
  const file = path.join(__dirname, `${name}.scenario`);
  const options = /^# options: (.*)$/m.exec(fs.readFileSync(file, 'utf8'));
  const history = path.join(HISTORY, `${name}.jsonl`);
  const args = ['run', '--quiet', '--json', '--timeout', '4m', '--history', history, ...(options ? options[1].split(' ') : []),
    path.relative(ROOT, file)];
  const ran = spawnSync(path.join(BIN, 'presence-sim'), args, { cwd: ROOT, encoding: 'utf8' });
  if (ran.status !== 0) return { name, failed: `exit ${ran.status ?? ran.signal}\n${ran.stdout}${ran.stderr}` };
  return { name, recovery: recovery(history), ...JSON.parse(ran.stdout) };
}

function main() {
  const failures = [], times = {};
  for (let run = 1, runs = Number(process.env.RUNS || 1); run <= runs; run++)
    for (const name of scenarios(process.argv.slice(2))) {
      const result = play(name);
      if (result.failed) {
        failures.push(name);
        console.log(`FAILED ${name}: ${result.failed}`);
        continue;
      }
      (times[name] ||= []).push(result.recovery);
      const took = result.recovery === undefined ? '' : `, recovered in ${result.recovery} ms`;
      console.log(`ok ${name}: ${result.changes} changes and ${result.snapshots} snapshots judged, ${result.seconds.toFixed(0)} s${took}`);
    }
  for (const [name, list] of Object.entries(times)) if (list.length > 1) console.log(`${name}: ${list.join(' ')} ms`);
  if (!process.env.HISTORY) fs.rmSync(HISTORY, { recursive: true });
  console.log(`faults: ${Object.keys(times).length} scenarios, ${failures.length} failures`);
  process.exitCode = failures.length ? 1 : 0;
}

main();
