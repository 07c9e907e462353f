// SPDX-License-Identifier: MIT
// What is measured, and how much of it: the quick form in 8 minutes, the full one in 45.
'use strict';
const { bulk } = require('./bulk');
const { expiry } = require('./expiry');
const growth = require('./growth');
const { limits: tryLimits } = require('./limits');
const { median } = require('./measure');
const { Ours, OursOverTcp, OursOverTls, Peer, using } = require('./rig');
const { snapshot } = require('./snapshot');
const { passing } = require('./passing');
const strongest = require('./peers');
const { phones, updates, quiet } = require('./stages');

const count = (n) => n.toLocaleString('en-US');

const medians = (runs) => Object.fromEntries(Object.keys(runs[0]).map((name) => [name, median(runs.map((run) => run[name]))]));

// Several runs of each side, each cold, in turn, since a machine's speed drifts; the medians of what they return.
async function both(times, work, peerWork = work) {
  const ours = [], peer = [];
  for (let i = 0; i < times; i++) {
    ours.push(await using(Ours, work));
    if (peerWork) peer.push(await using(Peer, peerWork));
  }
  return { ours: medians(ours), peer: peerWork ? medians(peer) : {} };
}

function add(rows, { ours, peer }, list) {
  for (const [key, name, unit, more] of list) rows.push({ name, unit, ours: ours[key], peer: peer[key], more });
}

async function connections({ rows, notes, scale }) {
  const options = { phones: 10000, connectRate: 1000, rate: 3000, seconds: scale.seconds, repeat: scale.repeat };
  const result = await both(scale.rounds, (rig) => phones(rig, options));
  add(rows, result, [
    ['memory', 'memory per phone (PSS), 10,000 connected', 'B'],
    ['connect', 'CPU per connect, token checked, session stored', 'µs'], ['connectRedis', '  its share of Redis', 'µs'],
    ['beat', 'CPU per heartbeat at 3,000/s', 'µs'], ['beatRedis', '  its share of Redis', 'µs']]);
  notes.push(`simulator: ${result.ours.simulator.toFixed(0)} % of a core at 3,000 heartbeats/s`);
}

async function storm({ rows, notes, scale }) {
  const options = { phones: 10000, connectRate: 2000, rate: 30000, seconds: scale.seconds, repeat: scale.repeat };
  const result = await both(scale.rounds, (rig) => phones(rig, options), null);
  add(rows, result, [['beat', 'CPU per heartbeat at 30,000/s', 'µs'], ['beatRedis', '  its share of Redis', 'µs']]);
  notes.push(`simulator: ${result.ours.simulator.toFixed(0)} % of a core at 30,000 heartbeats/s, which the peer can't take`);
}

// What TLS to Redis costs: the same heartbeats over TCP, plain and encrypted, in turn.
async function encryption({ grids, scale }) {
  const options = { phones: 5000, connectRate: 1000, rate: 3000, seconds: scale.seconds, repeat: scale.repeat };
  const plain = [], tls = [];
  for (let i = 0; i < scale.rounds; i++) {
    plain.push(await using(OursOverTcp, (rig) => phones(rig, options)));
    tls.push(await using(OursOverTls, (rig) => phones(rig, options)));
  }
  const before = medians(plain), after = medians(tls);
  grids.push({ title: 'Redis at a TCP port', columns: ['plain', 'TLS', 'TLS / plain'],
    rows: [['beat', 'CPU per heartbeat at 3,000/s'], ['beatRedis', '  its share of Redis']]
      .map(([key, name]) => ({ name, unit: 'µs', values: [before[key], after[key], after[key] / before[key]] })) });
}

// 20 groups of 50 phones with a talker each: 49,000 frames a second.
async function router({ grids, scale }) {
  const { direct, nginx, presence } = await passing(scale.rounds, { groups: 20, seconds: scale.seconds, repeat: scale.repeat });
  const row = (name, unit, key) => ({ name, unit, values: [direct[key], nginx[key], presence[key], presence[key] / nginx[key]] });
  grids.push({ title: 'in front of a router', columns: ['nothing', 'nginx', 'presence', 'presence / nginx'], rows: [
    row('CPU per passed frame of 200 bytes', 'µs', 'cpu'), row('memory per phone (PSS)', 'B', 'memory'),
    row('a frame from phone to phone: p50', 'ms', 'p50'), row('  p99', 'ms', 'p99')] });
}

// presence beside Bun and mosquitto.
async function peers({ grids, notes, scale }) {
  grids.push(await strongest.connections(scale), await strongest.updates(scale), await strongest.fleets(scale));
  notes.push(await strongest.anonymous());
}

async function limits({ grids, notes }) {
  const tried = await tryLimits();
  grids.push(tried.grid);
  notes.push(...tried.notes);
}

const LATENCIES = [['p50', '  latency p50', 'ms'], ['p99', '  latency p99', 'ms']];

async function dashboards({ rows, notes, scale }) {
  const at = (changes) => (rig) => updates(rig, { dashboards: 500, changes, seconds: scale.seconds, repeat: scale.repeat });
  const slow = await both(scale.rounds, at(100)), fast = await both(scale.rounds, at(1000), null);
  const calm = await both(1, (rig) => quiet(rig, { dashboards: 500, seconds: scale.seconds, repeat: 1 }));
  add(rows, slow, [['cpu', 'CPU per delivered update, 500 dashboards × 100/s', 'µs'], ...LATENCIES]);
  add(rows, { ours: fast.ours, peer: { cpu: slow.peer.cpu } }, [['cpu', 'CPU per delivered update, 500 dashboards × 1,000/s', 'µs'], ...LATENCIES]);
  add(rows, calm, [['p99', 'latency p99, 500 dashboards × 10/s', 'ms']]);
  notes.push(`simulator: ${slow.ours.simulator.toFixed(0)} % of a core at 50,000 updates/s, ${fast.ours.simulator.toFixed(0)} % at 500,000/s`
    + " (the peer's figure there is that of 50,000/s: it can't do more)");
  const lost = slow.ours.lost + fast.ours.lost;
  if (lost) notes.push(`presence: ${lost} updates were not delivered in time`);
}

async function snapshots({ rows, scale }) {
  for (const users of scale.snapshots) {
    const peer = users <= scale.peerUsers ? undefined : null;
    const result = await both(1, (rig) => snapshot(rig, users, scale.repeat), peer);
    add(rows, result, [['ms', `snapshot of ${count(users)} users to a new dashboard`, 'ms'], ['server', '  CPU', 'µs'],
      ['redis', '  CPU of Redis', 'µs'], ['commands', '  Redis commands', '']]);
  }
}

async function status({ rows, scale }) {
  add(rows, await both(1, (rig) => bulk(rig, scale.seconds, scale.repeat)), [
    ['server', 'status of 100 ids: CPU', 'µs'], ['redis', '  CPU of Redis', 'µs'],
    ['rate', '  requests/s over 8 connections', '1/s', true], ['p99', '  p99', 'ms']]);
}

async function silence({ rows, notes, scale }) {
  for (const options of scale.silences) {
    const { ours, peer } = await both(1, (rig) => expiry(rig, options), options.users <= scale.peerUsers ? undefined : null);
    const name = options.spreadMs ? `offline after the deadline, ${count(ours.silent)} of ${count(options.users)} users`
      : `${count(ours.silent)} deadlines at once among ${count(options.users)} users`;
    add(rows, { ours, peer }, [['p50', `${name}: p50`, 'ms'], ['p99', '  p99', 'ms'], ['max', '  max', 'ms'],
      ['redisShare', '  CPU of Redis meanwhile', '%'], ['serverShare', '  CPU of the process meanwhile', '%']]);
    if (peer.silent) notes.push(`offline after the deadline: the peer told of ${peer.seen} of ${peer.silent} within the ${(options.spreadMs + options.waitMs) / 1000} s that were waited`);
  }
}

// Columns are sizes; each is measured in processes of its own.
async function grow(grids, title, sizes, work, list) {
  const columns = [];
  for (const size of sizes) columns.push(await using(Ours, (rig) => work(rig, size)));
  grids.push({ title, columns: sizes.map((size) => (typeof size === 'number' ? count(size) : size.name)),
    rows: list.map(([key, name, unit]) => ({ name, unit, values: columns.map((column) => column[key]) })) });
}

async function growingConnections({ grids, scale }) {
  const { seconds, repeat } = scale;
  await grow(grids, 'connections in one process', scale.phones, (rig, phones) => growth.byConnections(rig, { phones, seconds, repeat }), [
    ['memory', 'memory per phone (PSS)', 'B'], ['connect', 'CPU per connect', 'µs'], ['beat', 'CPU per heartbeat at 600/s', 'µs'],
    ['beatRedis', '  its share of Redis', 'µs'], ['update', 'CPU per delivered update, 500 dashboards × 100/s', 'µs']]);
  await grow(grids, 'connections in all', scale.processes.map(({ processes, phones }) =>
    ({ name: `${count(phones)} × ${processes}`, processes, phones, seconds: 3 * seconds })), growth.byProcesses, [
    ['connected', 'connected', ''], ['memory', 'memory of the processes above their start (PSS)', 'MB'], ['connect', 'CPU per connect', 'µs'],
    ['beat', 'CPU per heartbeat, one in 30 s from each', 'µs'], ['share', 'CPU of the processes in all', '% of a core'],
    ['redisShare', 'CPU of Redis', '% of a core']]);
}

async function growingUsers({ grids, scale }) {
  const { seconds, repeat } = scale;
  await grow(grids, 'users online', scale.users, (rig, users) => growth.byUsers(rig, { users, seconds, repeat }), [
    ['beat', 'CPU per heartbeat at 3,000/s', 'µs'], ['beatRedis', '  its share of Redis', 'µs'],
    ['index', 'CPU of Redis for the due index', '% of a core']]);
  await grow(grids, 'users online', scale.users, (rig, users) => growth.roster(rig, { users, repeat }), [
    ['memory', 'memory of the roster (PSS)', 'MiB'], ['shared', '  while a snapshot is shared', 'MiB'], ['ms', 'snapshot to a new dashboard', 'ms'],
    ['server', '  CPU', 'µs'], ['commands', '  Redis commands', '']]);
}

const stages = { connections, storm, encryption, router, dashboards, snapshots, status, silence, peers, limits };
const growing = { growingConnections, growingUsers };

const quick = {
  stages, seconds: 2, repeat: 3, rounds: 1, idle: 10, snapshots: [10000, 100000], peerUsers: 100000,
  silences: [{ users: 10000, spreadMs: 5000, waitMs: 5000 }],
};

const full = {
  stages: { ...stages, ...growing }, seconds: 5, repeat: 5, rounds: 3, idle: 60,
  phones: [1000, 5000, 18000], processes: [{ processes: 1, phones: 18000 }, { processes: 5, phones: 18000 }], users: [10000, 100000, 1000000], snapshots: [10000, 100000, 1000000], peerUsers: 100000,
  silences: [
    { users: 10000, spreadMs: 20000, waitMs: 20000 }, { users: 100000, spreadMs: 20000, waitMs: 20000 },
    { users: 1000000, spreadMs: 20000, waitMs: 20000 }, { users: 1000000, silent: 10000, spreadMs: 0, waitMs: 30000 }],
};

module.exports = { quick, full };
