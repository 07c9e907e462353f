// SPDX-License-Identifier: MIT
// When a client of ours does what: many connections that are opened, and things that are due so many times a second.
'use strict';
const { performance } = require('node:perf_hooks');
const { sleep } = require('./rig');

const TICK_MS = 1;
const UNDERWAY = 64; // connects at once: mosquitto's backlog is 100

// act(i) at `rate` a second, evenly: each tick does what is due by then.
function paced(rate, seconds, act) {
  const began = performance.now(), total = rate * seconds;
  let done = 0;
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const due = Math.min(total, Math.floor((performance.now() - began) * rate / 1000));
      while (done < due) act(done++);
      if (done < total) return;
      clearInterval(timer);
      resolve();
    }, TICK_MS);
  });
}

// What open(0), open(1) … resolve with, started at `rate` a second.
async function openAll(count, rate, open) {
  const began = performance.now(), all = [];
  let underway = 0;
  while (all.length < count) {
    const due = Math.min(count, Math.floor((performance.now() - began) * rate / 1000) + 1);
    for (; all.length < due && underway < UNDERWAY; underway++) {
      all.push(open(all.length).finally(() => { underway--; }));
      all.at(-1).catch(() => {}); // it is waited for below
    }
    await sleep(1);
  }
  return Promise.all(all);
}

module.exports = { paced, openAll };
