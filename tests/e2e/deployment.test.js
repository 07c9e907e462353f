// SPDX-License-Identifier: MIT
// The examples for those who run it: Redis's settings and least privilege, units and Procfile, the CI script.
'use strict';
const assert = require('node:assert');
const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');
const Redis = require('ioredis');
const { BIN, ROOT, run } = require('./lib/process');
const { SECRET, scenario, until } = require('./lib/stack');

const EXAMPLES = path.join(ROOT, 'examples');
const PASSWORD = 'of-the-user-presence';
const read = (...names) => fs.readFileSync(path.join(EXAMPLES, ...names), 'utf8');

// The example's lines with the user's among them.
function redisConfig(dir) {
  const hash = crypto.createHash('sha256').update(PASSWORD).digest('hex');
  const text = read('redis.conf').replace(/^# (user presence on) #<sha256>/m, `$1 #${hash}`);
  assert.match(text, /^user presence on #[0-9a-f]{64} /m);
  const file = path.join(dir, 'presence.conf');
  fs.writeFileSync(file, text);
  return file;
}

async function startGuardedRedis(s) {
  const ended = await s.redisProcess.stop();
  assert.equal(ended.code, 0);
  await s.startRedis(['--include', redisConfig(s.dir)]);
}

const guarded = { REDIS_USERNAME: 'presence', REDIS_PASSWORD: PASSWORD, PRESENCE_TTL: '2s', PRESENCE_HEARTBEAT_MIN: '0',
  PRESENCE_REPAIR_INTERVAL: '200ms' };

scenario('Redis as in the example: what its user may do is enough', { servers: 0, env: guarded }, async (s) => {
  await startGuardedRedis(s);
  const setting = async (name) => (await s.redis.config('GET', name))[1];
  assert.equal(await setting('notify-keyspace-events'), 'xE');
  assert.equal(await setting('maxmemory-policy'), 'noeviction');
  assert.match(await setting('client-output-buffer-limit'), /pubsub 268435456 67108864 60/);
  await s.startServer();
  await s.startServer();
  await s.startExpiryd();
  await s.startApi();
  const dashboards = await Promise.all([s.dashboard({ server: 0, path: '/?groups=7' }), s.dashboard({ server: 1 })]);
  await s.redis.sadd('g.7.u', 'user1', 'user3');
  const silent = await s.phone('user1');
  const beating = await s.phone('user2', { server: 1, claims: { groups: ['7'] }, beat: 300 });
  const second = await s.phone('user2', { device: 'another' });
  await s.redis.set('presence:user:user3', '1', 'PX', 4000);
  await until(() => ['user1', 'user2', 'user3'].every((user) => dashboards[1].of(user).length), 'three come');
  await until(() => dashboards[1].of('user1').some((u) => u.status === 'offline'), 'the silent one goes');
  await second.close();
  await beating.close();
  silent.beat();
  await until(() => dashboards[1].of('user2').some((u) => u.status === 'offline'), 'the closed one goes');
  for (const request of ['users/user1', 'online', 'count', 'groups/7'])
    assert.equal((await fetch(`${s.api.url}/api/presence/${request}`)).status, 200, request);
  for (const command of [['status', 'user1'], ['list'], ['count'], ['sessions', 'user1'], ['why', 'user1'], ['metrics'], ['doctor'],
    ['online', 'user9'], ['offline', 'user9'], ['heartbeat', 'user9'], ['kick', 'user9'], ['kick', 'user9', '--revoke'], ['repair'],
    ['wait', 'user2', 'offline', '--timeout', '5s'], ['publish', 'user9', 'online']]) {
    const done = await s.ctl(...command);
    assert.ok(done.code < 2, `${command.join(' ')}: ${done.code} ${done.stderr}`);
  }
  const refused = (await s.redis.call('ACL', 'LOG')).map((entry) => String(entry[entry.indexOf('object') + 1]));
  assert.deepEqual(refused.filter((object) => !object.startsWith('config|')), []);
});

scenario('and it may do nothing else', { servers: 0, env: guarded }, async (s) => {
  await startGuardedRedis(s);
  const redis = new Redis({ path: s.socket, username: 'presence', password: PASSWORD });
  s.besides.push(redis);
  try {
    assert.equal(await redis.set('presence:rev', '1'), 'OK');
    for (const command of [['FLUSHALL'], ['KEYS', '*'], ['CONFIG', 'GET', 'dir'], ['SHUTDOWN'], ['GET', 'session:1'],
      ['SADD', 'g.7.u', 'x'], ['DEL', 'g.7.u'], ['PUBLISH', 'elsewhere', 'x'], ['ACL', 'LIST'], ['SCRIPT', 'FLUSH'], ['CLIENT', 'LIST'],
      ['EVAL', "return redis.call('SET', KEYS[1], '1')", '1', 'session:1']])
      await assert.rejects(redis.call(...command), /NOPERM|ACL failure|can't run this command/i, command.join(' '));
  } finally {
    redis.disconnect();
  }
});

// Names of Redis's commands that stand in the sources of scripts and programs, in quotes.
// The simulation's Redis asks none.
function commandsNamed(known) {
  const named = new Set();
  for (const top of ['lib', 'cmd'])
    for (const file of fs.readdirSync(path.join(ROOT, top), { recursive: true }).filter((name) => /^(?!model\/|world\/).*\.(c|lua)$/.test(name)))
      for (const [, word] of fs.readFileSync(path.join(ROOT, top, file), 'utf8').matchAll(/["']([A-Z]{3,})["']/g))
        if (known.has(word.toLowerCase())) named.add(word.toLowerCase());
  return [...named];
}

scenario('its commands are those that the sources name, and CONFIG is not among them', { servers: 0 }, async (s) => {
  const known = new Set((await s.redis.call('COMMAND', 'LIST')).map((name) => name.toLowerCase()));
  const others = ['config', 'debug', 'readonly']; // a level of the log, and an error's name
  const named = commandsNamed(known).filter((name) => !others.includes(name));
  const allowed = read('redis.conf').match(/\+[a-z]+/g).map((word) => word.slice(1));
  assert.deepEqual(named.filter((name) => !allowed.includes(name)), [], 'examples/redis.conf lacks these');
  assert.deepEqual(allowed.filter((name) => !named.includes(name)), [], 'examples/redis.conf need not allow these');
});

// The script with an app: its exit code and what it said.
function awaitOffline(s, user, env, ...app) {
  return run(path.join(EXAMPLES, 'ci', 'await-offline.sh'), [user, ...app], { env: {
    ...s.env, PATH: `${BIN}:${process.env.PATH}`, NODE_PATH: path.join(ROOT, 'tests', 'node_modules'),
    SERVER: `ws://127.0.0.1:${s.servers[0].port}`, USER_ID: 'user7', HEARTBEAT_MS: '400', ...env } });
}

const PHONE = [process.execPath, path.join(EXAMPLES, 'mobile-client-presence.js')];

scenario('the CI script sees an app come and go', { expiryds: 1, env: { PRESENCE_TTL: '2s' } }, async (s) => {
  const killed = await awaitOffline(s, 'user7', {}, ...PHONE);
  assert.equal(killed.code, 0, killed.stderr);
  assert.match(killed.stdout, /user7 is online[^]*user7 is offline[^]*disconnected/);
  const silenced = await awaitOffline(s, 'user7', { KILL_SIGNAL: 'STOP' }, ...PHONE);
  assert.equal(silenced.code, 0, silenced.stderr);
  assert.match(silenced.stdout, /user7 is offline[^]*expired/);
});

scenario('the CI script fails when the app is to blame, and says when it is not', {}, async (s) => {
  const elsewhere = await awaitOffline(s, 'user8', { COME: '500ms' }, ...PHONE);
  assert.equal(elsewhere.code, 1, elsewhere.stderr);
  const stays = await awaitOffline(s, 'user7', { KILL_SIGNAL: 'STOP', GO: '500ms' }, ...PHONE);
  assert.equal(stays.code, 1, stays.stderr);
  await s.phone('user9');
  await until(async () => (await s.online()).includes('user9'), 'online');
  const there = await awaitOffline(s, 'user9', {}, 'true');
  assert.equal(there.code, 1);
  assert.match(there.stderr, /online already/);
  assert.equal((await awaitOffline(s, 'user7', {})).code, 2);
  assert.equal((await awaitOffline(s, 'user7', { REDIS_URL: 'unix:///nowhere' }, 'true')).code, 4);
});

const units = fs.readdirSync(path.join(EXAMPLES, 'systemd')).filter((name) => name.endsWith('.service'));

for (const name of units) {
  test(`${name}: what it sets is what the program knows`, async () => {
    const unit = read('systemd', name);
    const program = path.basename(/^ExecStart=(\S+)$/m.exec(unit)[1]);
    const env = { SECRET_KEY: SECRET };
    for (const [, key, value] of unit.matchAll(/^Environment=(\w+)=(.*)$/gm)) if (!key.endsWith('_FILE')) env[key] = value.replace('%i', '3010');
    const checked = await run(path.join(BIN, program), ['--check-config'], { env });
    assert.equal(checked.code, 0, checked.stderr);
  });
}

test('the units are equally confined', () => {
  const confined = units.map((name) => /^DynamicUser=[^]*?(?=^\[Install\])/m.exec(read('systemd', name))[0]);
  assert.equal(new Set(confined).size, 1);
});

test('what is shipped starts where there is no IPv6', () => {
  const sockets = fs.readdirSync(path.join(EXAMPLES, 'systemd')).filter((name) => name.endsWith('.socket'));
  const six = sockets.filter((name) => /^ListenStream=.*\[/m.test(read('systemd', name)));
  assert.ok(sockets.length > six.length && six.length > 0);
  for (const name of six) {
    const unit = read('systemd', name);
    // A unit of its own, left out without the family, and content with an address that is not there.
    assert.ok(unit.match(/^ListenStream=/mg).length === 1 && /^ConditionPathExists=\/proc\/net\/if_inet6$/m.test(unit) && /^FreeBind=yes$/m.test(unit), name);
    const [, service] = /^Service=(\S+)$/m.exec(unit);
    assert.match(read('systemd', service), new RegExp(`^Wants=${name}$`, 'm'));
    assert.match(read('systemd', service.replace('.service', '.socket')), new RegExp(`^Also=${name}$`, 'm'));
  }
  assert.doesNotMatch(read('nginx.conf'), /^\s*listen\s+\[/m);
});

test('systemd understands the units', async (t) => {
  if ((await run('sh', ['-c', 'command -v systemd-analyze'])).code !== 0) return t.skip('there is no systemd-analyze here');
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'presence-units-'));
  try {
    for (const name of fs.readdirSync(path.join(EXAMPLES, 'systemd')))
      fs.writeFileSync(path.join(dir, name), read('systemd', name).replaceAll('/usr/local/bin', BIN));
    const files = fs.readdirSync(dir).map((name) => path.join(dir, name.replace('@.', '@3010.')));
    const checked = await run('systemd-analyze', ['verify', ...files], { env: { SYSTEMD_UNIT_PATH: `${dir}:` } });
    assert.deepEqual(checked.stderr.split('\n').filter((line) => line.includes('presence')), []);
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
});

test('Procfile: every daemon starts as it says', async () => {
  const lines = [...read('Procfile').matchAll(/^\w+: (presence-\S+) (.*)$/gm)];
  assert.equal(lines.length, 3);
  for (const [, program, args] of lines) {
    const checked = await run(path.join(BIN, program), [...args.split(' '), '--check-config'], { env: { SECRET_KEY: SECRET } });
    assert.equal(checked.code, 0, checked.stderr);
  }
});
