// SPDX-License-Identifier: MIT
// A whole installation for one test: its own Redis on a unix socket in its own directory, and the daemons asked for. Everything it
// started ends with the test; logs are shown only when the test failed.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');
const Redis = require('ioredis');
const jwt = require('jsonwebtoken');
const { BIN, ROOT, Process, run, until } = require('./process');
const { Phone, Dashboard } = require('./clients');

// PRESENCE_REDIS_SERVER=valkey-server runs the tests on Valkey, where it is installed (Debian 13); it takes redis-server's arguments.
const REDIS_SERVER = process.env.PRESENCE_REDIS_SERVER || 'redis-server';

const SECRET = 'an-end-to-end-secret-of-32-bytes!!';

class Stack {
  constructor(settings) {
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'presence-e2e-'));
    this.socket = path.join(this.dir, 'redis.sock');
    this.settings = settings;
    this.processes = [];
    this.clients = [];
    this.besides = [];
    this.servers = [];
    this.expiryds = [];
    this.apis = [];
    this.tokens = new Set(); // none of them may stand in a log
  }

  get env() {
    return {
      PATH: process.env.PATH,
      SECRET_KEY: SECRET,
      REDIS_URL: `unix://${this.socket}`,
      PRESENCE_TTL: '60s',
      PRESENCE_MAX_CONNECTS_PER_USER: '0', // tests connect in a hurry; quotas.test.js has the limit
      ASAN_OPTIONS: process.env.ASAN_OPTIONS || '',
      ...this.settings,
    };
  }

  start(command, args = [], env = {}, options = {}) {
    const child = new Process(command, args, { env: { ...this.env, ...env }, cwd: this.dir, ...options });
    this.processes.push(child);
    return child;
  }

  async startRedis(args = []) {
    this.redisProcess = this.start(REDIS_SERVER, ['--port', '0', '--unixsocket', this.socket, '--save', '', '--dir', this.dir,
      '--dbfilename', 'dump.rdb', ...args]);
    await this.redisProcess.printed(/eady to accept connections/);
    if (!this.redis) {
      this.redis = new Redis({ path: this.socket, retryStrategy: () => 20, maxRetriesPerRequest: null });
      this.redis.on('error', () => {});
    }
    await until(async () => (await this.redis.ping().catch(() => '')) === 'PONG', 'Redis answers');
    return this.redisProcess;
  }

  // A second connection to Redis, for what subscribes; closed with the stack, or a failed test would never end.
  beside() {
    const redis = this.redis.duplicate();
    redis.on('error', () => {});
    this.besides.push(redis);
    return redis;
  }

  // As the guide's operator does it; everything not saved is gone.
  async loseRedis() {
    await run('redis-cli', ['-s', this.socket, 'SHUTDOWN', 'NOSAVE']);
    await this.redisProcess.exited;
  }

  // Daemons listen on a port of the kernel's choice and say which in their log.
  async startDaemon(name, variable, env = {}) {
    const child = this.start(path.join(BIN, name), [], { [variable]: '127.0.0.1:0', ...env });
    child.port = Number((await child.printed(/listening address=127\.0\.0\.1:(\d+)/))[1]);
    child.url = `http://127.0.0.1:${child.port}`;
    return child;
  }

  async startServer(env) {
    const server = await this.startDaemon('presence-ws', 'PRESENCE_WS_LISTEN', env);
    this.servers.push(server);
    return server;
  }

  async startExpiryd(env) {
    const expiryd = await this.startDaemon('presence-expiryd', 'PRESENCE_EXPIRYD_LISTEN', env);
    this.expiryds.push(expiryd);
    return expiryd;
  }

  async startApi(env) {
    this.api = await this.startDaemon('presence-api', 'PRESENCE_API_LISTEN', env);
    this.apis.push(this.api);
    return this.api;
  }

  async ready(daemon) {
    await until(async () => (await fetch(`${daemon.url}/readyz`)).status === 200, `${daemon.name} is ready`);
  }

  ctl(...args) {
    return run(path.join(BIN, 'presence-ctl'), args, { env: { ...this.env } });
  }

  // A token as the users' own backend makes it.
  token(user, role, claims = {}, options = {}) {
    const token = jwt.sign({ uid: user, ...(role && { role }), ...claims }, SECRET, { algorithm: 'HS256', ...options });
    this.tokens.add(token);
    return token;
  }

  // A phone that is connected; options: server (index or process), device, claims, encoding.
  // With `beat` it beats every so many ms from the moment it is open, while others still connect.
  async phone(user, { beat = 0, ...options } = {}) {
    const phone = await this.connect(Phone, user, { role: 'mobile', ...options });
    return beat ? phone.beatEvery(beat) : phone;
  }

  // A dashboard that has its first snapshot.
  async dashboard(options = {}) {
    const dashboard = await this.connect(Dashboard, options.user || 'admin', { role: 'web', ...options });
    if (options.wait !== false) await until(() => dashboard.snapshots.length > 0, 'the first snapshot');
    return dashboard;
  }

  async connect(Client, user, options) {
    const server = typeof options.server === 'object' ? options.server : this.servers[options.server || 0];
    const token = options.token || this.token(user, options.role, options.claims);
    const client = new Client({ url: `ws://127.0.0.1:${server.port}${options.path || '/'}`, user, token, ...options });
    this.clients.push(client);
    await client.opened;
    return client;
  }

  // What Redis says: the published state.
  async online() { return (await this.redis.zrange('presence:due', 0, -1)).sort(); }

  async end(failed) {
    for (const client of this.clients) client.terminate();
    for (const child of this.processes) child.signal('SIGCONT');
    for (const child of this.processes) if (child !== this.redisProcess) child.signal('SIGTERM');
    const limit = new Promise((resolve) => setTimeout(resolve, 8000).unref());
    await Promise.race([Promise.all(this.processes.filter((p) => p !== this.redisProcess).map((p) => p.exited)), limit]);
    for (const redis of [this.redis, ...this.besides]) redis?.disconnect();
    for (const child of this.processes) await child.kill();
    if (failed || this.crashed() || this.leaking()) this.keep();
    fs.rmSync(this.dir, { recursive: true, force: true });
    if (this.leaking()) throw new Error(`a token stands in the log of ${this.leaking().name}`);
    if (this.crashed()) throw new Error(`a sanitizer or an abort ended ${this.crashed().name}`);
  }

  // The logs of all its processes are printed, and stay in build/failed/e2e.
  keep() {
    const kept = path.join(ROOT, 'build', 'failed', 'e2e', path.basename(this.dir));
    fs.mkdirSync(kept, { recursive: true });
    for (const child of this.processes) {
      console.error(`--- ${child.name} ${child.pid}\n${child.output}`);
      fs.writeFileSync(path.join(kept, `${child.name}.${child.pid}.log`), child.output);
      if (/^SIG(ABRT|BUS|FPE|ILL|SEGV|SYS|TRAP)$/.test(child.ended?.signal))
        console.error(`${child.name} ${child.pid} died of ${child.ended.signal}; core dumps go to ${fs.readFileSync('/proc/sys/kernel/core_pattern', 'utf8').trim()}`);
    }
    console.error(`the logs are kept in ${path.relative(process.cwd(), kept)}`);
  }

  leaking() {
    const logs = this.processes.filter((p) => /^presence-/.test(p.name));
    return logs.find((p) => [...this.tokens].some((token) => p.output.includes(token)));
  }

  crashed() {
    return this.processes.find((p) => /(ERROR|WARNING): \w+Sanitizer|runtime error:|Assertion .* failed|^==\d+== (Invalid|Conditional|Use of|Syscall|Mismatched|[\d,]+ bytes .* lost)/m.test(p.output));
  }
}

// stack(t, {servers, expiryds, api, env}): started, and ended with the test.
async function stack(t, { servers = 1, expiryds = 0, api = false, redis = [], env = {} } = {}) {
  const s = new Stack(env);
  // node:test tells a hook nothing of the outcome: scenario() does.
  t.after(() => s.end(t.failed));
  await s.startRedis(redis);
  for (let i = 0; i < servers; i++) await s.startServer();
  if (env.PRESENCE_ENABLED !== 'false') for (const server of s.servers) await s.ready(server);
  for (let i = 0; i < expiryds; i++) await s.startExpiryd();
  if (api) await s.startApi();
  return s;
}

// test(name, options, async (t, s) => …) with a stack of its own; a failure shows the logs.
function scenario(name, options, body) {
  test(name, { timeout: 120000 }, async (t) => {
    t.failed = true;
    await body(await stack(t, options), t);
    t.failed = false;
  });
}

// Before this time no expiry is to be expected: its deadline, or the end of a hold-back, which a machine that stands still for a second causes.
const expiryDue = async (s, deadlineMs) => Math.max(deadlineMs, Number(await s.redis.hget('presence:epoch', 'hold')) || 0);

module.exports = { scenario, stack, Stack, SECRET, expiryDue, REDIS_SERVER, until };
