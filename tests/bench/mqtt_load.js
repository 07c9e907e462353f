// SPDX-License-Identifier: MIT
// What presence-sim does to the others, done to a broker of MQTT: phones that connect and keep their connection alive, dashboards that
// are told. The results are those of stages.js.
'use strict';
const { performance } = require('node:perf_hooks');
const { during, median, pss } = require('./measure');
const mqtt = require('./mqtt');
const { openAll, paced } = require('./pace');
const { sleep } = require('./rig');

const SETTLE_MS = 200, CALM_MS = 1000, DRAIN_MS = 10000;
const DASHBOARD_RATE = 500;
const TOPIC = 'presence/changer-1';
const STEP_US = 10, STEPS = 1000000; // latencies are kept by steps of 10 µs, up to 10 s

const userName = (i) => `user${i}`;

// CPU of each of `rate` a second.
async function timed(rig, repeat, rate, seconds, act) {
  const runs = [];
  for (let i = 0; i < repeat; i++) runs.push((await during(rig.pids, () => paced(rate, seconds, act))).server / (rate * seconds));
  return median(runs);
}

// beat: of a PINGREQ; publish: of a retained message instead.
async function phones(rig, { phones: count, connectRate, rate, seconds, repeat, logins = count }) {
  await rig.startServer({ logins });
  const startKb = pss(rig.pids.server);
  const connecting = await during(rig.pids, async () => {
    const all = await openAll(count, connectRate, (i) => rig.phone(userName(i)));
    await sleep(SETTLE_MS);
    return all;
  });
  const memory = (pss(rig.pids.server) - startKb) * 1024 / count;
  await sleep(CALM_MS);
  const beat = await timed(rig, repeat, rate, seconds, (i) => connecting.value[i % count].ping());
  const publish = await timed(rig, repeat, rate, seconds, (i) => connecting.value[i % count].tell('online'));
  for (const phone of connecting.value) phone.end();
  return { memory, connect: connecting.server / count, beat, publish };
}

// How long messages took, from the time within them.
class Latencies {
  constructor() { this.steps = new Uint32Array(STEPS); this.count = 0; }

  add(us) {
    this.steps[Math.min(STEPS - 1, Math.floor(us / STEP_US))]++;
    this.count++;
  }

  ms(q) {
    let left = q * this.count, step = 0;
    while (step < STEPS - 1 && left >= this.steps[step]) left -= this.steps[step++];
    return step * STEP_US / 1000;
  }
}

const microseconds = () => Math.round(performance.now() * 1000);
const DIGITS = 12;

// About as long as a status; the time stands at its end, in digits of a fixed number.
const changeAt = (us) => `{"userId":"changer-1","status":"online","deviceId":"phone-1","timestamp":${String(us).padStart(DIGITS, '0')}}`;

function timeOf(bytes, end) {
  let us = 0;
  for (let at = end - 1 - DIGITS; at < end - 1; at++) us = us * 10 + bytes[at] - 48;
  return us;
}

// One measurement, until all is told: a publisher, and subscribers of everything.
async function tell(rig, publisher, dashboards, { changes, seconds, heard }) {
  const latencies = heard.latencies = new Latencies(), expected = changes * seconds * dashboards;
  const cost = await during(rig.pids, async () => {
    await paced(changes, seconds, () => publisher.publish(TOPIC, changeAt(microseconds())));
    for (const end = performance.now() + DRAIN_MS; latencies.count < expected && performance.now() < end;) await sleep(5);
  });
  const { count: delivered } = latencies;
  return { server: cost.server, ms: cost.ms, changes: changes * seconds, delivered, p50: latencies.ms(0.5), p99: latencies.ms(0.99) };
}

async function tellOften(rig, dashboards, { repeat, ...options }) {
  const heard = {};
  const read = (bytes, topic, payload, end) => heard.latencies?.add(microseconds() - timeOf(bytes, end));
  const publisher = await rig.phone('changer-1');
  const all = await openAll(dashboards, DASHBOARD_RATE, (i) => mqtt.subscriber(rig.port, `dashboard-${i}`, { heard: read }));
  await sleep(CALM_MS);
  const runs = [];
  for (let i = 0; i < repeat; i++) runs.push(await tell(rig, publisher, dashboards, { ...options, heard }));
  for (const client of [publisher, ...all]) client.end();
  return runs;
}

const medianOf = (runs, value) => median(runs.map(value));

async function updates(rig, { dashboards, ...options }) {
  await rig.startServer();
  const alone = await tellOften(rig, 1, options), all = await tellOften(rig, dashboards, options);
  const base = medianOf(alone, (r) => r.server / r.changes);
  return {
    cpu: medianOf(all, (r) => (r.server - base * r.changes) / (r.delivered - r.changes)),
    share: medianOf(all, (r) => r.server / r.ms / 10),
    rate: medianOf(all, (r) => r.delivered / r.ms * 1000),
    p50: medianOf(all, (r) => r.p50), p99: medianOf(all, (r) => r.p99),
  };
}

async function quiet(rig, { dashboards, ...options }) {
  await rig.startServer();
  const runs = await tellOften(rig, dashboards, options);
  return { p50: medianOf(runs, (r) => r.p50), p99: medianOf(runs, (r) => r.p99) };
}

module.exports = { phones, updates, quiet };
