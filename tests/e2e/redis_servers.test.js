// SPDX-License-Identifier: MIT
// Servers that are not up to it, or are no Redis at all: named for what they are by the daemons' log, /readyz and doctor. Nobody ends.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const Redis = require('ioredis');
const { scenario, until, REDIS_SERVER } = require('./lib/stack');
const { freePort } = require('./lib/ports');

const json = (text) => text.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
const faults = (list) => list.filter((f) => f.verdict === 'fault');

// A server of few words: what it says to each command, by its name; to others, that it does not know them.
async function fakeServer(t, answers) {
  const sockets = new Set();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    let rest = Buffer.alloc(0);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket)).on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      for (let command = take(); command; command = take()) {
        const name = command[0].toUpperCase();
        socket.write(answers[name] || `-ERR unknown command '${command[0]}', with args beginning with: \r\n`);
      }
    });
    const take = () => {
      let at = rest.indexOf('\r\n');
      if (at < 0) return null;
      const args = [];
      let next = at + 2;
      for (let left = Number(rest.subarray(1, at)); left > 0; left--) {
        at = rest.indexOf('\r\n', next);
        if (at < 0) return null;
        const len = Number(rest.subarray(next + 1, at));
        if (rest.length < at + 2 + len + 2) return null;
        args.push(rest.subarray(at + 2, at + 2 + len).toString());
        next = at + 2 + len + 2;
      }
      rest = rest.subarray(next);
      return args;
    };
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => { for (const socket of sockets) socket.destroy(); server.close(); });
  return server.address().port;
}

const bulk = (text) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;

function use(s, port) { Object.assign(s.settings, { REDIS_URL: '', REDIS_HOST: '127.0.0.1', REDIS_PORT: String(port) }); }

// All three say it in their log, once, and in /readyz; doctor says it with what to do; presence-ctl ends as it should.
async function assertNamed(s, why, mend, { check = 'scripts', replica = false } = {}) {
  const daemons = [await s.startServer(), await s.startExpiryd(), await s.startApi()];
  for (const daemon of daemons) {
    const [line] = await daemon.printed(/ error presence-\w+ redis_unfit why=.*/);
    assert.match(line, why, daemon.name);
    assert.match(line, mend);
    const ready = await until(async () => {
      const answer = await fetch(`${daemon.url}/readyz`), body = await answer.json();
      const text = String(body.error || body.warning);
      return why.test(text) && { status: answer.status };
    }, `${daemon.name} is not ready`);
    assert.equal(ready.status, replica && daemon.name === 'presence-api' ? 200 : 503);
    assert.equal((await fetch(`${daemon.url}/healthz`)).status, 200);
  }
  const doctor = await s.ctl('doctor', '--json');
  assert.equal(doctor.code, 1, doctor.stdout + doctor.stderr);
  const [fault] = faults(json(doctor.stdout)).filter((f) => f.check === check);
  assert.match(fault.text, why);
  assert.match(fault.mend, mend);
  return daemons;
}

const told = (daemon) => daemon.output.match(/ error \S+ redis_unfit /g)?.length || 0;

scenario('a node of a Redis Cluster, with all slots and with none', { servers: 0 }, async (s) => {
  const port = await freePort();
  const cluster = s.start(REDIS_SERVER, ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', s.dir, '--cluster-enabled', 'yes',
    '--cluster-port', String(await freePort()), '--cluster-config-file', path.join(s.dir, 'nodes.conf')]);
  await cluster.printed(/eady to accept connections/);
  use(s, port);
  const why = /this is a node of a Redis Cluster; this version needs a single Redis or one master with replicas/;
  const daemons = await assertNamed(s, why, /one master with replicas/);
  const admin = new Redis({ port, host: '127.0.0.1' });
  s.besides.push(admin);
  try {
    await admin.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    await until(async () => /cluster_state:ok/.test(await admin.call('CLUSTER', 'INFO')), 'the cluster is whole');
    const doctor = await s.ctl('doctor');
    assert.equal(doctor.code, 1);
    assert.match(doctor.stdout, why);
    for (const daemon of daemons) {
      await until(() => told(daemon) === 2, `${daemon.name} says what the server says now`);
      assert.equal((await fetch(`${daemon.url}/healthz`)).status, 200);
    }
    assert.deepEqual(await admin.dbsize(), 0, 'nothing was left in it');
  } finally {
    admin.disconnect();
  }
});

scenario('a Sentinel where Redis should be', { servers: 0 }, async (s) => {
  const port = await freePort(), file = path.join(s.dir, 'sentinel.conf');
  fs.writeFileSync(file, `port ${port}\nbind 127.0.0.1\n`);
  await s.start(REDIS_SERVER, [file, '--sentinel']).printed(/Sentinel ID/);
  use(s, port);
  await assertNamed(s, /this is a Sentinel, and no Redis/, /REDIS_SENTINELS=host:port/);
});

scenario('a read-only replica, which becomes a master', { servers: 0 }, async (s) => {
  await s.redis.replicaof('127.0.0.1', '1');
  const [server] = await assertNamed(s, /this is a read-only replica/, /point REDIS_HOST at the master/, { check: 'role', replica: true });
  await new Promise((resolve) => setTimeout(resolve, 1500));
  assert.equal(told(server), 1, 'it is said once');
  assert.ok(server.output.match(/ redis_up link=commands/g).length === 1, server.output);
  await s.redis.replicaof('NO', 'ONE');
  await server.printed(/ info presence-ws redis_fit/);
  for (const daemon of [server, s.expiryds[0], s.api]) await s.ready(daemon);
});

scenario('Redis 6, KeyDB: scripts with flags are not known', { servers: 0 }, async (s, t) => {
  use(s, await fakeServer(t, {
    PING: '+PONG\r\n', INFO: bulk('# Server\r\nredis_version:6.3.4\r\nkeydb_version:6.3.4\r\nrun_id:abc\r\n'),
    EVALSHA: '-NOSCRIPT No matching script. Please use EVAL.\r\n',
    EVAL: "-ERR Error compiling script (new function): user_script:1: unexpected symbol near '#' \r\n" }));
  await assertNamed(s, /scripts with flags \(EVAL of #!lua\) are not supported; Redis 7\.0 or Valkey is needed.*; this is KeyDB 6\.3\.4/, /use Redis 7\.0 or newer/);
});

scenario('a proxy that has no scripting, and does not let itself be asked', { servers: 0 }, async (s, t) => {
  use(s, await fakeServer(t, { PING: '+PONG\r\n' }));
  await assertNamed(s, /this server has no scripting \(EVAL, EVALSHA\); is it a proxy\?/, /through a proxy that passes EVAL on/);
});

scenario('a user who may not do all: which commands, and it goes on as soon as he may', { servers: 0 }, async (s) => {
  await s.redis.acl('SETUSER', 'small', 'on', '>pass', '~presence:*', '&presence:*', '&__keyevent@*', '+@all', '-xadd', '-zscan');
  Object.assign(s.settings, { REDIS_USERNAME: 'small', REDIS_PASSWORD: 'pass' });
  const why = /not permitted to user small: ZSCAN, XADD/;
  const server = await s.startServer();
  const [line] = await server.printed(/ error presence-ws redis_unfit why=.*/);
  assert.match(line, why);
  assert.match((await (await fetch(`${server.url}/readyz`)).json()).error, why);
  const [fault] = faults(json((await s.ctl('doctor', '--json')).stdout)).filter((f) => f.check === 'scripts');
  assert.match(fault.text, why);
  assert.match(fault.mend, /examples\/redis\.conf/);
  assert.deepEqual(await s.redis.keys('presence:*'), [], 'no key is left, and no transition was tried');
  await s.ready(await s.startApi()); // it only registers
  await s.redis.acl('SETUSER', 'small', '+xadd', '+zscan');
  await server.printed(/ info presence-ws redis_fit/);
  await s.ready(server);
  await s.redis.acl('SETUSER', 'small', '-evalsha', '-eval');
  const other = await s.startServer();
  assert.match((await other.printed(/ error presence-ws redis_unfit why=.*/))[0], /this user of Redis may not run scripts \(EVAL, EVALSHA\)/);
});

scenario('keys of another program in the place of our own: named, left alone, and it goes on when they are gone', { servers: 0 }, async (s) => {
  await s.redis.set('presence:nodes', 'theirs');
  const mend = /rename or delete the key, or set PRESENCE_PREFIX/;
  const daemons = await assertNamed(s, /a key of another program stands in the place of one of presence's: presence:nodes is a string/, mend);
  assert.deepEqual([await s.redis.get('presence:nodes'), await s.redis.dbsize()], ['theirs', 1]);
  await s.redis.del('presence:nodes');
  for (const daemon of daemons) await s.ready(daemon);

  const dashboard = await s.dashboard(), phone = await s.phone('alice');
  await until(() => dashboard.of('alice').at(-1)?.status === 'online', 'alice is online');
  await s.redis.multi().del('presence:due').rpush('presence:due', 'theirs').exec();
  for (const daemon of daemons) await daemon.printed(/ error \S+ redis_unfit why=.*presence:due is a list/);
  for (const daemon of daemons) await until(async () => (await fetch(`${daemon.url}/readyz`)).status === 503, `${daemon.name} is not ready`);
  assert.deepEqual(await s.redis.lrange('presence:due', 0, -1), ['theirs']);
  await s.redis.del('presence:due');
  for (const daemon of daemons) await s.ready(daemon);
  assert.deepEqual(daemons.map(told), [2, 2, 2], 'each change is said once');
  phone.beat();
  await until(async () => (await s.online()).join() === 'alice', 'alice is online again');

  await s.redis.multi().del('presence:log').set('presence:log', 'theirs').exec();
  await s.phone('bob');
  await until(() => dashboard.of('bob').at(-1)?.status === 'online', 'the event is published without a log');
  const [fault] = faults(json((await s.ctl('doctor', '--json')).stdout)).filter((f) => f.check === 'log');
  assert.match(fault.text, /^presence:log is a string of another program/);
  assert.match(fault.mend, mend);
  assert.equal(await s.redis.get('presence:log'), 'theirs');
  assert.deepEqual(dashboard.faults, []);
});
