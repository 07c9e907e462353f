// SPDX-License-Identifier: MIT
// Shutdowns: not ready but serving for PRESENCE_DRAIN_DELAY, then 503 for all that is new until the end; and what clients see of a
// rolling restart behind nginx and behind a load balancer.
'use strict';
const assert = require('node:assert');
const http = require('node:http');
const net = require('node:net');
const path = require('node:path');
const { scenario, until } = require('./lib/stack');
const { BIN } = require('./lib/process');
const { Raw, ask, upgrade, head } = require('./lib/raw');
const { startNginx } = require('./lib/nginx');
const { startBalancer } = require('./lib/balancer');

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const PATIENCE = Number(process.env.PRESENCE_PATIENCE) || 1;
const STATUS = '/api/presence/status';
const get = (target, at) => ask(target, `GET ${at} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
const post = (body, length = body.length) =>
  `POST ${STATUS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${body}`;

const DRAINING = { success: false, error: 'draining' };

function isDraining(answer, what) {
  assert.equal(answer?.status, 503, what);
  assert.deepEqual(answer.json, DRAINING, what);
  assert.match(answer.headers.connection, /close/, what);
  assert.equal(answer.headers['retry-after'], '1', what);
}

// Each daemon: how to start it, a request that is served, and what holds the second phase up until it is released.
const DAEMONS = {
  'presence-ws': {
    start: (s, env) => s.startServer(env),
    request: (s) => head({ token: s.token('user1', 'mobile') }),
    served: 101,
    hold: async (s, daemon) => { // it never answers the close frame
      const phone = await upgrade(daemon, { token: s.token('held', 'mobile'), device_id: 'd' });
      return () => phone.terminate();
    },
  },
  'presence-api': {
    start: (s, env) => s.startApi(env),
    request: () => post('{"userIds":[]}').replace('Host', 'Connection: close\r\nHost'),
    served: 200,
    hold: async (s, daemon) => { // a body that does not come
      const slow = new Raw(daemon);
      slow.write(post('{"userIds"', 14));
      await sleep(100);
      return async () => {
        slow.write(':[]}');
        const answer = await slow.response();
        assert.equal(answer?.status, 200, 'what was begun is finished');
        assert.match(answer.headers.connection, /close/);
      };
    },
  },
  'presence-expiryd': {
    start: (s, env) => s.startExpiryd(env),
    request: () => 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n',
    served: 200,
    always: true, // its paths are served to the end
    hold: async (s) => { // Redis does not hear the goodbye
      s.redisProcess.signal('SIGSTOP');
      return () => s.redisProcess.signal('SIGCONT');
    },
  },
};

for (const [program, { start, request, served, hold, always }] of Object.entries(DAEMONS)) {
  scenario(`${program}: not ready and serving, then draining, then gone; a second signal skips the first phase`, { servers: 0,
    env: { PRESENCE_DRAIN_DELAY: '60s', PRESENCE_DRAIN_TIMEOUT: '20s', PRESENCE_HOLDBACK: '100ms' } }, async (s) => {
    const daemon = await start(s, {});
    await s.ready(daemon);
    daemon.signal('SIGTERM');
    await daemon.printed(/stopping signal=TERM drain_delay_ms=60000/);
    const unready = await get(daemon, '/readyz');
    assert.deepEqual([unready.status, unready.json.success, unready.json.error], [503, false, 'draining']);
    assert.equal((await get(daemon, '/healthz')).status, 200);
    assert.equal((await ask(daemon, request(s)))?.status, served, 'served as before');
    const release = await hold(s, daemon);
    daemon.signal('SIGTERM');
    await until(async () => (await ask(daemon, 'GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n'))?.json?.error === 'draining', 'it drains');
    const asked = Date.now();
    if (always) assert.equal((await ask(daemon, request(s)))?.status, served);
    else isDraining(await ask(daemon, request(s)), 'a request');
    isDraining(await ask(daemon, 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'), 'another');
    assert.equal((await get(daemon, '/readyz')).status, 503);
    assert.equal((await get(daemon, '/healthz')).status, 200);
    assert.match((await get(daemon, '/metrics')).body, /presence_build_info/);
    assert.ok(Date.now() - asked < 1000 * PATIENCE, 'at once');
    await release();
    assert.deepEqual(await daemon.exited, { code: 0, signal: null });
  });

  scenario(`${program}: the delay passes by itself, and a third signal ends at once`, { servers: 0,
    env: { PRESENCE_DRAIN_DELAY: '300ms', PRESENCE_DRAIN_TIMEOUT: '60s' } }, async (s) => {
    const daemon = await start(s, {});
    await s.ready(daemon);
    await hold(s, daemon);
    daemon.signal('SIGINT');
    const begun = Date.now();
    await until(async () => (await ask(daemon, 'GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n'))?.json?.error === 'draining', 'it drains');
    assert.ok(Date.now() - begun >= 290, `after ${Date.now() - begun} ms`);
    daemon.signal('SIGTERM');
    assert.deepEqual(await daemon.exited, { code: 0, signal: null });
    assert.ok(Date.now() - begun < 10000 * PATIENCE);
  });

  scenario(`${program}: who waits in the backlog when it ends is answered, and not reset`, { servers: 0 }, async (s) => {
    const daemon = await start(s, {});
    await s.ready(daemon);
    daemon.signal('SIGSTOP');
    const clients = Array.from({ length: 400 }, () => new Raw(daemon));
    await Promise.all(clients.map((client) => client.opened));
    for (const client of clients) client.write('GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGCONT']) daemon.signal(signal);
    assert.deepEqual(await daemon.exited, { code: 0, signal: null });
    for (const client of clients) {
      const answer = await client.response();
      assert.ok(answer && [200, 503].includes(answer.status), `${client.error || 'closed without an answer'}`);
    }
  });

  // The kernel resets what waits in the backlog of a socket that is closed.
  scenario(`${program}: until the port is closed every connection has its answer`, { servers: 0 }, async (s) => {
    for (let round = 0; round < 6; round++) {
      const daemon = await start(s, {});
      await s.ready(daemon);
      const counts = {};
      let gone = false;
      const knock = async () => {
        while (!gone) {
          const how = await new Promise((resolve) => {
            const socket = net.connect(daemon.port, '127.0.0.1');
            let text = '';
            socket.on('connect', () => socket.write('GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'));
            socket.on('data', (bytes) => { text += bytes; });
            socket.on('end', () => resolve(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] || 'nothing'));
            socket.on('error', (error) => resolve(error.code));
            socket.setTimeout(5000 * PATIENCE, () => { socket.destroy(); resolve('hangs'); });
          });
          counts[how] = (counts[how] || 0) + 1;
          gone ||= how === 'ECONNREFUSED';
        }
      };
      const knocking = Array.from({ length: 8 }, knock);
      await until(() => counts[200] > 20, 'they are served');
      daemon.signal('SIGTERM');
      assert.equal((await daemon.exited).code, 0);
      await Promise.all(knocking);
      for (const how of Object.keys(counts)) assert.ok(['200', '503', 'ECONNREFUSED'].includes(how), JSON.stringify(counts));
    }
  });
}

scenario('presence-api: a kept connection has one more answer, and an unused one is not closed at once',
  { servers: 0, api: true, env: { PRESENCE_DRAIN_TIMEOUT: '20s' } }, async (s) => {
    const [used, unused] = [new Raw(s.api), new Raw(s.api)];
    for (const kept of [used, unused]) {
      kept.write(post('{"userIds":[]}'));
      assert.equal((await kept.response()).status, 200);
    }
    s.api.signal('SIGTERM');
    await s.api.printed(/draining/);
    const begun = Date.now();
    await sleep(300);
    used.write(post('{"userIds":[]}'));
    const answer = await used.response();
    assert.equal(answer?.status, 200);
    assert.match(answer.headers.connection, /close/);
    await used.gone();
    await unused.gone();
    assert.ok(Date.now() - begun >= 950, `after ${Date.now() - begun} ms`);
    assert.deepEqual(await s.api.exited, { code: 0, signal: null });
  });

// Holds a listening socket as systemd does, and starts the program again each time it ends.
const SUPERVISOR = `use Socket; BEGIN { $^F = 9 } $| = 1;
  socket(T, AF_INET, SOCK_STREAM, 0) && bind(T, sockaddr_in(0, INADDR_LOOPBACK)) && listen(T, 99) or die; die if fileno(T) != 3;
  print "port " . (sockaddr_in(getsockname(T)))[0] . "\\n";
  for (1, 2) { my $child = fork; if (!$child) { @ENV{'LISTEN_PID', 'LISTEN_FDS'} = ($$, 1); exec @ARGV }
    print "child $child\\n"; waitpid($child, 0); print "ended $?\\n" }`;

for (const [program, variable, served] of [['presence-ws', 'PRESENCE_WS_LISTEN', 101], ['presence-api', 'PRESENCE_API_LISTEN', 200]])
  scenario(`${program}: with sockets of systemd the next instance takes who comes meanwhile`, { servers: 0,
    env: { PRESENCE_DRAIN_TIMEOUT: '20s', PRESENCE_API_AUTH: 'none' } }, async (s) => {
    const supervisor = s.start('perl', ['-e', SUPERVISOR, path.join(BIN, program)], { [variable]: 'systemd' });
    const port = Number((await supervisor.printed(/^port (\d+)$/m))[1]);
    await supervisor.printed(/listening address=/);
    const release = await DAEMONS[program].hold(s, { port });
    process.kill(Number((await supervisor.printed(/^child (\d+)$/m))[1]), 'SIGTERM');
    await supervisor.printed(/draining/);
    const late = new Raw({ port });
    await late.opened;
    late.write(DAEMONS[program].request(s));
    await sleep(200);
    assert.equal(late.bytes.length, 0, 'it waits');
    await release();
    await supervisor.printed(/^ended 0$/m);
    assert.equal((await late.response())?.status, served);
    late.terminate();
    process.kill(Number(/child \d+[^]*child (\d+)/.exec((await supervisor.printed(/child \d+[^]*child (\d+)/))[0])[1]), 'SIGTERM');
    assert.equal((await supervisor.exited).code, 0);
  });

// What clients do all the time: each notes how it went and how long it took.
class Traffic {
  constructor(s, entry) {
    Object.assign(this, { s, entry, faults: [], opened: 0, answered: 0, slowest: 0, going: true, restarts: 0 });
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 2 });
    this.jobs = [0, 1, 2].map((i) => this.connects(i)).concat([0, 1, 2, 3].map((i) => this.stays(i)), [0, 1].map(() => this.asks()));
  }

  note(begun) { this.slowest = Math.max(this.slowest, Date.now() - begun); }

  async open(user, i) {
    const begun = Date.now();
    const phone = await this.s.phone(user, { server: this.entry, localAddress: `127.0.${i + 30}.1` })
      .catch((error) => { this.faults.push(`connect: ${error.message}`); });
    this.note(begun);
    this.opened += phone ? 1 : 0;
    return phone;
  }

  // New connections, one after the other.
  async connects(i) {
    for (let n = 0; this.going; n++) {
      const phone = await this.open(`new${i}`, (n * 7 + i) % 60);
      await sleep(20);
      if (phone) phone.close();
    }
  }

  // A phone that stays, and comes back when the server says that it restarts.
  async stays(i) {
    while (this.going) {
      const phone = await this.open(`stays${i}`, i * 16);
      if (!phone) continue;
      phone.beatEvery(200);
      const end = await Promise.race([phone.closed, this.until()]);
      if (end && end.code !== 1012) this.faults.push(`closed with ${end.code}`);
      this.restarts += end ? 1 : 0;
      phone.close();
    }
  }

  async until() { while (this.going) await sleep(50); }

  // A kept connection that was not used for a second may be closed just when it is used again: then it is asked once more, as all HTTP
  // clients do (RFC 9112, 9.3.1). Where this process did not stand still for so long, it is a fault.
  ask() {
    return new Promise((resolve) => {
      let used, idleMs = 0;
      const request = http.request({ port: this.entry.apiPort, host: '127.0.0.1', method: 'POST', path: STATUS, agent: this.agent,
        headers: { 'Content-Type': 'application/json' } }, (response) => {
        let body = '';
        response.on('data', (bytes) => { body += bytes; });
        response.on('end', () => {
          used.usedAt = Date.now();
          resolve(response.statusCode === 200 ? null : `${response.statusCode} ${body}`);
        });
        response.on('error', (error) => resolve(error.message));
      });
      request.on('socket', (socket) => { used = socket; idleMs = Date.now() - socket.usedAt; });
      request.on('error', (error) => resolve(request.reusedSocket && idleMs > 900 ? this.ask()
        : `${error.message}${request.reusedSocket ? ` on a connection that was idle for ${idleMs} ms` : ''}`));
      request.end('{"userIds":["stays0"]}');
    });
  }

  async asks() {
    while (this.going) {
      const begun = Date.now(), fault = await this.ask();
      this.note(begun);
      if (fault) this.faults.push(`request: ${fault}`);
      else this.answered++;
      await sleep(5);
    }
  }

  async end() {
    this.going = false;
    await Promise.all(this.jobs);
    this.agent.destroy();
  }
}

// Restarts each on its own port, one after the other.
async function restartAll(s, list, variable) {
  for (const [i, old] of list.entries()) {
    old.signal('SIGTERM');
    assert.deepEqual(await old.exited, { code: 0, signal: null });
    const fresh = s.start(path.join(BIN, old.name), [], { [variable]: `127.0.0.1:${old.port}` });
    await fresh.printed(/listening address=/);
    list[i] = Object.assign(fresh, { port: old.port, url: old.url });
    await s.ready(fresh);
    await sleep(400); // the next look of the balancer
  }
}

const BEHIND = {
  nginx: async (s) => {
    const nginx = await startNginx(s);
    return Object.assign(nginx, { apiPort: nginx.port });
  },
  'a load balancer': async (s) => {
    const [servers, apis] = await Promise.all([s.servers, s.apis].map((list) => startBalancer(list, 100)));
    return { port: servers.port, apiPort: apis.port, close: () => { servers.close(); apis.close(); } };
  },
};

for (const [what, build] of Object.entries(BEHIND))
  scenario(`a rolling restart behind ${what}: no client waits, is refused or reset`, { servers: 3, expiryds: 1, api: true,
    env: { PRESENCE_DRAIN_DELAY: what === 'nginx' ? '0' : `${1500 * PATIENCE}ms`, PRESENCE_TTL: `${4 * PATIENCE}s`,
      PRESENCE_HOLDBACK: '100ms', PRESENCE_API_REDIS_TIMEOUT: `${1000 * PATIENCE}ms` } }, async (s) => {
    await s.startApi();
    for (const api of s.apis) await s.ready(api);
    const entry = await build(s);
    const dashboard = await s.dashboard({ server: s.servers[2] });
    const traffic = new Traffic(s, entry);
    try {
      await until(() => traffic.opened > 20 && traffic.answered > 20, 'they are served');
      await restartAll(s, s.servers, 'PRESENCE_WS_LISTEN');
      await restartAll(s, s.apis, 'PRESENCE_API_LISTEN');
    } finally {
      await traffic.end();
      entry.close?.();
    }
    assert.deepEqual(traffic.faults, []);
    assert.ok(traffic.restarts >= 4, `${traffic.restarts} phones were told of a restart`);
    assert.ok(traffic.slowest < 2000 * PATIENCE, `the slowest waited ${traffic.slowest} ms`);
    for (let i = 0; i < 4; i++)
      assert.equal(dashboard.of(`stays${i}`).filter((u) => u.status === 'offline').length, 0, 'who stays was never offline');
  });
