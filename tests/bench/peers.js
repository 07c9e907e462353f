// SPDX-License-Identifier: MIT
// presence beside its strongest peers: Bun, with a server of the same messages, and mosquitto, a broker of MQTT. Each is measured cold,
// in turn.
'use strict';
const { performance } = require('node:perf_hooks');
const { during, median, quantile } = require('./measure');
const mqttLoad = require('./mqtt_load');
const { openAll } = require('./pace');
const { sleep, until, using } = require('./rig');
const { Mosquitto, SIDES, COLUMNS } = require('./sides');
const stages = require('./stages');

const FLEET_TTL_S = 180; // who sends nothing while the fleet rests is not to be noticed
const CONNECT_RATE = 2000, SETTLE_MS = 1000, APART_MS = 20;

const loadOf = (Side) => (Side === Mosquitto ? mqttLoad : stages);

// What work(rig, the functions that load it) returns, of each side.
async function eachSide(work, ttl) {
  const results = [];
  for (const Side of SIDES) results.push(await using(Side, (rig) => work(rig, loadOf(Side)), ttl));
  return results;
}

// list: [name, unit, value of a side's result, whether more is better]. The last column is presence beside the better of the others.
function grid(title, results, list) {
  const rows = list.map(([name, unit, value, more]) => {
    const values = results.map(value), [ours, ...others] = values;
    const best = (more ? Math.max : Math.min)(...others.filter((other) => other > 0));
    return { name, unit, values: [...values, ours && Number.isFinite(best) ? ours / best : undefined] };
  });
  return { title, columns: [...COLUMNS, 'presence / best peer'], rows };
}

const sum = (a, b) => a + (b || 0);

async function connections(scale) {
  const options = { phones: 10000, connectRate: 1000, rate: 3000, seconds: scale.seconds, repeat: 2 };
  return grid('10,000 phones', await eachSide((rig, load) => load.phones(rig, options)), [
    ['memory per phone (PSS)', 'B', (r) => r.memory],
    ['CPU per connect, login checked', 'µs', (r) => r.connect], ['  its share of the store', 'µs', (r) => r.connectRedis],
    ['  server + store in all', 'µs', (r) => sum(r.connect, r.connectRedis)],
    ['CPU per sign of life at 3,000/s (heartbeat; PINGREQ)', 'µs', (r) => r.beat], ['  its share of the store', 'µs', (r) => r.beatRedis],
    ['  server + store in all', 'µs', (r) => sum(r.beat, r.beatRedis)],
    ["  with mosquitto's as a retained PUBLISH", 'µs', (r) => r.publish ?? sum(r.beat, r.beatRedis)]]);
}

async function anonymous() {
  const cost = await using(Mosquitto, (rig) => mqttLoad.phones(rig, { phones: 5000, connectRate: 1000, rate: 3000, seconds: 1, repeat: 1, logins: 0 }));
  return `mosquitto: ${cost.connect.toFixed(0)} µs per connect where nobody needs a login`;
}

// Who is told offline, and when: Map of user -> ms of performance.now().
async function offlines(rig) {
  const heard = new Map();
  const watcher = await rig.watch((user, online) => { if (!online && !heard.has(user)) heard.set(user, performance.now()); });
  return { heard, end: () => watcher.end() };
}

// ms from the RST of so many phones at once until a dashboard was told of the last.
async function resetTogether(phones, heard) {
  const began = performance.now();
  for (const phone of phones) phone.reset();
  await until(() => phones.every((phone) => heard.has(phone.user)), 'all who were reset are told offline');
  return Math.max(...phones.map((phone) => heard.get(phone.user))) - began;
}

async function resetOneByOne(phones, heard) {
  const took = [];
  for (const phone of phones) {
    took.push(await resetTogether([phone], heard));
    await sleep(APART_MS);
  }
  return took;
}

// A fleet that is connected and sends nothing; then some of its phones lose their connection.
async function fleet(rig, { phones: count, seconds, together, single }) {
  await rig.startWhole();
  const before = await rig.stored();
  const phones = await openAll(count, CONNECT_RATE, (i) => rig.phone(`user${i}`));
  await sleep(SETTLE_MS);
  const stored = (await rig.stored() - before) / count;
  const idle = await during(rig.pids, () => sleep(seconds * 1000));
  const dashboard = await offlines(rig);
  const crowd = await resetTogether(phones.slice(0, together), dashboard.heard);
  const alone = await resetOneByOne(phones.slice(together, together + single), dashboard.heard);
  dashboard.end();
  for (const phone of phones) phone.end();
  const share = (name) => rig.pids[name] && idle[name] / idle.ms;
  return { stored, server: share('server'), expiryd: share('expiryd'), redis: share('redis'), crowd, p50: median(alone), p99: quantile(alone, 0.99) };
}

async function fleets(scale) {
  const options = { phones: 10000, seconds: scale.idle, together: 500, single: 100 };
  return grid('10,000 phones that send nothing', await eachSide((rig) => fleet(rig, options), FLEET_TTL_S), [
    ['CPU of the server', 'ms/s', (r) => r.server], ['  of presence-expiryd', 'ms/s', (r) => r.expiryd], ['  of the store', 'ms/s', (r) => r.redis],
    ['  in all', 'ms/s', (r) => sum(sum(r.server, r.expiryd), r.redis)], ['memory of the store per user online', 'B', (r) => r.stored],
    ['500 phones reset at once: until the last is told', 'ms', (r) => r.crowd],
    ['a phone reset alone, until it is told: p50', 'ms', (r) => r.p50], ['  p99', 'ms', (r) => r.p99]]);
}

async function updates(scale) {
  const { seconds } = scale;
  const busy = (changes) => eachSide((rig, load) => load.updates(rig, { dashboards: 500, changes, seconds, repeat: 1 }));
  const calm = (dashboards, changes) => eachSide((rig, load) => load.quiet(rig, { dashboards, changes, seconds, repeat: 1 }));
  const slow = await busy(100), fast = await busy(1000), quiet = await calm(500, 10), few = await calm(50, 100);
  const results = COLUMNS.map((_, i) => ({ slow: slow[i], fast: fast[i], quiet: quiet[i], few: few[i] }));
  return grid('changes to dashboards', results, [
    ['CPU per delivered update, 500 dashboards × 100/s', 'µs', (r) => r.slow.cpu], ['  latency p99', 'ms', (r) => r.slow.p99],
    ['CPU per delivered update, 500 dashboards × 1,000/s', 'µs', (r) => r.fast.cpu], ['  latency p99', 'ms', (r) => r.fast.p99],
    ['  share of a core', '%', (r) => r.fast.share], ['  updates delivered a second', '1/s', (r) => r.fast.rate, true],
    ['latency p99, 500 dashboards × 10/s', 'ms', (r) => r.quiet.p99], ['latency p99, 50 dashboards × 100/s', 'ms', (r) => r.few.p99]]);
}

module.exports = { connections, anonymous, fleets, updates };
