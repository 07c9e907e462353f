// SPDX-License-Identifier: MIT
// The two sides of the comparison, each with a Redis of its own and started cold for every stage. Everything is on loopback or a
// unix socket, in a directory that goes with it.
'use strict';
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const Redis = require('ioredis');
const jwt = require('jsonwebtoken');
const { freePort } = require('../e2e/lib/ports');
const { certificate, tlsFlags } = require('../e2e/lib/redis_tls');

const ROOT = path.join(__dirname, '..', '..');
const BIN = path.resolve(ROOT, process.env.PRESENCE_BIN || 'build/bin');
const SECRET = 'a-benchmark-secret-of-32-bytes-or-more';
const START_MS = 20000;

const program = (name) => path.join(BIN, name);
const token = (user, role) => jwt.sign({ uid: user, role }, SECRET, { algorithm: 'HS256' });

class Rig {
  constructor(ttl) {
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'presence-bench-'));
    this.socket = path.join(this.dir, 'redis.sock');
    this.children = [];
    this.pids = {};
    this.env = {
      PATH: process.env.PATH, SECRET_KEY: SECRET, PRESENCE_TTL: String(ttl), PRESENCE_HEARTBEAT_MIN: '0', LOG_LEVEL: 'info',
      REDIS_URL: `unix://${this.socket}`, REDIS_SOCKET: this.socket,
    };
  }

  // Resolves with the first match of `pattern` in what it prints; it is ours to end.
  start(name, command, args, env, pattern) {
    const child = spawn(command, args, { env: { ...this.env, ...env }, cwd: this.dir, stdio: ['ignore', 'pipe', 'pipe'] });
    this.children.push(child);
    this.pids[name] = child.pid;
    return new Promise((resolve, reject) => {
      let output = '';
      const fail = () => reject(new Error(`${name} does not start: ${output}`));
      const timer = setTimeout(fail, START_MS);
      const read = (bytes) => {
        if (output.length > 65536) return;
        output += bytes;
        const match = pattern.exec(output);
        if (!match) return;
        clearTimeout(timer);
        resolve(match);
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      child.on('error', (error) => { output += error.message; fail(); });
      child.on('exit', fail);
    });
  }

  async startRedis(args = ['--port', '0']) {
    await this.start('redis', 'redis-server', ['--unixsocket', this.socket, '--save', '', '--dir', this.dir, ...args], {},
      /eady to accept connections/);
    this.redis = new Redis({ path: this.socket });
  }

  async daemon(name, command, args, env) {
    return Number((await this.start(name, command, args, env, /listening address=127\.0\.0\.1:(\d+)/))[1]);
  }

  ended(child) {
    return child.exitCode !== null || child.signalCode !== null;
  }

  async end() {
    if (this.redis) this.redis.disconnect();
    const alive = this.children.filter((child) => !this.ended(child));
    await Promise.all(alive.map((child) => new Promise((resolve) => { child.on('exit', resolve); child.kill('SIGKILL'); })));
    fs.rmSync(this.dir, { recursive: true, force: true });
  }
}

class Ours extends Rig {
  get name() { return 'presence'; }

  async startServer(i = 0) {
    const port = await this.daemon(i ? `server${i}` : 'server', program('presence-ws'), [], { PRESENCE_WS_LISTEN: '127.0.0.1:0' });
    await until(async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).status === 200, 'presence-ws is ready');
    this.port ||= port;
    return port;
  }

  async startApi() {
    this.httpPort = await this.daemon('server', program('presence-api'), [], { PRESENCE_API_LISTEN: '127.0.0.1:0' });
  }

  async startExpiry() {
    await this.daemon('server', program('presence-expiryd'), [], { PRESENCE_EXPIRYD_LISTEN: '127.0.0.1:0' });
  }
}

// Redis at a TCP port, as it is on another machine.
class OursOverTcp extends Ours {
  async startRedis() {
    const port = await freePort();
    this.env.REDIS_URL = `redis://127.0.0.1:${port}`;
    await super.startRedis(['--port', String(port), '--bind', '127.0.0.1']);
  }
}

class OursOverTls extends Ours {
  async startRedis() {
    const port = await freePort(), own = await certificate(this.dir, 'redis', 'IP:127.0.0.1');
    this.env.REDIS_URL = `rediss://127.0.0.1:${port}`;
    this.env.REDIS_TLS_CA_FILE = own.pem;
    await super.startRedis([...tlsFlags(own), '--tls-port', String(port)]);
  }
}

// One process does it all.
class Peer extends Rig {
  get name() { return 'Node peer'; }

  async startServer() {
    this.port = this.httpPort = await this.daemon('server', process.execPath, [path.join(__dirname, 'peer.js')], {});
    return this.port;
  }

  startApi() { return this.startServer(); }

  startExpiry() { return this.startServer(); }
}

async function until(condition, what, ms = START_MS) {
  for (const end = Date.now() + ms; !await condition();) {
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await sleep(20);
  }
}

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

const open = new Set(); // rigs to end when this program is interrupted

// A side with its Redis, ended whatever `work` does.
async function using(Side, work, ttl = 60) {
  const rig = new Side(ttl);
  open.add(rig);
  try {
    await rig.startRedis();
    return await work(rig);
  } finally {
    await rig.end();
    open.delete(rig);
  }
}

async function endAll() {
  await Promise.all([...open].map((rig) => rig.end()));
}

module.exports = { Rig, Ours, OursOverTcp, OursOverTls, Peer, using, endAll, until, sleep, token, program, SECRET, ROOT };
