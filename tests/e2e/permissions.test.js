// SPDX-License-Identifier: MIT
// Redis users with and without INFO, CONFIG, CLIENT and ACL, on any of the daemons: the epoch stays, silence is noticed, and a loss of
// memory is noticed.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { scenario, until } = require('./lib/stack');
const { run } = require('./lib/process');

const DAEMONS = ['ws0', 'ws1', 'expiryd0', 'expiryd1', 'api'];
const EVERYTHING = ['INFO', 'CONFIG', 'CLIENT', 'ACL'];
const CASES = [
  { commands: EVERYTHING, denied: ['ws0'] },
  { commands: EVERYTHING, denied: ['ws0', 'ws1', 'api'] },
  { commands: EVERYTHING, denied: DAEMONS },
  { commands: ['INFO'], denied: ['ws1', 'expiryd1'] },
];
const ENV = { PRESENCE_TTL: '1500ms', PRESENCE_HEARTBEAT_MIN: '0', PRESENCE_HOLDBACK: '1s' };

// In the arguments, so that no daemon is refused by a server that does not know the user yet.
const withUser = (commands) =>
  ['--user', 'limited', 'on', '>limited-password', '~*', '&*', '+@all', ...commands.map((command) => `-${command.toLowerCase()}`)];

async function startDaemons(s, denied) {
  const url = (name) => ({ REDIS_URL: denied.includes(name) ? `unix://limited:limited-password@${s.socket}` : `unix://${s.socket}` });
  for (const name of ['ws0', 'ws1']) await s.startServer(url(name));
  for (const name of ['expiryd0', 'expiryd1']) await s.startExpiryd(url(name));
  await s.startApi(url('api'));
  for (const daemon of [...s.servers, s.api]) await s.ready(daemon);
}

const epoch = (s) => s.redis.hget('presence:epoch', 'id');

// By the number of its registration, so that each daemon is known to have spoken since.
async function everyDaemonSpeaks(s, times) {
  const numbers = async () => Object.entries(await s.redis.hgetall('presence:nodes')).map(([node, text]) => [node, JSON.parse(text).said]);
  const before = new Map(await until(async () => { const list = await numbers(); return list.length === DAEMONS.length && list; }, 'all daemons are registered'));
  await until(async () => (await numbers()).every(([node, said]) => said >= before.get(node) + times), 'every daemon has spoken');
}

async function loseMemory(s, commands) {
  const dump = fs.readFileSync(path.join(s.dir, 'dump.rdb'));
  await run('redis-cli', ['-s', s.socket, 'SHUTDOWN', 'NOSAVE']);
  await s.redisProcess.exited;
  fs.writeFileSync(path.join(s.dir, 'dump.rdb'), dump);
  await s.startRedis(withUser(commands));
}

for (const { commands, denied } of CASES)
  scenario(`${commands.join(', ')} denied to ${denied.join(', ')}`, { servers: 0, redis: withUser(commands), env: ENV }, async (s) => {
    await startDaemons(s, denied);
    const dashboards = await Promise.all([0, 1].map((server) => s.dashboard({ server })));
    const alive = await Promise.all([0, 1].map((server) => s.phone(`alive${server}`, { server, beat: 300 })));
    const before = await epoch(s);
    await everyDaemonSpeaks(s, 2);
    assert.equal(await epoch(s), before, 'the epoch stays');

    await s.phone('silent', { server: 0 });
    const told = (user, status) => until(() => dashboards.every((d) => d.of(user).at(-1)?.status === status), `${user} is told ${status}`, 15000);
    await told('silent', 'online');
    await told('silent', 'offline');
    assert.equal(await epoch(s), before, 'the epoch stays while somebody expires');

    await s.redis.save();
    await s.phone('later', { server: 1, beat: 300 });
    await told('later', 'online');
    await loseMemory(s, commands);
    await until(async () => (await epoch(s)) !== before, 'the loss of memory is noticed', 15000);
    const wanted = JSON.stringify(['alive0', 'alive1', 'later']);
    await until(async () => JSON.stringify(await s.online()) === wanted, 'the store is whole again', 15000);
    await until(() => dashboards.every((d) => JSON.stringify(d.online) === wanted), 'the views are whole', 15000);
    const after = await epoch(s);
    await everyDaemonSpeaks(s, 2);
    assert.equal(await epoch(s), after, 'one loss begins one epoch');
    for (const d of dashboards)
      for (const phone of [...alive, { user: 'later' }])
        assert.deepEqual(d.of(phone.user).filter((u) => u.status === 'offline'), [], `${phone.user} is never shown offline`);
    const answer = await until(async () => {
      const response = await fetch(`${s.api.url}/api/presence/online`);
      return response.status === 200 && response.json();
    }, 'presence-api answers again', 15000);
    assert.deepEqual(answer.users.map((u) => u.userId).sort(), JSON.parse(wanted));
  });
