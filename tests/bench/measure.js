// SPDX-License-Identifier: MIT
// What a process of this machine has taken, by the kernel's own accounting, and how figures are put together.
'use strict';
const fs = require('node:fs');

// Of each thread that lives, in microseconds: what it has taken.
function threads(pid) {
  return new Map(fs.readdirSync(`/proc/${pid}/task`).map((task) =>
    [task, Number(fs.readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]) / 1000]));
}

// CPU of all threads, in microseconds.
function cpu(pid) {
  return [...threads(pid).values()].reduce((a, b) => a + b, 0);
}

// The same since then. What a thread had taken that has ended meanwhile must not count against the others.
function cpuSince(before, pid) {
  return [...threads(pid)].reduce((sum, [task, us]) => sum + us - (before.get(task) || 0), 0);
}

// Memory in kB, shared pages by their share.
function pss(pid) {
  return Number(/^Pss:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))[1]);
}

function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
}

function median(values) {
  const known = values.filter((value) => value !== undefined);
  if (known.length === 0) return undefined;
  return (quantile(known, 0.5) + quantile(known, (known.length - 1) / 2 / known.length)) / 2;
}

// What `work` cost the processes: { names of pids: µs, value: what it returned, ms: how long it took }.
async function during(pids, work) {
  const before = Object.entries(pids).map(([name, pid]) => [name, pid, threads(pid)]);
  const began = process.hrtime.bigint();
  const value = await work();
  const ms = Number(process.hrtime.bigint() - began) / 1e6;
  return { value, ms, ...Object.fromEntries(before.map(([name, pid, then]) => [name, cpuSince(then, pid)])) };
}

// How often Redis executed a command, its own doing left out.
async function commandsRun(redis) {
  const stats = await redis.info('commandstats');
  let count = 0;
  for (const [, name, calls] of stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)) if (name !== 'info') count += Number(calls);
  return count;
}

module.exports = { cpu, pss, median, quantile, during, commandsRun };
