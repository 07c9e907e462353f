// SPDX-License-Identifier: MIT
// Connections that end without a close frame, as when a proxy reloads or dies: PRESENCE_ABORT_GRACE.
'use strict';
const assert = require('node:assert');
const { scenario, until } = require('./lib/stack');
const { startNginx, killNginx } = require('./lib/nginx');

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const range = (n) => [...Array(n).keys()];
const told = (d, user) => d.of(user).map((u) => `${u.status} ${u.reason}`);

const PATIENCE = Number(process.env.PRESENCE_PATIENCE) || 1;

function near(value, wanted, what) {
  const bound = 400 * PATIENCE;
  assert.ok(Math.abs(value - wanted) <= bound, `${what}: ${value - wanted} ms off`);
}

// Past the hold-back of an expiryd's first start, in which nobody is marked offline.
const settled = (s) => Promise.all(s.expiryds.map((expiryd) => s.ready(expiryd)));

// Comes back by itself, as an app does, whenever it is cut; `cuts` counts how often that was.
class Returning {
  constructor(s, server, i) {
    Object.assign(this, { s, server, user: `user${i}`, address: `127.0.${i % 200 + 1}.1`, cuts: 0 });
  }

  async come() {
    while (!this.gone) {
      this.phone = await this.s.phone(this.user, { server: this.server, localAddress: this.address, beat: 1000 }).catch(() => null);
      if (this.phone) break;
      await sleep(30);
    }
    if (!this.phone) return;
    this.phone.closed.then(({ code }) => {
      this.code = code;
      this.cuts++;
      if (!this.gone) this.come();
    });
  }
}

// nginx closes its old workers' connections soon after a reload, without a close frame.
const impatient = (config) => config.swap(/events \{/, 'worker_shutdown_timeout 100ms;\nevents {');

const PHONES = 200;
const GRACE_MS = 5000 * PATIENCE;

scenario('nginx reloads, and is killed, under 200 phones: with a grace nobody is shown offline',
  { servers: 2, expiryds: 1, env: { PRESENCE_ABORT_GRACE: `${GRACE_MS}ms`, PRESENCE_HOLDBACK: '100ms' } }, async (s, t) => {
    await settled(s);
    const nginx = await startNginx(s, { change: impatient });
    const dashboards = await Promise.all([0, 1].map((server) => s.dashboard({ server })));
    const phones = range(PHONES).map((i) => new Returning(s, nginx, i));
    // Also where an assertion fails: phones that come back for ever would keep the whole run from ending.
    t.after(() => phones.forEach((phone) => { phone.gone = true; }));
    await Promise.all(phones.map((phone) => phone.come()));
    await until(() => dashboards.every((d) => d.online.length === PHONES), 'all are seen');
    nginx.signal('SIGHUP');
    await until(() => phones.every((phone) => phone.cuts === 1 && phone.phone.ws.readyState === 1), 'all are back after the reload', 20000);
    assert.ok(phones.every((phone) => phone.code === 1006), 'no close frame was seen');
    await killNginx(nginx);
    await until(() => phones.every((phone) => phone.cuts === 2), 'all are cut again');
    await startNginx(s, { port: nginx.port, change: impatient });
    await until(() => phones.every((phone) => phone.phone?.ws.readyState === 1), 'all are back after the crash', 20000);
    await sleep(GRACE_MS + 500); // every grace is over
    assert.equal((await s.online()).length, PHONES);
    for (const d of dashboards) {
      assert.equal(d.updates.filter((u) => u.status === 'offline').length, 0);
      assert.equal(d.updates.length, PHONES);
      assert.deepEqual(d.faults, []);
    }
  });

scenario('without a grace all are shown offline when nginx is killed', { expiryds: 1 }, async (s) => {
  const nginx = await startNginx(s);
  const dashboard = await s.dashboard();
  await Promise.all(range(PHONES).map((i) => s.phone(`user${i}`, { server: nginx, localAddress: `127.0.${i + 1}.1` })));
  await until(() => dashboard.online.length === PHONES, 'all are seen');
  await killNginx(nginx);
  await until(() => dashboard.online.length === 0, 'all are offline');
  assert.ok(dashboard.updates.every((u) => u.reason === (u.status === 'online' ? 'connected' : 'disconnected')));
});

// By FIN, and by RST, which the kernel sends when a process ends with unread bytes.
const CUTS = { fin: (phone) => phone.ws.terminate(), reset: (phone) => phone.ws._socket.resetAndDestroy() };

scenario('only who was cut has the grace: who says goodbye, is refused or kicked has none',
  { servers: 1, expiryds: 1, env: { PRESENCE_ABORT_GRACE: `${1500 * PATIENCE}ms`, PRESENCE_HOLDBACK: '100ms' } }, async (s) => {
    await settled(s);
    const dashboard = await s.dashboard();
    const expires = { claims: { exp: Math.floor(Date.now() / 1000) + 3 * PATIENCE } };
    const ends = {
      ...CUTS,
      closes: (phone) => phone.close(),
      breaks: (phone) => phone.ws.send('no message'),
      kicked: () => s.ctl('kick', 'kicked'),
      expires: () => {},
    };
    const reasons = { breaks: 'policy', kicked: 'kicked', expires: 'token_expired' };
    const ended = {};
    await Promise.all(Object.keys(ends).map(async (user) => {
      const phone = await s.phone(user, user === 'expires' ? expires : {});
      await until(() => dashboard.of(user).length === 1, `${user} is online`);
      phone.closed.then(() => { ended[user] = Date.now(); });
      await ends[user](phone);
    }));
    await until(() => Object.keys(ends).every((user) => ended[user] && dashboard.of(user).length === 2), 'all are offline');
    for (const user of Object.keys(ends)) {
      const [, offline] = dashboard.of(user);
      assert.equal(offline.reason, reasons[user] || 'disconnected', user);
      if (!CUTS[user]) near(offline.timestamp, ended[user], `${user} at once`);
      else near(offline.timestamp, offline.lastSeen + 1500 * PATIENCE, `${user} after the grace`);
      if (CUTS[user]) near(offline.lastSeen, ended[user], `${user} was seen when it was cut`);
    }
    assert.deepEqual(dashboard.faults, []);
  });

for (const [offline, abort] of [[1, 2], [2, 1]])
  scenario(`with both graces the longer one counts for who was cut: ${offline} s and ${abort} s`, { expiryds: 1,
    env: { PRESENCE_OFFLINE_GRACE: `${offline * PATIENCE}s`, PRESENCE_ABORT_GRACE: `${abort * PATIENCE}s`, PRESENCE_HOLDBACK: '100ms' } }, async (s) => {
    await settled(s);
    const dashboard = await s.dashboard();
    const [cut, closes] = await Promise.all(['cut', 'closes'].map((user) => s.phone(user)));
    await until(() => dashboard.online.length === 2, 'both are online');
    cut.terminate();
    await closes.close();
    await until(() => dashboard.online.length === 0, 'both are offline');
    const after = (user) => dashboard.of(user)[1].timestamp - dashboard.of(user)[1].lastSeen;
    near(after('cut'), 2000 * PATIENCE, 'the longer one');
    near(after('closes'), offline * 1000 * PATIENCE, 'a close frame has its own');
  });

scenario('Redis is away, and the server is killed, while the grace runs: nobody is online for ever, nor offline too soon',
  { servers: 2, expiryds: 1, env: { PRESENCE_TTL: `${6 * PATIENCE}s`, PRESENCE_ABORT_GRACE: `${1500 * PATIENCE}ms`, PRESENCE_HOLDBACK: '200ms' } }, async (s) => {
    await settled(s);
    const dashboard = await s.dashboard({ server: 1 });
    const phones = await Promise.all(['back', 'gone', 'stays'].map((user) => s.phone(user, { beat: 500 })));
    await until(() => dashboard.online.length === 3, 'all are online');
    s.redisProcess.signal('SIGSTOP');
    phones[0].terminate();
    phones[1].terminate();
    await sleep(300);
    await s.phone('back', { server: 1, beat: 500 });
    s.redisProcess.signal('SIGCONT');
    await until(() => told(dashboard, 'gone').length === 2, 'who stays away is offline');
    assert.deepEqual([told(dashboard, 'back'), told(dashboard, 'stays')], [['online connected'], ['online connected']]);
    phones[2].terminate();
    await until(async () => /\tdisconnected\t/.test(Object.values(await s.redis.hgetall('presence:sessions:stays'))[0]), 'the grace is written');
    await s.servers[0].kill();
    await until(() => told(dashboard, 'stays').length === 2, 'offline without its server');
    assert.equal(told(dashboard, 'stays')[1], 'offline disconnected');
    assert.deepEqual(told(dashboard, 'back'), ['online connected']);
    assert.deepEqual(dashboard.faults, []);
  });
