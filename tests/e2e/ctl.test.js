// SPDX-License-Identifier: MIT
// presence-ctl: every command and every exit code (the manual pages and presence-ctl(1)), on a real Redis and real servers.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const jwt = require('jsonwebtoken');
const { scenario, stack, until, SECRET } = require('./lib/stack');
const { BIN, run } = require('./lib/process');

const CTL = path.join(BIN, 'presence-ctl');
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const lines = (text) => text.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));

// Runs it and insists on the exit code.
async function ctl(s, code, ...args) {
  const result = await s.ctl(...args);
  assert.equal(result.code, code, `presence-ctl ${args.join(' ')}: ${result.code}\n${result.stdout}${result.stderr}`);
  return result;
}

async function json(s, code, ...args) { return lines((await ctl(s, code, ...args, '--json')).stdout); }

// With settings of its own.
function ctlWith(s, env, ...args) { return run(CTL, args, { env: { ...s.env, ...env } }); }

// One that goes on beside the test.
async function background(s, ...args) {
  const child = s.start(CTL, args);
  child.lines = () => lines(child.output);
  return child;
}

async function watching(s, ...args) {
  const child = await background(s, 'watch', '--json', ...args);
  await child.printed(/watching from (\S*):(\d+)/);
  return child;
}

const transitions = (child) => child.lines().map((l) => `${l.userId} ${l.status}`);

test('usage: what is wrong is said, with the exit code', async () => {
  const env = { SECRET_KEY: SECRET };
  const cases = [
    [2, [], /a command is missing/],
    [2, ['dance'], /unknown command 'dance'/],
    [2, ['status'], /status takes USER/],
    [2, ['count', 'user1'], /count takes no arguments/],
    [2, ['wait', 'user1'], /wait takes USER online\|offline/],
    [2, ['watch', '--frequency', '5'], /unknown flag --frequency/],
    [2, ['token', 'user1', '--secret-key', 'x'], /a secret comes from SECRET_KEY/],
    [2, ['status', '--redis-password', 'x', 'a'], /a secret comes from REDIS_PASSWORD/],
    [3, ['count', '--redis-port', '99999'], /REDIS_PORT=99999: must be a whole number, 1 to 65535/],
    [3, ['wait', 'a', 'online', '--timeout', 'soon'], /--timeout=soon/],
    [3, ['count', '--prefix', ''], /PRESENCE_PREFIX/],
    [0, ['--version'], /^presence-ctl \d+\.\d+\.\d+$/m],
    [0, ['--help'], /Exit codes: 0 yes/],
  ];
  for (const [code, args, pattern] of cases) {
    const result = await run(CTL, args, { env });
    assert.equal(result.code, code, `${args}: ${result.stdout}${result.stderr}`);
    assert.match(result.stdout + result.stderr, pattern);
  }
});

test('help: each command is in the list, has a page of its own, and completes', async () => {
  const { stdout } = await run(CTL, ['--help']);
  const header = fs.readFileSync(path.join(__dirname, '../../cmd/presence-ctl/commands.h'), 'utf8');
  const commands = [...header.matchAll(/\bX\((\w+)\)/g)].map(([, name]) => name);
  assert.ok(commands.length >= 16, 'the table of commands was read');
  for (const command of commands) {
    assert.match(stdout, new RegExp(`^  ${command} `, 'm'));
    const help = await run(CTL, [command, '--help']);
    assert.equal(help.code, 0);
    assert.match(help.stdout, new RegExp(`^Usage: presence-ctl ${command} `));
    assert.match(help.stdout, /--json/);
  }
  for (const shell of ['bash', 'zsh', 'fish']) {
    const text = fs.readFileSync(path.join(__dirname, '../../completions', shell === 'zsh' ? '_presence-ctl' : `presence-ctl.${shell}`), 'utf8');
    for (const command of commands) assert.ok(text.includes(command), `${shell}: ${command}`);
  }
});

scenario('arguments that Redis must not see', { servers: 0 }, async (s) => {
  assert.match((await ctl(s, 2, 'status', 'a\x1b[31m')).stderr, /'a\\x1b\[31m' is no user id/);
  assert.match((await ctl(s, 2, 'online', 'x'.repeat(129))).stderr, /is no user id/);
  await ctl(s, 2, 'wait', 'user1', 'asleep');
  await ctl(s, 2, 'publish', 'user1', 'busy');
  await ctl(s, 2, 'online', 'user1', '--device', 'a\nb');
  await ctl(s, 2, 'kick', 'user1', '--device', 'a\nb');
  await ctl(s, 2, 'watch', '--since', 'yesterday');
  await ctl(s, 2, 'watch', '--users', 'a,,b');
  assert.deepEqual(await s.redis.keys('*'), []);
});

scenario('status: of one and of several, for people and programs', { servers: 1 }, async (s) => {
  await s.phone('user1', { device: 'device-abc' });
  await until(async () => (await s.online()).length === 1, 'online');
  const table = (await ctl(s, 0, 'status', 'user1')).stdout;
  assert.match(table, /^USER +STATUS +LAST HEARTBEAT +DEVICE\nuser1 +online +\d\d:\d\d:\d\d\.\d{3} \(\d+ m?s ago\) +device-abc\n$/);
  assert.match((await ctl(s, 1, 'status', 'user1', 'user2')).stdout, /user2 +offline +never +-/);
  const [one, two] = await json(s, 1, 'status', 'user1', 'user2');
  assert.equal(one.status, 'online');
  assert.equal(one.deviceId, 'device-abc');
  assert.equal(Date.parse(one.lastSeenTime), one.lastSeen);
  assert.deepEqual(two, { userId: 'user2', status: 'offline', lastSeen: 0, lastSeenTime: null,
    lastHeartbeat: 0, lastHeartbeatTime: null, deviceId: null, refused: null });
  // What another program wrote cannot move the cursor.
  await s.redis.hset('presence:meta:user1', 'deviceId', '\x1b[2J\u202e');
  assert.match((await ctl(s, 0, 'status', 'user1')).stdout, /\\x1b\[2J\\u\{202e\}/);
  assert.doesNotMatch((await ctlWith(s, { TERM: 'xterm' }, 'status', 'user1')).stdout, /\x1b/);
});

scenario('list and count: everyone once, whatever the number', { servers: 0 }, async (s) => {
  assert.equal((await ctl(s, 0, 'count')).stdout, '0\n');
  assert.deepEqual(await json(s, 0, 'list'), []);
  const pipeline = s.redis.pipeline();
  for (let i = 0; i < 3000; i++) {
    pipeline.zadd('presence:due', Date.now() + 60000, `user${i}`);
    pipeline.hset('presence:meta:' + `user${i}`, 'status', 'online', 'lastSeen', 1702281234567, 'deviceId', `d${i}`, 'groups', '["a","b"]');
  }
  await pipeline.exec();
  assert.equal((await ctl(s, 0, 'count')).stdout, '3000\n');
  assert.deepEqual(await json(s, 0, 'count'), [{ online: 3000 }]);
  const all = await json(s, 0, 'list');
  assert.equal(all.length, 3000);
  assert.equal(new Set(all.map((u) => u.userId)).size, 3000);
  assert.deepEqual(all.find((u) => u.userId === 'user7'), { userId: 'user7', status: 'online', lastSeen: 1702281234567,
    lastSeenTime: '2023-12-11T07:53:54.567Z', lastHeartbeat: 1702281234567, lastHeartbeatTime: '2023-12-11T07:53:54.567Z', deviceId: 'd7', groups: ['a', 'b'] });
  assert.equal((await json(s, 0, 'list', '--limit', '7')).length, 7);
  const table = (await ctl(s, 0, 'list', '-l', '5')).stdout.trim().split('\n');
  assert.equal(table.length, 6);
  const commands = (await s.redis.info('commandstats')).toLowerCase();
  assert.ok(!commands.includes('cmdstat_keys') && commands.includes('cmdstat_zscan'));
});

scenario('online, heartbeat, sessions, offline: by hand, and dashboards see it', { servers: 1, env: { PRESENCE_TTL: '5s' } }, async (s) => {
  const dashboard = await s.dashboard();
  assert.match((await ctl(s, 0, 'online', 'user1')).stdout, /^user1 is online now$/m);
  await until(() => dashboard.of('user1').length === 1, 'online at the dashboard');
  assert.equal(dashboard.of('user1')[0].reason, 'forced');
  assert.equal(dashboard.of('user1')[0].deviceId, 'presence-ctl');
  assert.ok((await s.redis.pttl('presence:user:user1')) <= 5000);
  const [first] = await json(s, 0, 'sessions', 'user1');
  assert.match(first.session, /^ctl\/[0-9a-f]{8}$/);
  await sleep(50);
  assert.deepEqual(await json(s, 0, 'heartbeat', 'user1'), [{ userId: 'user1', status: 'online', changed: false }]);
  const [second] = await json(s, 0, 'sessions', 'user1');
  assert.equal(second.session, first.session, 'the session goes on');
  assert.ok(second.lastBeat > first.lastBeat && second.deadline > first.deadline && second.opened === first.opened);
  await ctl(s, 0, 'online', 'user1', '--device', 'tablet');
  assert.equal((await json(s, 0, 'sessions', 'user1')).length, 2);
  assert.match((await ctl(s, 0, 'sessions', 'user1')).stdout, /ctl\/[0-9a-f]{8} +tablet +.* presence-ctl\n/);
  assert.deepEqual(await json(s, 0, 'offline', 'user1'), [{ userId: 'user1', status: 'offline', changed: true }]);
  assert.deepEqual(await json(s, 0, 'offline', 'user1'), [{ userId: 'user1', status: 'offline', changed: false }]);
  await until(() => dashboard.of('user1').length === 2, 'offline at the dashboard');
  assert.match((await ctl(s, 1, 'sessions', 'user1')).stderr, /user1 has no sessions/);
  assert.match((await ctl(s, 0, 'heartbeat', 'user2')).stdout, /user2 is online now/);
  assert.deepEqual(dashboard.faults, []);
  await s.redis.set('presence:meta:user3', 'a string');
  assert.match((await ctl(s, 1, 'online', 'user3')).stderr, /another type/);
});

scenario('offline: a phone that beats comes back', { servers: 1, env: { PRESENCE_HEARTBEAT_MIN: '0' } }, async (s) => {
  const dashboard = await s.dashboard();
  const phone = await s.phone('user1', { device: 'a' });
  await until(() => dashboard.of('user1').length === 1, 'online');
  const [session] = await json(s, 0, 'sessions', 'user1');
  assert.match((await ctl(s, 0, 'sessions', 'user1')).stdout, /presence-ws \w+ at 127\.0\.0\.1:\d+/);
  assert.equal(session.deviceId, 'a');
  await ctl(s, 0, 'offline', 'user1');
  await until(() => dashboard.of('user1').length === 2, 'offline');
  phone.beat();
  await until(() => dashboard.of('user1').length === 3, 'online again');
});

scenario('publish: as the guide does it with redis-cli', { servers: 1 }, async (s) => {
  const dashboard = await s.dashboard();
  const aside = s.beside();
  const heard = [];
  aside.on('message', (channel, text) => heard.push([channel, JSON.parse(text)]));
  await aside.subscribe('presence:online', 'presence:offline');
  assert.deepEqual(await json(s, 0, 'publish', 'test', 'online'), [{ userId: 'test', status: 'online', subscribers: 1 }]);
  await until(() => dashboard.of('test').length === 1, 'at the dashboard');
  assert.deepEqual(await s.online(), []);
  await until(() => heard.length === 1, 'on presence:online');
  assert.deepEqual(heard[0], ['presence:online', { userId: 'test', status: 'online' }]);
  assert.match((await ctl(s, 0, 'publish', 'test', 'offline')).stdout, /told 1 subscriber of presence:updates that test is offline/);
});

scenario('wait: 0 when it is so or becomes so, 5 when it does not', { servers: 1 }, async (s) => {
  assert.match((await ctl(s, 0, 'wait', 'user1', 'offline')).stdout, /^user1 is offline$/m);
  const late = await ctl(s, 5, 'wait', 'user1', 'online', '--timeout', '200ms');
  assert.ok(Number(/user1 is not online after (\d+) ms/.exec(late.stderr)[1]) >= 200, late.stderr);
  const waiting = await background(s, 'wait', 'user1', 'online', '--timeout', '10s', '--json');
  await until(async () => (await s.redis.pubsub('NUMSUB', 'presence:updates'))[1] === 2, 'subscribed');
  await ctl(s, 0, 'publish', 'user1', 'online');
  await ctl(s, 0, 'online', 'user2');
  await sleep(100);
  assert.equal(waiting.ended, undefined, 'neither what is published by hand nor another user counts');
  const phone = await s.phone('user1');
  assert.equal((await waiting.exited).code, 0);
  assert.deepEqual(waiting.lines(), [{ userId: 'user1', status: 'online', reason: 'connected' }]);
  const leaving = await background(s, 'wait', 'user1', 'offline', '--timeout', '10s');
  await until(async () => (await s.redis.pubsub('NUMSUB', 'presence:updates'))[1] === 2, 'subscribed');
  phone.terminate();
  assert.equal((await leaving.exited).code, 0);
  assert.match(leaving.output, /^user1 is offline/m);
});

scenario('wait: 4 when Redis is away, and no false "offline" when it comes back empty', { servers: 1 }, async (s) => {
  const phone = await s.phone('user1');
  await until(async () => (await s.online()).length === 1, 'online');
  const waiting = await background(s, 'wait', 'user1', 'offline', '--timeout', '60s');
  await until(async () => (await s.redis.pubsub('NUMSUB', 'presence:updates'))[1] === 2, 'subscribed');
  await sleep(1200); // it has heard of the server that lives
  await s.redisProcess.kill();
  assert.match((await ctl(s, 4, 'wait', 'user1', 'online')).stderr, /^presence-ctl: Redis at unix:/);
  await s.startRedis();
  await until(async () => (await s.online()).length === 1, 'asserted again');
  await sleep(500);
  assert.equal(waiting.ended, undefined, waiting.output);
  phone.terminate();
  assert.equal((await waiting.exited).code, 0);
});

scenario('wait: Redis goes away and stays away', { servers: 0 }, async (s) => {
  const waiting = await background(s, 'wait', 'user1', 'online', '--timeout', '1s');
  await until(async () => (await s.redis.pubsub('NUMSUB', 'presence:updates'))[1] === 1, 'subscribed');
  await s.redisProcess.kill();
  assert.equal((await waiting.exited).code, 4);
  assert.match(waiting.output, /presence-ctl: Redis at unix:/);
});

scenario('watch: each change once and in order, through lost connections', { servers: 2 }, async (s) => {
  const watch = await watching(s);
  const expected = [];
  const change = async (user, status) => { await ctl(s, 0, status, user); expected.push(`${user} ${status}`); };
  for (let i = 0; i < 10; i++) await change(`user${i}`, 'online');
  await until(() => watch.lines().length === 10, 'ten changes');
  await s.redis.client('KILL', 'TYPE', 'pubsub');
  for (let i = 0; i < 10; i++) await change(`user${i}`, 'offline');
  await until(() => watch.lines().length === 20, 'ten more');
  await s.redis.client('KILL', 'TYPE', 'pubsub');
  await s.redis.client('KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  for (let i = 0; i < 5; i++) await change(`user${i}`, 'online');
  await until(() => watch.lines().length === 25, 'five more');
  await sleep(1500); // a silence, in which it asks the log
  assert.deepEqual(transitions(watch), expected);
  const revs = watch.lines().map((l) => l.rev);
  assert.deepEqual(revs, revs.map((_, i) => revs[0] + i));
});

scenario('watch: --count, --timeout, --users, and what a person sees', { servers: 0 }, async (s) => {
  const counted = await watching(s, '--count', '2', '--users', 'b,c');
  for (const user of ['a', 'b', 'c', 'd']) await ctl(s, 0, 'online', user);
  assert.equal((await counted.exited).code, 0);
  assert.deepEqual(transitions(counted), ['b online', 'c online']);
  assert.match((await ctl(s, 5, 'watch', '--count', '1', '--timeout', '100ms')).stderr, /0 of 1 changes came in time/);
  await ctl(s, 0, 'watch', '--timeout', '100ms');
  const shown = s.start(CTL, ['watch', '--count', '2']);
  await shown.printed(/watching from/);
  await ctl(s, 0, 'publish', 'test', 'online');
  await ctl(s, 0, 'offline', 'a');
  assert.equal((await shown.exited).code, 0);
  assert.match(shown.output, /\d\d:\d\d:\d\d\.\d{3} online  test \(published by hand\)/);
  assert.match(shown.output, /\d\d:\d\d:\d\d\.\d{3} offline a \(forced, presence-ctl, rev \d+\)/);
});

scenario('watch --groups: members by Redis and by the token', { servers: 1 }, async (s) => {
  await s.redis.sadd('g.team.u', 'by-set');
  const phone = await s.phone('by-claim-before', { claims: { groups: ['team', 'x'] } });
  await until(async () => (await s.online()).length === 1, 'online');
  const watch = await watching(s, '--groups', 'team');
  phone.terminate();
  await ctl(s, 0, 'online', 'by-set');
  await ctl(s, 0, 'online', 'nobody');
  const second = await s.phone('by-claim', { claims: { groups: ['team'] } });
  await s.phone('other', { claims: { groups: ['other'] } });
  await until(() => watch.lines().length === 3, 'three');
  second.terminate();
  await until(() => watch.lines().length === 4, 'four');
  assert.deepEqual(transitions(watch), ['by-claim-before offline', 'by-set online', 'by-claim online', 'by-claim offline']);
});

scenario('watch --since: resumes, and says what is lost', { servers: 0 }, async (s) => {
  await ctl(s, 0, 'online', 'a');
  await ctl(s, 0, 'online', 'b');
  const [a, b] = lines((await s.ctl('watch', '--json', '--since', 'x:1', '--timeout', '50ms')).stdout).slice(1);
  assert.equal(a.userId, 'a');
  const since = `${a.epoch}:${a.rev}`;
  assert.deepEqual(await json(s, 0, 'watch', '--since', since, '--timeout', '50ms'), [b]);
  assert.deepEqual(await json(s, 0, 'watch', '--since', `${b.epoch}:${b.rev}`, '--timeout', '50ms'), []);
  const [epoch] = await json(s, 0, 'watch', '--since', 'another:1', '--count', '2');
  assert.deepEqual(epoch, { type: 'epoch', epoch: a.epoch });
  await ctl(s, 0, 'offline', 'a');
  await s.redis.xtrim('presence:log', 'MAXLEN', 1);
  const [gap, last] = await json(s, 0, 'watch', '--since', since, '--count', '1');
  assert.deepEqual(gap, { type: 'gap', first: a.rev + 1, last: a.rev + 1 });
  assert.equal(last.status, 'offline');
  assert.match((await s.ctl('watch', '--since', since, '--count', '1')).stdout, /the log no longer holds 1 change, rev/);
});

scenario('watch: Redis comes back empty, and the new epoch is told', { servers: 1 }, async (s) => {
  const watch = await watching(s);
  await s.phone('user1');
  await until(() => watch.lines().length === 1, 'online');
  await s.redisProcess.kill();
  await watch.printed(/trying again/);
  await s.startRedis();
  await until(() => watch.lines().length >= 3, 'asserted again');
  const [, epoch, again] = watch.lines();
  assert.equal(epoch.type, 'epoch');
  assert.equal(again.reason, 'recovered');
  assert.equal(again.epoch, epoch.epoch);
});

scenario('why: silence, with times', { servers: 1, expiryds: 1, env: { PRESENCE_TTL: '1s' } }, async (s) => {
  await sleep(2100); // the hold-back of a first start
  await s.phone('user1', { device: 'device-abc' });
  await until(async () => (await s.online()).length === 1, 'online');
  assert.match((await ctl(s, 0, 'why', 'user1')).stdout,
    /^user1 is online since .*\ndevice-abc connected\.\n\nSessions now:\n {2}device-abc, presence-ws \w+ at 127.*: opened .*, lives \d+ ms more without another\.\n/);
  await ctl(s, 0, 'wait', 'user1', 'offline', '--timeout', '10s');
  const { stdout } = await ctl(s, 0, 'why', 'user1');
  assert.match(stdout, /^user1 is offline since \d\d:\d\d:\d\d\.\d{3} \(\d+ m?s\)\.\nSilent since \d\d:\d\d:\d\d\.\d{3} \(device-abc\); the TTL of 1 s passed at \d\d:\d\d:\d\d\.\d{3}, noticed \d+ ms later\.\nIt had been online for \d+ m?s, since /);
  assert.match(stdout, /No sessions now\./);
  assert.match(stdout, /AT +BECAME +FOR +REASON +DEVICE +BY\n\S+ +online +\d+ m?s +connected +device-abc +presence-ws .*\n\S+ +offline +\d+ m?s so far +expired +device-abc +presence-expiryd \w+ at /);
  const [told] = await json(s, 0, 'why', 'user1');
  assert.deepEqual(told.transitions.map((t) => t.reason), ['expired', 'connected']);
  assert.equal(told.status, 'offline');
  assert.match(told.why, /Silent since/);
});

scenario('why: disconnected, forced, never seen, and the last one from meta', { servers: 1 }, async (s) => {
  const phone = await s.phone('user1', { device: 'device-abc' });
  await until(async () => (await s.online()).length === 1, 'online');
  phone.terminate();
  await until(async () => (await s.online()).length === 0, 'offline');
  assert.match((await ctl(s, 0, 'why', 'user1')).stdout, /\ndevice-abc closed its connection, and no other session lived\.\nIt had been online for /);
  for (let i = 0; i < 8; i++) await ctl(s, 0, i % 2 ? 'offline' : 'online', 'user1');
  assert.equal((await json(s, 0, 'why', 'user1'))[0].transitions.length, 10);
  assert.equal((await json(s, 0, 'why', 'user1', '--limit', '3'))[0].transitions.length, 3);
  await s.redis.xtrim('presence:log', 'MAXLEN', 0);
  const { stdout } = await ctl(s, 0, 'why', 'user1');
  assert.match(stdout, /^user1 is offline since .*\nSomebody forced it \(presence-ctl offline\)\./);
  assert.match(stdout, /Only the last transition is known, from presence:meta: the log is empty\./);
  assert.match((await ctl(s, 1, 'why', 'user9')).stdout, /^user9 was never seen\./);
});

scenario('why: overdue with no expiryd alive, and an index that nothing explains', { servers: 0, env: { PRESENCE_TTL: '100ms' } }, async (s) => {
  await ctl(s, 0, 'online', 'user1');
  await sleep(1300);
  assert.match((await ctl(s, 0, 'why', 'user1')).stdout, /The last deadline passed 1 s ago, and nobody has noticed: no presence-expiryd is alive\./);
  await s.redis.del('presence:sessions:user1');
  assert.match((await ctl(s, 0, 'why', 'user1')).stdout, /No session explains it/);
});

scenario('token: minted as the servers take it, the secret never in argv', { servers: 1 }, async (s) => {
  const bare = (await ctl(s, 0, 'token', 'user1')).stdout.trim();
  const claims = jwt.verify(bare, SECRET, { algorithms: ['HS256'] });
  assert.deepEqual([claims.uid, claims.role, claims.exp - claims.iat, claims.jti, claims.groups], ['user1', 'mobile', 3600, undefined, undefined]);
  const phone = await s.phone('user1', { token: bare });
  await until(async () => (await s.online()).length === 1, 'online');
  phone.terminate();
  const full = jwt.verify((await ctl(s, 0, 'token', '--role', 'dashboard', 'boss', '--groups', 'a,b', '--groups', 'c', '--ttl', '90s', '--id', 'j1')).stdout.trim(), SECRET);
  assert.deepEqual([full.role, full.groups, full.exp - full.iat, full.jti], ['dashboard', ['a', 'b', 'c'], 90, 'j1']);
  const [told] = await json(s, 0, 'token', 'user1', '--ttl', '0');
  assert.equal(jwt.verify(told.token, SECRET).exp, undefined);
  assert.equal(told.expires, 0);
  const file = path.join(s.dir, 'secret');
  fs.writeFileSync(file, `${SECRET}\n`);
  const fromFile = await ctlWith(s, { SECRET_KEY: '', SECRET_KEY_FILE: file, REDIS_URL: 'unix:///nonexistent/redis' }, 'token', 'user1');
  assert.equal(jwt.verify(fromFile.stdout.trim(), SECRET).uid, 'user1');
  for (const secret of ['', 'secret', 'your-secret-key']) {
    const refused = await ctlWith(s, { SECRET_KEY: secret }, 'token', 'user1');
    assert.equal(refused.code, 3);
    assert.match(refused.stderr, /SECRET_KEY/);
    assert.equal(refused.stdout, '');
  }
  const weak = await ctlWith(s, { SECRET_KEY: 'short-but-own' }, 'token', 'user1');
  assert.equal(weak.code, 0);
  assert.match(weak.stderr, /shorter than 32 bytes/);
  await ctl(s, 2, 'token', 'user1', '--groups', 'a,,b');
});

scenario('metrics: the guide\'s names over all daemons', { servers: 2, expiryds: 1, api: true, env: { PRESENCE_TTL: '1s', PRESENCE_HEARTBEAT_MIN: '0' } }, async (s) => {
  const dashboard = await s.dashboard();
  const phones = [await s.phone('user1', { server: 0 }), await s.phone('user2', { server: 1 })];
  for (let i = 0; i < 5; i++) for (const phone of phones) phone.beat();
  for (let i = 0; i < 3; i++)
    await fetch(`${s.api.url}/api/presence/status`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"userIds":["user1"]}' });
  await until(() => dashboard.of('user2').at(-1)?.status === 'offline' && dashboard.of('user1').at(-1)?.status === 'offline', 'expired', 15000);
  phones[0].beatEvery(20);
  await until(async () => (await s.online()).length === 1, 'online');
  const metrics = Object.fromEntries((await json(s, 0, 'metrics', '--interval', '500ms')).map((m) => [m.name, m]));
  assert.deepEqual(Object.keys(metrics), ['presence.online.total', 'presence.heartbeat.received', 'presence.ttl.expired',
    'presence.update.latency', 'presence.api.requests']);
  assert.equal(metrics['presence.online.total'].value, 1);
  assert.ok(metrics['presence.heartbeat.received'].total >= 11, JSON.stringify(metrics));
  assert.ok(metrics['presence.heartbeat.received'].value > 5, JSON.stringify(metrics));
  assert.equal(metrics['presence.ttl.expired'].value, 2);
  assert.ok(metrics['presence.update.latency'].count >= 4);
  assert.equal(metrics['presence.api.requests'].value, 3);
  assert.match((await ctl(s, 0, 'metrics', '-i', '100ms')).stdout, /^presence\.ttl\.expired +2$/m);
  await s.servers[1].kill();
  assert.match((await ctl(s, 4, 'metrics', '-i', '50ms')).stderr, /127\.0\.0\.1:\d+: .*lack its part/);
  const asked = await json(s, 0, 'metrics', '-i', '50ms', '--address', `127.0.0.1:${s.api.port}`);
  assert.equal(asked.find((m) => m.name === 'presence.api.requests').value, 3);
});

scenario('metrics: no daemon at all', { servers: 0 }, async (s) => {
  assert.match((await ctl(s, 4, 'metrics')).stderr, /no daemon is alive/);
});

scenario('kick: the connections of a user, or of one device', { servers: 1 }, async (s) => {
  const a = await s.phone('user1', { device: 'a' });
  const b = await s.phone('user1', { device: 'b' });
  const other = await s.phone('user2', { device: 'a' });
  await until(async () => (await s.redis.hlen('presence:sessions:user1')) === 2 && (await s.online()).length === 2, 'sessions');
  assert.match((await ctl(s, 0, 'kick', 'user1', '--device', 'a')).stdout, /told 1 server to close the connections of user1: 1 session stood in Redis/);
  assert.equal((await a.closed).code, 4403);
  await ctl(s, 0, 'online', 'user1', '--device', 'c');
  const kicked = await ctl(s, 0, 'kick', 'user1');
  assert.match(kicked.stdout, /1 session stood in Redis \(and 1 without a connection, which presence-ctl offline ends\)/);
  assert.equal((await b.closed).code, 4403);
  assert.equal(other.close_code, undefined);
  await s.servers[0].stop();
  assert.match((await ctl(s, 4, 'kick', 'user2')).stderr, /no presence-ws listens to presence:control/);
});

scenario('repair: what other writers left is put right at once', { servers: 0 }, async (s) => {
  await ctl(s, 0, 'online', 'ours');
  await s.redis.del('presence:user:ours');
  await s.redis.set('presence:user:foreign', '1', 'EX', 60);
  await s.redis.hset('presence:meta:stale', 'status', 'online');
  await s.redis.set('presence:meta:odd', 'a string');
  const { stdout } = await ctl(s, 0, 'repair');
  assert.match(stdout, /^1 adopted from another writer$/m);
  assert.match(stdout, /^1 had a key or an index entry put right$/m);
  assert.match(stdout, /^1 were online in presence:meta alone/m);
  assert.match(stdout, /checks met keys of another type/);
  assert.deepEqual(await s.online(), ['foreign', 'ours']);
  assert.equal(await s.redis.get('presence:user:ours'), '1');
  const [again] = await json(s, 0, 'repair');
  assert.deepEqual([again.adopted, again.restored, again.corrected], [0, 0, 0]);
});

scenario('Redis away, refusing, or wrong: exit 4 with a sentence, never a secret', { servers: 0 }, async (s) => {
  const commands = [['status', 'a'], ['list'], ['count'], ['watch'], ['wait', 'a', 'online'], ['online', 'a'], ['offline', 'a'],
    ['heartbeat', 'a'], ['publish', 'a', 'online'], ['sessions', 'a'], ['why', 'a'], ['metrics'], ['doctor'], ['kick', 'a'], ['repair']];
  for (const command of commands) {
    const away = await ctlWith(s, { REDIS_URL: 'unix:///nonexistent/redis.sock' }, ...command);
    assert.equal(away.code, 4, command.join(' '));
    assert.match(away.stdout + away.stderr, /Redis at unix:\/nonexistent\/redis\.sock/);
  }
  await s.redis.config('SET', 'requirepass', 'open-sesame');
  for (const command of [['count'], ['status', 'a']]) {
    const wrong = await ctlWith(s, { REDIS_PASSWORD: 'wrong-sesame' }, ...command);
    assert.equal(wrong.code, 4);
    assert.match(wrong.stderr, /WRONGPASS/);
    assert.doesNotMatch(wrong.stdout + wrong.stderr, /sesame/);
  }
  assert.equal((await ctlWith(s, { REDIS_PASSWORD: 'open-sesame' }, 'count')).code, 0);
});

test('settings: flag before environment before file', async (t) => {
  const s = await stack(t, { servers: 0 });
  await ctl(s, 0, 'online', 'here');
  await ctlWith(s, { PRESENCE_PREFIX: 'other:' }, 'online', 'there');
  const file = path.join(s.dir, 'presence.conf');
  fs.writeFileSync(file, `PRESENCE_PREFIX=other:\nREDIS_URL=unix://${s.socket}\nPRESENCE_WS_LISTEN=*:1\n`);
  const fromFile = await run(CTL, ['list', '--json', '--config', file], { env: {} });
  assert.deepEqual(lines(fromFile.stdout).map((u) => u.userId), ['there']);
  const fromFlag = await run(CTL, ['list', '--json', '--config', file, '--prefix', 'presence:'], { env: {} });
  assert.deepEqual(lines(fromFlag.stdout).map((u) => u.userId), ['here']);
  const shown = await run(CTL, ['--check-config', 'count', '--config', file], { env: {} });
  assert.match(shown.stdout, /PRESENCE_PREFIX=other:/);
});

// doctor

const findings = async (s, code, ...args) => json(s, code, 'doctor', ...args);
const faults = (list) => list.filter((f) => f.verdict === 'fault').map((f) => f.check);

scenario('doctor: all well, then one ill after the other', { servers: 2, expiryds: 1, api: true }, async (s) => {
  (await s.phone('user1')).beat();
  await s.dashboard();
  await until(async () => (await s.online()).length === 1, 'online');
  await sleep(2500); // the hold-back of a first start
  const well = await findings(s, 0);
  assert.deepEqual(faults(well), []);
  assert.deepEqual(well.filter((f) => f.verdict === 'note'), []);
  assert.match(well.find((f) => f.check === 'daemons').text, /2 presence-ws, 1 presence-api, 1 presence-expiryd/);
  assert.match(well.find((f) => f.check === 'traffic').text, /1 phone and 1 dashboard connected/);
  assert.match((await ctl(s, 0, 'doctor')).stdout, /\n0 faults, 0 notes\n$/);

  await s.redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
  let ill = await findings(s, 1);
  assert.deepEqual(faults(ill), ['eviction']);
  assert.match(ill.find((f) => f.check === 'eviction').mend, /CONFIG SET maxmemory-policy noeviction/);
  for (const finding of ill) assert.equal(finding.fix, finding.mend, 'two names of one value');
  await s.redis.config('SET', 'maxmemory-policy', 'noeviction');

  await s.redis.config('SET', 'notify-keyspace-events', 'K$');
  ill = await findings(s, 0);
  assert.match(ill.find((f) => f.check === 'notifications' && f.verdict === 'note').mend, /notify-keyspace-events \S+Ex$/);
  await s.redis.config('SET', 'notify-keyspace-events', 'Ex');

  const node = (offset) => JSON.stringify({ program: 'presence-ws', address: '127.0.0.1:1', seen: Date.now(), offset, asserted: '' });
  await s.redis.hset('presence:nodes', 'feedbeef', node(5000));
  ill = await findings(s, 1);
  assert.ok(faults(ill).includes('clocks'));
  assert.match(ill.find((f) => f.check === 'clocks').text, /presence-ws feedbeef at 127\.0\.0\.1:1 is 5 s ahead of Redis's/);
  await s.redis.hdel('presence:nodes', 'feedbeef');

  await s.redis.hset('presence:meta:ghost', 'status', 'online');
  ill = await findings(s, 1);
  assert.deepEqual(faults(ill), ['stale']);
  assert.match(ill.find((f) => f.check === 'stale').text, /index and keys disagree: 1 user .*: ghost/);
  await s.redis.del('presence:meta:ghost');

  await s.expiryds[0].stop();
  ill = await findings(s, 1);
  assert.deepEqual(faults(ill), ['expiryd']);
  assert.match(ill.find((f) => f.check === 'expiryd').text, /no presence-expiryd is alive/);
});

scenario('doctor at once after the start: no registration has a clock that is apart', { servers: 0 }, async (s, t) => {
  const offsets = [], monitor = await s.beside().monitor();
  t.after(() => monitor.disconnect());
  monitor.on('error', () => {}).on('monitor', (time, [command, key, ...rest]) => {
    if (command.toLowerCase() === 'hset' && key === 'presence:nodes')
      for (let i = 1; i < rest.length; i += 2) offsets.push(JSON.parse(rest[i]));
  });
  const [server] = await Promise.all([s.startServer(), s.startApi(), s.startExpiryd()]);
  const first = lines((await s.ctl('doctor', '--json')).stdout); // other faults may be true still
  assert.deepEqual(first.filter((f) => f.check === 'clocks').map((f) => f.verdict), ['ok']);
  await s.ready(server);
  const heard = (program) => offsets.filter((node) => node.program === program).length;
  await until(() => ['presence-ws', 'presence-api', 'presence-expiryd'].every((program) => heard(program) > 2), 'each has registered twice');
  assert.deepEqual(offsets.filter((node) => Math.abs(node.offset) > 1000), []);
});

scenario('doctor: index, keys and sessions that disagree, each by its name', { servers: 0 }, async (s) => {
  for (const user of ['key', 'meta', 'unlisted', 'bare', 'late']) await ctl(s, 0, 'online', user);
  await s.redis.del('presence:user:key');
  await s.redis.hset('presence:meta:meta', 'status', 'offline');
  await s.redis.zrem('presence:due', 'unlisted');
  await s.redis.del('presence:sessions:bare', 'presence:user:bare');
  await s.redis.zadd('presence:due', Date.now() + 3600000, 'late');
  await s.redis.set('presence:user:external', '1', 'EX', 60);
  await s.redis.set('presence:meta:foreign', 'a string');
  const list = await findings(s, 1);
  const told = (user) => list.filter((f) => f.verdict === 'fault' && f.text.endsWith(`: ${user}`)).map((f) => f.check);
  assert.deepEqual(told('key'), ['keys']);
  assert.deepEqual(told('meta'), ['meta']);
  assert.deepEqual(told('unlisted'), ['index']);
  assert.deepEqual(told('bare'), ['sessions']);
  assert.deepEqual(told('late'), ['index']);
  assert.deepEqual(told('external'), ['unadopted']);
  assert.deepEqual(told('foreign'), ['foreign']);
  await s.redis.del('presence:meta:foreign');
  await ctl(s, 0, 'repair');
  await ctl(s, 0, 'repair');
  const left = faults(await findings(s, 1)).filter((check) => check !== 'expiryd');
  assert.deepEqual(left, ['sessions'], 'what nothing explains ends with its deadline');
});

scenario('doctor: daemons with other TTLs than each other, or than this shell; repair takes the longest', { servers: 1, expiryds: 0 }, async (s) => {
  const other = { PRESENCE_TTL: '90s' };
  await until(async () => (await findings(s, 1)).some((f) => f.check === 'ttl'), 'the server has said its TTL');
  const ttls = async (env) => lines((await ctlWith(s, env, 'doctor', '--json')).stdout).filter((f) => f.check === 'ttl').map((f) => f.verdict);
  assert.deepEqual(await ttls({}), ['ok']);
  assert.deepEqual(await ttls(other), ['ok', 'note']);
  await s.startExpiryd(other);
  await until(async () => (await ttls({})).join() === 'fault,note', 'a fault');
  const [fault] = lines((await ctlWith(s, {}, 'doctor', '--json')).stdout).filter((f) => f.check === 'ttl');
  assert.match(fault.text, /^presence-ws \S+ at \S+ has a PRESENCE_TTL of .+, others have 1 min 30 s$/);
  await s.redis.set('presence:user:theirs', '1');
  assert.equal((await ctlWith(s, { PRESENCE_TTL: '10s', PRESENCE_DRAIN_GRACE: '1s' }, 'repair')).code, 0);
  assert.ok(await s.redis.pttl('presence:user:theirs') > 60000);
});

scenario('doctor: wrong password, Redis away, a replica, a user who may little', { servers: 0 }, async (s) => {
  await s.redis.config('SET', 'requirepass', 'open-sesame');
  const wrong = await ctlWith(s, { REDIS_PASSWORD: 'wrong-sesame' }, 'doctor');
  assert.equal(wrong.code, 4);
  assert.match(wrong.stdout, /^fault .*WRONGPASS[^]*mend: set REDIS_PASSWORD/);
  assert.doesNotMatch(wrong.stdout, /sesame/);
  const none = await ctlWith(s, {}, 'doctor', '--json');
  assert.equal(none.code, 4);
  assert.match(lines(none.stdout)[0].text, /NOAUTH/);
  const away = await ctlWith(s, { REDIS_URL: '', REDIS_HOST: '127.0.0.1', REDIS_PORT: '1' }, 'doctor');
  assert.equal(away.code, 4);
  assert.match(away.stdout, /^fault .*Redis at 127\.0\.0\.1:1\/0[^]*mend: start Redis/);
  await s.redis.config('SET', 'requirepass', '');
  await s.redis.replicaof('127.0.0.1', '1');
  assert.ok(faults(await findings(s, 1)).includes('role'));
  await s.redis.replicaof('NO', 'ONE');
  await s.redis.acl('SETUSER', 'small', 'on', '>pass', '~presence:*', '&presence:*', '+@all', '-info', '-config', '-pubsub');
  const small = lines((await ctlWith(s, { REDIS_USERNAME: 'small', REDIS_PASSWORD: 'pass' }, 'doctor', '--json')).stdout);
  assert.deepEqual(small.filter((f) => f.verdict === 'note').map((f) => f.check).sort(), ['eviction', 'info', 'notifications', 'servers', 'subscribers']);
  await s.redis.acl('SETUSER', 'small', 'resetchannels');
  const mute = lines((await ctlWith(s, { REDIS_USERNAME: 'small', REDIS_PASSWORD: 'pass' }, 'doctor', '--json')).stdout);
  assert.ok(faults(mute).includes('pubsub'));
});
