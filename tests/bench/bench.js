// SPDX-License-Identifier: MIT
// make bench: presence beside an everyday Node peer, in one run, on one machine. bench.js [--full] [--json] [stage …]
'use strict';
const os = require('node:os');
const plan = require('./plan');
const { endAll } = require('./rig');
const table = require('./table');

const arguments_ = process.argv.slice(2);
const full = arguments_.includes('--full'), asJson = arguments_.includes('--json');
const wanted = arguments_.filter((argument) => !argument.startsWith('--'));

const unknown = arguments_.filter((argument) => argument.startsWith('--') ? !['--full', '--json'].includes(argument)
  : ![plan.full, plan.quick].some(({ stages }) => argument in stages));

function say(text) { process.stderr.write(`bench: ${text}\n`); }

async function main() {
  const began = Date.now(), rows = [], grids = [], notes = [];
  const { stages, ...scale } = full ? plan.full : plan.quick;
  for (const [name, stage] of Object.entries(stages)) {
    if (wanted.length && !wanted.includes(name)) continue;
    say(`${name} …`);
    await stage({ rows, grids, notes, scale });
  }
  const seconds = Math.round((Date.now() - began) / 1000);
  const machine = { cpus: os.cpus().length, model: os.cpus()[0].model, load: os.loadavg()[0], node: process.version, seconds };
  notes.push(`${machine.cpus} × ${machine.model}, load ${machine.load.toFixed(1)}, ${seconds} s${full ? '' : '; make bench FULL=1 measures longer'}`);
  process.stdout.write(asJson ? table.json(rows, grids, notes, machine) : table.text(rows, grids, notes));
}

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => endAll().finally(() => process.exit(130)));
if (unknown.length) {
  say(`${unknown.join(', ')}: unknown. bench.js [--full] [--json] [${Object.keys(plan.full.stages).join(' ')}]`);
  process.exit(2);
}
main().catch(async (error) => {
  await endAll();
  say(error.message);
  process.exit(1);
});
