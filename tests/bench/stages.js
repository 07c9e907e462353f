// SPDX-License-Identifier: MIT
// The stages that presence-sim drives: phones that connect and beat, dashboards that are told.
'use strict';
const { load } = require('./load');
const { median } = require('./measure');

const medianOf = (reports, value) => median(reports.map(value));

// Phones connect and beat: memory and CPU of each.
async function phones(rig, { phones: count, connectRate, rate, seconds, repeat }) {
  await rig.startServer();
  const reports = await load(rig, { phones: count, connectRate, rate, changes: 0, seconds, repeat });
  const [{ server, redis, phones: connected }] = reports;
  const reached = Math.min(...reports.map((r) => r.beats / r.measuredMs * 1000));
  if (connected < count || reached < rate * 0.98)
    process.stderr.write(`bench: ${rig.name}: ${connected} of ${count} phones, ${Math.round(reached)} of ${rate} heartbeats/s\n`);
  return {
    memory: (server.connectedPssKb - server.startPssKb) * 1024 / connected,
    connect: server.connectUs / connected,
    connectRedis: redis.connectUs / connected,
    beat: medianOf(reports, (r) => r.server.measureUs / r.beats),
    beatRedis: medianOf(reports, (r) => r.redis.measureUs / r.beats),
    simulator: medianOf(reports, (r) => r.ownCpu),
  };
}

// Phones come and go before dashboards. What the comings and goings themselves cost is measured before one dashboard, and taken off.
async function updates(rig, { dashboards, changes, seconds, repeat }) {
  await rig.startServer();
  const options = { phones: 0, rate: 0, changes, seconds, repeat };
  const alone = await load(rig, { ...options, dashboards: 1, prefix: 'alone' });
  const all = await load(rig, { ...options, dashboards, prefix: 'all' });
  const base = medianOf(alone, (r) => r.server.measureUs / r.changes);
  return {
    cpu: medianOf(all, (r) => (r.server.measureUs - base * r.changes) / (r.delivered - r.changes)),
    change: base,
    rate: medianOf(all, (r) => r.delivered / r.measuredMs * 1000),
    share: medianOf(all, (r) => r.server.measureUs / r.measuredMs / 10),
    p50: medianOf(all, (r) => r.fromServer.p50Us / 1000),
    p99: medianOf(all, (r) => r.fromServer.p99Us / 1000),
    lost: all.reduce((sum, r) => sum + r.expected - r.delivered, 0),
    simulator: medianOf(all, (r) => r.ownCpu),
  };
}

// The same, quiet: a change now and then.
async function quiet(rig, { dashboards, changes = 10, seconds, repeat }) {
  await rig.startServer();
  const reports = await load(rig, { phones: 0, rate: 0, changes, dashboards, seconds, repeat });
  return { p50: medianOf(reports, (r) => r.fromServer.p50Us / 1000), p99: medianOf(reports, (r) => r.fromServer.p99Us / 1000) };
}

module.exports = { phones, updates, quiet };
