// SPDX-License-Identifier: MIT
// In a Kubernetes pod: each Service of the namespace sets variables of its own (service links), some of which have the names of settings.
'use strict';
const assert = require('node:assert');
const net = require('node:net');
const path = require('node:path');
const { scenario, SECRET } = require('./lib/stack');
const { BIN, run } = require('./lib/process');
const { freePort } = require('./lib/ports');

const PROGRAMS = ['presence-ws', 'presence-api', 'presence-expiryd', 'presence-ctl', 'presence-sim'];
const SERVICES = ['redis', 'presence', 'presence-ws', 'presence-api', 'presence-expiryd', 'presence-ctl', 'presence-sim', 'presence-redis',
  'redis-master', 'redis-sentinel', 'redis-sentinels', 'redis-headless', 'jwt', 'secret', 'log', 'debug'];

// What the kubelet sets for a Service with these ports: name and number.
function serviceLinks(service, host, ports) {
  const name = service.toUpperCase().replaceAll('-', '_'), [, first] = ports[0];
  const shown = net.isIPv6(host) ? `[${host}]` : host;
  const env = { [`${name}_SERVICE_HOST`]: host, [`${name}_SERVICE_PORT`]: String(first), [`${name}_PORT`]: `tcp://${shown}:${first}` };
  for (const [port, number] of ports) {
    env[`${name}_SERVICE_PORT_${port.toUpperCase()}`] = String(number);
    Object.assign(env, { [`${name}_PORT_${number}_TCP`]: `tcp://${shown}:${number}`, [`${name}_PORT_${number}_TCP_PROTO`]: 'tcp',
      [`${name}_PORT_${number}_TCP_PORT`]: String(number), [`${name}_PORT_${number}_TCP_ADDR`]: host });
  }
  return env;
}

const ALL = Object.assign({}, ...SERVICES.map((service, i) => serviceLinks(service, `10.96.0.${i + 1}`, [['main', 6379], ['metrics', 9121]])));
const checked = (program, env) => run(path.join(BIN, program), ['--check-config', ...(program === 'presence-ctl' ? ['count'] : [])],
  { env: { SECRET_KEY: SECRET, PRESENCE_API_AUTH: 'jwt', ...env } });

scenario('no setting but REDIS_PORT has the name of a service link', { servers: 0 }, async () => {
  for (const program of PROGRAMS) {
    const help = (await run(path.join(BIN, program), ['--help'], { env: {} })).stdout;
    const settings = [...help.matchAll(/\[([A-Z][A-Z0-9_]+)(?: or ([A-Z0-9_]+))?[;,\]]/g)].flatMap(([, name, other]) => [name, other]).filter(Boolean);
    assert.ok(settings.length > 5, `${program}: ${settings}`);
    const links = settings.filter((name) => /_SERVICE_(HOST|PORT)|_PORT(_\d+_[A-Z]+(_(PROTO|PORT|ADDR))?)?$/.test(name));
    assert.deepEqual(links.filter((name) => name !== 'REDIS_PORT'), [], program);
    assert.deepEqual(settings.filter((name) => name in ALL && name !== 'REDIS_PORT'), [], program);
  }
});

scenario('the links of every Service change nothing but where Redis is', { servers: 0 }, async () => {
  for (const program of PROGRAMS) {
    const [plain, linked] = [await checked(program, {}), await checked(program, ALL)];
    assert.deepEqual([plain.code, linked.code, linked.stderr], [0, 0, plain.stderr], program);
    const lines = linked.stdout.split('\n').filter((line) => !line.startsWith('#') && !plain.stdout.split('\n').includes(line));
    const expected = /^REDIS_PORT=/m.test(plain.stdout) ? ['REDIS_HOST=10.96.0.1', 'REDIS_PORT=tcp://10.96.0.1:6379'] : [];
    assert.deepEqual(lines, expected, program);
  }
});

scenario('where the port is not used, the link stops nothing', { servers: 0 }, async () => {
  for (const env of [{ REDIS_URL: 'redis://elsewhere:1' }, { REDIS_URL: 'unix:///run/redis.sock' }, { REDIS_SENTINELS: 'a:1,b:2' }])
    for (const link of ['tcp://10.96.0.1:6379', 'udp://10.96.0.1:53', 'sctp://[::1]:1'])
      for (const program of PROGRAMS) {
        const { code, stderr } = await checked(program, { ...env, REDIS_PORT: link });
        assert.equal(code, 0, `${program} ${JSON.stringify(env)} ${link}: ${stderr}`);
      }
  const wrong = await checked('presence-ws', { REDIS_PORT: 'udp://10.96.0.1:53' });
  assert.equal(wrong.code, 3);
  assert.match(wrong.stderr, /^presence-ws: REDIS_PORT=udp:\/\/10\.96\.0\.1:53: must be .*tcp:\/\/host:port.*Kubernetes/);
});

scenario('the daemons and presence-ctl find Redis by the link', { servers: 0, redis: ['--bind', '127.0.0.1', '-::1'] }, async (s) => {
  const port = await freePort();
  await s.redis.config('SET', 'port', String(port));
  Object.assign(s.settings, { REDIS_URL: '', ...serviceLinks('redis', '127.0.0.1', [['main', port]]) });
  await s.ready(await s.startServer());
  await s.ready(await s.startExpiryd());
  await s.ready(await s.startApi());
  await s.phone('user1');
  assert.equal((await s.ctl('status', 'user1')).code, 0);
  assert.equal((await s.ctl('count', '--redis-host', 'localhost')).code, 0, 'a host that was given, and the port of the link');
  if ((await run('redis-cli', ['-h', '::1', '-p', String(port), 'PING'])).code === 0)
    assert.equal((await run(path.join(BIN, 'presence-ctl'), ['status', 'user1'],
      { env: { ...s.env, ...serviceLinks('redis', '::1', [['main', port]]) } })).code, 0);
});
