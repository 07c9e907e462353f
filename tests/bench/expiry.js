// SPDX-License-Identifier: MIT
// How long after the true deadline of a silent user the others are told; 1 % of the users are silent.
'use strict';
const Redis = require('ioredis');
const { during, quantile } = require('./measure');
const { populate, ageIndex, swept, userName } = require('./population');
const { sleep } = require('./rig');

const LEAD_MS = 3000; // the first deadline, after all is in place
const UPDATES = 'presence:updates';

// Hears of users going offline: Map of user -> ms since 1970.
async function listen(rig) {
  const offline = new Map();
  const subscriber = new Redis({ path: rig.socket });
  subscriber.on('message', (channel, text) => {
    const at = Date.now(), update = JSON.parse(text);
    if (update.status === 'offline' && !offline.has(update.userId)) offline.set(update.userId, at);
  });
  await subscriber.subscribe(UPDATES);
  return { offline, end: () => subscriber.disconnect() };
}

// The silent ones, deadlines over `spreadMs`; resolves with what was seen up to `waitMs` after the last of them.
async function watch(rig, { first, silent, spreadMs, waitMs }) {
  const heard = await listen(rig);
  const begin = Date.now() + LEAD_MS, deadlines = new Map();
  await populate(rig, silent, (i) => {
    const deadline = Math.floor(begin + (i - first) * spreadMs / silent);
    deadlines.set(userName(i), deadline);
    return deadline;
  }, first);
  const cost = await during(rig.pids, async () => {
    const end = begin + spreadMs + waitMs;
    while (Date.now() < end && heard.offline.size < silent) await sleep(20);
  });
  heard.end();
  const lags = [...heard.offline].map(([user, at]) => at - deadlines.get(user));
  return { lags, early: lags.filter((lag) => lag < 0).length, redisShare: cost.redis / cost.ms / 10, serverShare: cost.server / cost.ms / 10 };
}

// users: how many are online beside the silent ones.
async function expiry(rig, { users, silent = Math.ceil(users / 100), spreadMs, waitMs }) {
  await populate(rig, users);
  await ageIndex(rig, users);
  await rig.startExpiry();
  await swept(rig);
  const seen = await watch(rig, { first: users, silent, spreadMs, waitMs });
  if (seen.early) throw new Error(`${seen.early} users were said to be offline before their deadline`);
  const { lags } = seen;
  return { silent, seen: lags.length, p50: quantile(lags, 0.5), p99: lags.length === silent ? quantile(lags, 0.99) : undefined,
    max: lags.length === silent ? Math.max(...lags) : undefined, redisShare: seen.redisShare, serverShare: seen.serverShare };
}

module.exports = { expiry };
