// SPDX-License-Identifier: MIT
// POST /api/presence/status for 100 ids over several connections, each asking again when it has its answer. wrk asks: a client in
// Node takes longer to ask than presence-api to answer, and would be what is measured.
'use strict';
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { during, median } = require('./measure');
const { populate, userName } = require('./population');

const CONNECTIONS = 8, IDS = 100, USERS = 10000, BODIES = 64;
const WARM_S = 1;

function body() {
  return JSON.stringify({ userIds: Array.from({ length: IDS }, () => userName(Math.floor(Math.random() * USERS))) });
}

// What wrk plays: the bodies in turn.
function script() {
  const bodies = Array.from({ length: BODIES }, () => `  '${body()}',`).join('\n');
  return `local bodies = {\n${bodies}\n}\nlocal n = 0\nwrk.headers['Content-Type'] = 'application/json'\n`
    + "function request()\n  n = n % #bodies + 1\n  return wrk.format('POST', nil, nil, bodies[n])\nend\n";
}

const UNITS = { us: 0.001, ms: 1, s: 1000 };

// Of what wrk prints: how many answers, and the 99th percentile of their times in ms.
function readReport(text) {
  const wrong = /^ *(Non-2xx.*|Socket errors.*)$/m.exec(text);
  if (wrong) throw new Error(`presence status: ${wrong[1]}`);
  const [, p99, unit] = /^ *99% +([\d.]+)(\w+)$/m.exec(text);
  return { count: Number(/^ *(\d+) requests in/m.exec(text)[1]), p99: p99 * UNITS[unit] };
}

function ask(rig, file, seconds) {
  return new Promise((resolve, reject) => {
    const wrk = spawn('wrk', ['--threads', '1', '--connections', String(CONNECTIONS), '--duration', `${seconds}s`, '--latency', '--script', file,
      `http://127.0.0.1:${rig.httpPort}/api/presence/status`], { stdio: ['ignore', 'pipe', 'inherit'] });
    rig.children.push(wrk);
    let out = '';
    wrk.stdout.on('data', (bytes) => { out += bytes; });
    wrk.on('error', reject);
    wrk.on('close', (code) => {
      try {
        if (code !== 0) throw new Error(`wrk ended with ${code}`);
        resolve(readReport(out));
      } catch (error) { reject(error); }
    });
  });
}

async function bulk(rig, seconds, repeat) {
  const file = path.join(rig.dir, 'status.lua'), runs = [];
  fs.writeFileSync(file, script());
  await populate(rig, USERS);
  await rig.startApi();
  await ask(rig, file, WARM_S);
  for (let i = 0; i < repeat; i++) {
    const cost = await during(rig.pids, () => ask(rig, file, seconds));
    const { count, p99 } = cost.value;
    runs.push({ server: cost.server / count, redis: cost.redis / count, rate: count / seconds, p99 });
  }
  return Object.fromEntries(Object.keys(runs[0]).map((name) => [name, median(runs.map((run) => run[name]))]));
}

module.exports = { bulk };
