// SPDX-License-Identifier: MIT
// Users beyond the sockets: put into Redis as each side would have written them.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { ROOT, Ours, sleep } = require('./rig');

const BATCH = 250;
const DAY_MS = 86400000;
const TTL_MS = 60000;
const CAUGHT_UP_MS = 100, POLL_MS = 50;
const JITTER_MS = 1000; // from one beat of a phone to the next, of its timer and the network
const SCRIPTS = path.join(ROOT, 'lib', 'store', 'scripts');

const userName = (i) => `user${i}`;
// Phones beat in periods: where in a TTL each has its beats, evenly spread in no order (a step prime to the period).
const phase = (i) => i * 37813 % TTL_MS;

// The shipped script itself, as presence-ws calls it; returns what applies [{ user, deadline }].
async function sessions(redis) {
  const text = ['prelude', 'apply'].map((name) => fs.readFileSync(path.join(SCRIPTS, `${name}.lua`), 'utf8')).join('\n');
  const sha = await redis.script('LOAD', text);
  const runId = /^run_id:(\w+)/m.exec(await redis.info('server'))[1];
  const head = [sha, 1, 'presence:due', 'presence:', runId, 0, 0, 16384, 'bench', 0, DAY_MS, 0];
  return (users) => redis.evalsha(...head, ...users.flatMap(({ user, deadline }) => {
    const beat = deadline - DAY_MS;
    return ['omobile', user, `bench/${user}`, beat, `${beat}\t\t\tdevice-of-${user}`, ''];
  }));
}

async function keys(redis) {
  return (users) => {
    const pipeline = redis.pipeline();
    for (const { user, deadline } of users) {
      pipeline.set(`presence:user:${user}`, '1', 'PXAT', deadline);
      pipeline.hset(`presence:meta:${user}`, 'status', 'online', 'lastSeen', Date.now(), 'deviceId', `device-of-${user}`, 'role', 'mobile');
    }
    return pipeline.exec();
  };
}

// `count` users from number `first` on; deadlineOf(i) in ms since 1970, within a day from now. As of phones that beat on for long.
async function populate(rig, count, deadlineOf, first = 0) {
  const write = await (rig instanceof Ours ? sessions : keys)(rig.redis);
  const begin = Date.now() + DAY_MS - 2 * TTL_MS;
  const living = (i) => begin + phase(i) + Math.random() * JITTER_MS;
  for (let i = first; i < first + count; i += BATCH) {
    const size = Math.min(BATCH, first + count - i);
    await write(Array.from({ length: size }, (_, k) => ({ user: userName(i + k), deadline: Math.floor((deadlineOf || living)(i + k)) })));
  }
}

// What beats leave behind: the index holds deadlines of a TTL before, and all of them pass within the next.
async function ageIndex(rig, count) {
  if (!(rig instanceof Ours)) return;
  const now = Date.now();
  for (let i = 0; i < count; i += BATCH) {
    const entries = [];
    for (let k = i; k < Math.min(count, i + BATCH); k++) entries.push(now + phase(k), userName(k));
    await rig.redis.zadd('presence:due', 'XX', ...entries);
  }
}

// While all was put in place deadlines of the index have passed: until the sweep has caught up with them.
async function swept(rig) {
  if (!(rig instanceof Ours)) return;
  const began = Date.now();
  while (await rig.redis.zcount('presence:due', '-inf', Date.now() - CAUGHT_UP_MS) > 0) {
    if (Date.now() - began > TTL_MS / 2) throw new Error('the sweep does not catch up');
    await sleep(POLL_MS);
  }
}

module.exports = { populate, ageIndex, swept, userName, sessions };
