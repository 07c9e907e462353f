// SPDX-License-Identifier: MIT
// Runs presence-sim load against a side and reads its reports: one for each time it measured.
'use strict';
const { spawn } = require('node:child_process');
const { program } = require('./rig');

const LIMIT_MS = 180000;

const flags = {
  phones: '--phones', connectRate: '--connect-rate', rate: '--rate', changes: '--changes', changers: '--changers',
  dashboards: '--dashboards', seconds: '--duration', repeat: '--repeat', prefix: '--prefix', upstream: '--upstream', talkRate: '--talk-rate',
  talkGroup: '--talk-group',
};

function argumentsOf(rig, options) {
  const args = ['load', '--json', '--quiet', '--encoding', 'plain', '--seed', '1', ...(Object.keys(rig.pids).length ? ['--account', Object.values(rig.pids).join(',')] : [])];
  for (const [name, value] of Object.entries(options)) args.push(flags[name], String(value));
  return args;
}

// Accounts by the names of the rig's processes.
function readReport(rig, line) {
  const report = JSON.parse(line);
  const names = Object.keys(rig.pids);
  (report.accounts ?? []).forEach((account, i) => { report[names[i]] = account; });
  report.ownCpu = (report.cpuUserUs + report.cpuSystemUs) / report.measuredMs / 10; // % of a core
  return report;
}

// options: see flags; resolves with the reports. What the simulator thinks of the answers is not asked here.
function load(rig, options, port = rig.port) {
  return new Promise((resolve, reject) => {
    const args = [...argumentsOf(rig, options), '--server', `ws://127.0.0.1:${port}`];
    const child = spawn(program('presence-sim'), args, { env: rig.env, stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '', err = '';
    rig.children.push(child);
    const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
    child.stdout.on('data', (bytes) => { out += bytes; });
    child.stderr.on('data', (bytes) => { err += bytes; });
    child.on('error', reject);
    child.on('close', () => {
      clearTimeout(timer);
      const lines = out.split('\n').filter(Boolean);
      if (lines.length < (options.repeat || 1)) reject(new Error(`presence-sim ${args.join(' ')}: ${err || 'no report'}`));
      else resolve(lines.map((line) => readReport(rig, line)));
    });
  });
}

module.exports = { load };
