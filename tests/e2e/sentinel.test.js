// SPDX-License-Identifier: MIT
// Redis behind Sentinel: the master dies or hands over, and nobody alive is shown offline.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const Redis = require('ioredis');
const { scenario, until, REDIS_SERVER } = require('./lib/stack');
const { BIN, run } = require('./lib/process');
const { freePort } = require('./lib/ports');

const PHONES = 60, DOWN_AFTER_MS = 1000;
const range = (n) => [...Array(n).keys()];

// A master, two replicas and three sentinels, on ports of their own.
class Topology {
  constructor(s) { Object.assign(this, { s, redis: [], sentinels: [], ports: [] }); }

  client(port) {
    const client = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 50, maxRetriesPerRequest: null });
    client.on('error', () => {});
    this.s.besides.push(client); // ends with the test, however it ends
    return client;
  }

  startRedis(i, of) {
    const child = this.s.start(REDIS_SERVER, ['--port', String(this.ports[i]), '--bind', '127.0.0.1', '--save', '', '--dir', this.s.dir,
      '--dbfilename', `${i}.rdb`, '--repl-diskless-sync-delay', '0', ...(of === undefined ? [] : ['--replicaof', '127.0.0.1', String(of)])]);
    this.redis[i] = child;
    return child.printed(/eady to accept connections/);
  }

  async startSentinel(i) {
    const port = await freePort(), file = path.join(this.s.dir, `sentinel${i}.conf`);
    fs.writeFileSync(file, `port ${port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 ${this.ports[0]} 2\n`
      + `sentinel down-after-milliseconds main ${DOWN_AFTER_MS}\nsentinel failover-timeout main 3000\n`);
    this.sentinels.push(port);
    await this.s.start(REDIS_SERVER, [file, '--sentinel']).printed(/Sentinel ID/);
  }

  async start() {
    for (let i = 0; i < 3; i++) this.ports.push(await freePort());
    await this.startRedis(0);
    await Promise.all([1, 2].map((i) => this.startRedis(i, this.ports[0])));
    const master = this.client(this.ports[0]);
    await until(async () => /connected_slaves:2/.test(await master.info('replication')), 'the replicas follow');
    for (let i = 0; i < 3; i++) await this.startSentinel(i);
    this.sentinel = this.client(this.sentinels[0]);
    await until(async () => {
      const text = (await this.sentinel.call('SENTINEL', 'MASTER', 'main')).join();
      return /num-slaves,2/.test(text) && /num-other-sentinels,2/.test(text);
    }, 'the sentinels know each other', 20000);
  }

  async masterPort() { return Number((await this.sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'main'))[1]); }

  async promoted(before) {
    await until(async () => await this.masterPort() !== before, 'another master is named', 20000);
    return this.masterPort();
  }
}

// The first of the sentinels is one that nobody listens at.
async function installation(s) {
  const topology = new Topology(s);
  await topology.start();
  const nobody = await freePort();
  s.settings.REDIS_URL = '';
  s.settings.REDIS_MASTER = 'main';
  s.settings.REDIS_SENTINELS = [nobody, ...topology.sentinels].map((port) => `127.0.0.1:${port}`).join(',');
  for (let i = 0; i < 2; i++) await s.ready(await s.startServer());
  await s.startExpiryd();
  await s.startApi();
  return topology;
}

const shown = (dashboards, count) => until(() => dashboards.every((d) => d.online.length === count), `${count} are shown`, 30000);

async function audience(s) {
  const dashboards = await Promise.all([0, 1].map((server) => s.dashboard({ server })));
  const phones = await Promise.all(range(PHONES).map((i) => s.phone(`user${i}`, { device: `d${i}`, server: i % 2, beat: 500 })));
  await shown(dashboards, PHONES);
  return { dashboards, phones };
}

function assertNobodyWronged(dashboards) {
  for (const d of dashboards) {
    assert.deepEqual(d.updates.filter((u) => u.status === 'offline').map((u) => u.userId), [], 'shown offline though alive');
    assert.deepEqual(d.faults, []);
  }
}

async function stillWorks(s, { dashboards, phones }) {
  const api = async () => (await (await fetch(`${s.api.url}/api/presence/count`)).json()).online;
  await until(async () => await api().catch(() => 0) === PHONES, 'presence-api counts all', 20000);
  assertNobodyWronged(dashboards);
  phones[0].terminate();
  await shown(dashboards, PHONES - 1);
  // What the old master heard last is said again to the new one.
  await until(async () => (await s.ctl('status', 'user0')).code === 1, 'presence-ctl says offline', 20000);
}

const OPTIONS = { servers: 0, env: { PRESENCE_TTL: '8s', PRESENCE_HEARTBEAT_MIN: '0' } };

scenario('the master is killed: nobody alive is shown offline, and its return as a replica harms nothing', OPTIONS, async (s) => {
  const topology = await installation(s);
  const people = await audience(s);
  const before = await topology.masterPort();
  await topology.redis[topology.ports.indexOf(before)].kill();
  const after = await topology.promoted(before);
  const master = topology.client(after);
  await until(async () => await master.zcard('presence:due') === PHONES, 'the new master knows all', 20000);
  await s.servers[0].printed(new RegExp(`redis_up link=commands at=127.0.0.1:${after}/0 master=main sentinel=127.0.0.1:\\d+ run_id=`));
  await topology.startRedis(topology.ports.indexOf(before));
  const old = topology.client(before);
  await until(async () => /role:slave/.test(await old.info('replication')), 'the old master follows', 20000);
  await stillWorks(s, people);
});

scenario('a planned failover: nobody alive is shown offline', OPTIONS, async (s) => {
  const topology = await installation(s);
  const people = await audience(s);
  const before = await topology.masterPort();
  await topology.sentinel.call('SENTINEL', 'FAILOVER', 'main');
  const master = topology.client(await topology.promoted(before));
  await until(async () => await master.zcard('presence:due') === PHONES, 'the new master knows all', 20000);
  await stillWorks(s, people);
});

scenario('no sentinel, or none that knows the master: said, and not an end', { servers: 0 }, async (s) => {
  s.settings.REDIS_URL = '';
  s.settings.REDIS_SENTINELS = `127.0.0.1:${await freePort()}`;
  const server = await s.startServer();
  const sentinel = s.settings.REDIS_SENTINELS;
  await server.printed(new RegExp(`redis_down link=commands at="master mymaster of 1 sentinel/0" master=mymaster sentinel=${sentinel}`
    + ` why="sentinel ${sentinel}: Connection refused" hint="start the sentinels`));
  const ctl = await s.ctl('count');
  assert.equal(ctl.code, 4);
  assert.match(ctl.stderr, new RegExp(`Redis at master mymaster of 1 sentinel/0: sentinel ${sentinel}: Connection refused`));
  const doctor = await s.ctl('doctor');
  assert.equal(doctor.code, 4);
  assert.match(doctor.stdout, /mend: start the sentinels, or set REDIS_SENTINELS, REDIS_MASTER/);
  assert.equal((await fetch(`${server.url}/healthz`)).status, 200);
});

// What sentinels say: the address of a master, or none of that name.
async function fakeSentinel(t, answer) {
  const server = net.createServer((socket) => socket.on('data', () => socket.write(answer)).on('error', () => {}));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return `127.0.0.1:${server.address().port}`;
}

const bulk = (text) => `$${text.length}\r\n${text}\r\n`;

scenario('the master refuses, or no sentinel knows it: told apart, and once though several are asked in turn', { servers: 0 }, async (s, t) => {
  const dead = await freePort(), names = await fakeSentinel(t, `*2\r\n${bulk('127.0.0.1')}${bulk(String(dead))}`);
  s.settings.REDIS_URL = '';
  s.settings.REDIS_SENTINELS = `127.0.0.1:${await freePort()},${names}`;
  const server = await s.startServer();
  await server.printed(new RegExp(`redis_down link=commands at=127.0.0.1:${dead}/0 master=mymaster sentinel=${names}`
    + ` why="master 127.0.0.1:${dead}: Connection refused" hint="look at the Redis that the sentinels name`));
  const ctl = await s.ctl('count');
  assert.equal(ctl.code, 4);
  assert.match(ctl.stderr, new RegExp(`Redis at 127.0.0.1:${dead}/0 \\(master mymaster by sentinel ${names}\\): Connection refused`));
  assert.match((await s.ctl('doctor')).stdout, /mend: look at the Redis that the sentinels name/);

  const ignorant = await Promise.all([0, 1, 2].map(() => fakeSentinel(t, '*-1\r\n')));
  s.settings.REDIS_SENTINELS = ignorant.join();
  const other = await s.startServer({ LOG_LEVEL: 'debug' });
  await until(() => other.output.split('redis_down link=commands').length > 4, 'tried again and again');
  const told = other.output.match(/ warn presence-ws redis_down link=commands .*/g);
  assert.equal(told.length, 1, told.join('\n'));
  assert.match(told[0], /why="sentinel 127\.0\.0\.1:\d+: it knows no master of that name \(REDIS_MASTER\)"/);
});

scenario('sentinels and REDIS_URL are both set: refused at the start', { servers: 0 }, async (s) => {
  s.settings.REDIS_SENTINELS = '127.0.0.1:1';
  for (const name of ['presence-ws', 'presence-api', 'presence-expiryd', 'presence-ctl']) {
    const { code, stdout, stderr } = await run(path.join(BIN, name), name === 'presence-ctl' ? ['count'] : [], { env: s.env });
    assert.equal(code, 3, name);
    assert.match(stdout + stderr, /REDIS_SENTINELS and REDIS_URL are both set: one of them must go/);
  }
});
