// SPDX-License-Identifier: MIT
// What grows with connections and with users: the cost of an event must not.
'use strict';
const { load } = require('./load');
const { cpu, median, pss } = require('./measure');
const { populate, ageIndex, swept } = require('./population');
const { snapshot } = require('./snapshot');
const { sleep } = require('./rig');

const BEATS = 600; // a second: 18,000 phones that beat every 30 s
const DASHBOARDS = 500, CHANGES = 100;
const REST_MS = 5000, UNSHARED_MS = 7000;

const medianOf = (reports, value) => median(reports.map(value));
const grown = (account) => (account.connectedPssKb - account.startPssKb) * 1024;

// One process with so many phones: what each connection, beat and delivered update costs.
async function byConnections(rig, { phones, seconds, repeat }) {
  await rig.startServer();
  const held = load(rig, { phones, connectRate: 1000, rate: BEATS, changes: 0, seconds, repeat });
  const beats = await held;
  const [{ server, phones: connected }] = beats;
  const options = { phones: Math.max(0, phones - DASHBOARDS), connectRate: 1000, rate: 0, changes: CHANGES, seconds, repeat };
  const alone = await load(rig, { ...options, phones: 0, dashboards: 1, prefix: 'alone' });
  const all = await load(rig, { ...options, dashboards: DASHBOARDS, prefix: 'all' });
  const base = medianOf(alone, (r) => r.server.measureUs / r.changes);
  return {
    connected,
    memory: grown(server) / connected,
    connect: server.connectUs / connected,
    beat: medianOf(beats, (r) => r.server.measureUs / r.beats),
    beatRedis: medianOf(beats, (r) => r.redis.measureUs / r.beats),
    update: medianOf(all, (r) => (r.server.measureUs - base * r.changes) / (r.delivered - r.changes)),
  };
}

// Several processes beside each other, each with its own simulator.
async function byProcesses(rig, { processes, phones, seconds }) {
  const ports = [];
  for (let i = 0; i < processes; i++) ports.push(await rig.startServer(i));
  const reports = await Promise.all(ports.map(async (port, i) =>
    (await load(rig, { phones, connectRate: 300, rate: BEATS, changes: 0, seconds, repeat: 1, prefix: `p${i}-` }, port))[0]));
  const own = reports.map((r, i) => r[i ? `server${i}` : 'server']);
  const sum = (values) => values.reduce((a, b) => a + b, 0);
  const beats = sum(reports.map((r) => r.beats)), share = sum(own.map((a, i) => a.measureUs / reports[i].measuredMs / 10));
  const redisShare = Math.max(...reports.map((r) => r.redis.measureUs / r.measuredMs / 10));
  return {
    connected: sum(reports.map((r) => r.phones)),
    memory: sum(own.map(grown)) / 1e6,
    connect: sum(own.map((a) => a.connectUs)) / sum(reports.map((r) => r.phones)),
    beat: sum(own.map((a) => a.measureUs)) / beats,
    share,
    redisShare,
  };
}

// So many users online, put there by the script that presence-ws uses; a few thousand phones beat among them.
async function byUsers(rig, { users, seconds, repeat }) {
  await populate(rig, users);
  await rig.startServer();
  const beats = await load(rig, { phones: 5000, connectRate: 1000, rate: 3000, changes: 0, seconds, repeat });
  await ageIndex(rig, users); // lasts for a TTL from here
  await rig.startExpiry();
  await swept(rig);
  const before = cpu(rig.pids.redis), began = Date.now();
  await sleep(REST_MS);
  const index = (cpu(rig.pids.redis) - before) / (Date.now() - began) / 10;
  return {
    beat: medianOf(beats, (r) => r.server.measureUs / r.beats),
    beatRedis: medianOf(beats, (r) => r.redis.measureUs / r.beats),
    index,
  };
}

// What a process keeps of its own to serve dashboards, and how fast one is served.
async function roster(rig, { users, repeat }) {
  const before = {};
  const start = rig.startServer.bind(rig);
  rig.startServer = async () => { const port = await start(); before.kb = pss(rig.pids.server); return port; };
  const seen = await snapshot(rig, users, repeat);
  const grown = () => (pss(rig.pids.server) - before.kb) / 1024;
  const shared = grown();
  await sleep(UNSHARED_MS);
  return { ms: seen.ms, server: seen.server, commands: seen.commands, shared, memory: grown() };
}

module.exports = { byConnections, byProcesses, byUsers, roster };
