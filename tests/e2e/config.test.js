// SPDX-License-Identifier: MIT
// --check-config: misspelt names, where each value comes from, and what a start would warn about or refuse.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');
const { BIN, run } = require('./lib/process');
const { scenario, SECRET } = require('./lib/stack');

const DAEMONS = ['presence-ws', 'presence-api', 'presence-expiryd'];
const COMMANDS = {
  'presence-ctl': [['status', 'u'], ['list'], ['watch'], ['wait', 'u', 'online'], ['online', 'u'], ['kick', 'u'], ['token', 'u'], ['metrics'], ['doctor']],
  'presence-sim': [['mobile'], ['web'], ['load'], ['run', 'f']],
};
// Each program, with each of its commands: [program, arguments].
const STARTS = [...DAEMONS.map((name) => [name, []]), ...Object.entries(COMMANDS).flatMap(([name, all]) => all.map((args) => [name, args]))];
const BASE = { PATH: process.env.PATH, ASAN_OPTIONS: process.env.ASAN_OPTIONS || '', SECRET_KEY: SECRET };

const check = (program, args = [], env = {}) => run(path.join(BIN, program), [...args, '--check-config'], { env: { ...BASE, ...env } });
const values = (shown) => Object.fromEntries([...shown.matchAll(/^(?:# )?([A-Z_]+)=(.*)$/mg)].map((m) => [m[1], m[2]]));
const comments = (shown) => Object.fromEntries([...shown.matchAll(/^# (.*)\n(?:# )?([A-Z_]+)=/mg)].map((m) => [m[2], m[1]]));

function scratch(t) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'presence-config-'));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  return dir;
}

test('each program knows the names of all, and warns of those that nobody knows', { timeout: 120000 }, async (t) => {
  const shown = await Promise.all(STARTS.map(([program, args]) => check(program, args)));
  for (const [i, end] of shown.entries()) assert.deepEqual([end.code, end.stderr], [0, ''], STARTS[i].join(' '));
  const own = shown.map((end) => values(end.stdout));
  const all = [...new Set(own.flatMap((v) => Object.keys(v)))];
  for (const name of ['PRESENCE_TTL', 'PRESENCE_WS_LISTEN', 'PRESENCE_API_THREADS', 'PRESENCE_SWEEP_INTERVAL', 'PRESENCE_CTL_LIMIT', 'PRESENCE_SIM_SEED', 'REDIS_PASSWORD'])
    assert.ok(all.includes(name), name);
  const file = path.join(scratch(t), 'all.conf');
  for (const [i, [program, args]] of STARTS.entries()) {
    const others = Object.fromEntries(all.filter((name) => !(name in own[i])).map((name) => [name, 'x']));
    const end = await check(program, args, { ...others, ...Object.fromEntries(Object.entries(own[i]).filter(([, value]) => value !== '***')) });
    assert.deepEqual([end.code, end.stderr], [0, ''], `${program} ${args}`);
    fs.writeFileSync(file, Object.entries(others).map(([name, value]) => `${name}=${value}\n`).join(''));
    const by = await check(program, [...args, '--config', file]);
    assert.deepEqual([by.code, by.stderr], [0, ''], `${program} ${args} --config`);
  }

  const wrong = { PRESENCE_HOLDBAK: '5s', REDIS_PASWORD: 'x', JWT_SECRETE: 'y', PRESENCE_TTL_FILE: '/run/ttl', PRESENCE_WHATEVER_THIS_IS: '1' };
  const links = { REDIS_SERVICE_HOST: '10.0.0.1', REDIS_SERVICE_PORT: '6379', REDIS_PORT_6379_TCP: 'tcp://10.0.0.1:6379', REDIS_PORT_6379_TCP_ADDR: '10.0.0.1',
    PRESENCE_WS_SERVICE_HOST: '10.0.0.2', PRESENCE_WS_SERVICE_PORT_HTTP: '3000', PRESENCE_WS_PORT: 'tcp://10.0.0.2:3000', PRESENCE_API_PORT_53_UDP_PROTO: 'udp' };
  for (const [program, args] of STARTS) {
    const end = await check(program, args, { ...wrong, ...links });
    assert.equal(end.code, 0);
    assert.deepEqual(end.stderr.trimEnd().split('\n').sort(), [
      'JWT_SECRETE is no setting of any program; is JWT_SECRET meant?', 'PRESENCE_HOLDBAK is no setting of any program; is PRESENCE_HOLDBACK meant?',
      'PRESENCE_TTL_FILE is no setting of any program; is PRESENCE_TTL meant?', 'PRESENCE_WHATEVER_THIS_IS is no setting of any program',
      'REDIS_PASWORD is no setting of any program; is REDIS_PASSWORD meant?'].map((line) => `${program}: warning: ${line}`), `${program} ${args}`);
  }
});

test('where each value comes from, in a form that is a file again', { timeout: 60000 }, async (t) => {
  const dir = scratch(t), file = path.join(dir, 'presence.conf'), again = path.join(dir, 'again.conf');
  fs.writeFileSync(file, 'LOG_LEVEL=debug\n\nPRESENCE_DRAIN_GRACE=20s\nPRESENCE_TTL=30s\nfoo=bar\n');
  fs.writeFileSync(path.join(dir, 'secret'), SECRET);
  for (const program of DAEMONS) {
    const env = { SECRET_KEY: '', SECRET_KEY_FILE: path.join(dir, 'secret'), PRESENCE_TTL: '50m', PRESENCE_HEARTBEAT_MIN: '2h' };
    const first = await check(program, ['--config', file, '--holdback', '3s'], env);
    assert.deepEqual([first.code, first.stderr], [0, `${program}: warning: ${file}:5: foo is no setting of any program\n`]);
    const from = comments(first.stdout), said = values(first.stdout);
    assert.deepEqual([from.PRESENCE_TTL, from.PRESENCE_HOLDBACK, from.PRESENCE_DRAIN_GRACE, from.LOG_LEVEL, from.REDIS_HOST],
      ['environment PRESENCE_TTL', 'flag --holdback', `file ${file}:3`, `file ${file}:1`, 'default; in force:']);
    assert.deepEqual([from.PRESENCE_HEARTBEAT_MIN, said.PRESENCE_HEARTBEAT_MIN], ['environment PRESENCE_HEARTBEAT_MIN (2h); in force:', '1250s']);
    if (program !== 'presence-expiryd') assert.deepEqual([from.SECRET_KEY, said.SECRET_KEY], ['environment SECRET_KEY_FILE', '***']);
    fs.writeFileSync(again, first.stdout);
    const second = await check(program, ['--config', again], { SECRET_KEY_FILE: env.SECRET_KEY_FILE, SECRET_KEY: '' });
    assert.deepEqual([second.code, second.stderr], [0, ''], second.stderr);
    assert.deepEqual(values(second.stdout), said);
  }
  const bounded = await check('presence-expiryd', [], { PRESENCE_TTL: '100ms' });
  assert.equal(values(bounded.stdout).PRESENCE_SWEEP_INTERVAL, '10ms');
  assert.equal(comments(bounded.stdout).PRESENCE_SWEEP_INTERVAL, 'default (250ms); in force:');
});

// [program, arguments, environment, exit code, what stderr says]: a start and --check-config alike.
const REFUSED = [
  ['presence-ws', ['--enabled', 'false'], {}, 2, /unexpected argument 'false'/],
  ['presence-api', ['serve'], {}, 2, /unexpected argument 'serve'/],
  ['presence-expiryd', ['--', '--ttl'], {}, 2, /unexpected argument '--ttl'/],
  ['presence-ctl', ['status'], {}, 2, /status takes USER/],
  ['presence-ctl', ['wait', 'u'], {}, 2, /wait takes USER online\|offline/],
  ['presence-ctl', ['list', 'u'], {}, 2, /list takes no arguments/],
  ['presence-ctl', ['statsu', 'u'], {}, 2, /unknown command 'statsu'/],
  ['presence-ctl', ['kick', 'a', 'b'], {}, 2, /kick takes/],
  ['presence-sim', ['run'], {}, 2, /run takes FILE/],
  ['presence-sim', ['mobile', 'x'], {}, 2, /mobile takes no arguments/],
  ['presence-ws', [], { SECRET_KEY: '' }, 3, /SECRET_KEY/],
  ['presence-ws', [], { SECRET_KEY: 'changeme' }, 3, /SECRET_KEY/],
  ['presence-ws', [], { SECRET_KEY_FILE: '/nowhere', SECRET_KEY: '' }, 3, /SECRET_KEY_FILE/],
  ['presence-ws', [], { JWT_PUBLIC_KEY_FILE: '/nowhere' }, 3, /JWT_PUBLIC_KEY_FILE/],
  ['presence-ws', ['--auth', 'none', '--listen', '0.0.0.0:0'], {}, 3, /PRESENCE_AUTH=none/],
  ['presence-ws', ['--listen', 'nonsense'], {}, 3, /PRESENCE_WS_LISTEN/],
  ['presence-ws', ['--trusted-proxies', '10.0.0.0/99'], {}, 3, /PRESENCE_TRUSTED_PROXIES/],
  ['presence-api', ['--auth', 'jwt'], { SECRET_KEY: '' }, 3, /SECRET_KEY/],
  ['presence-api', ['--listen', '0.0.0.0:0'], {}, 3, /PRESENCE_API_AUTH/],
  ['presence-api', ['--listen', '127.0.0.1'], {}, 3, /PRESENCE_API_LISTEN/],
  ['presence-expiryd', ['--listen', '127.0.0.1:x'], {}, 3, /PRESENCE_EXPIRYD_LISTEN/],
  ['presence-expiryd', ['--redis-host', 'a b'], {}, 3, /REDIS_HOST/],
  ['presence-expiryd', [], { REDIS_URL: 'http://x' }, 3, /REDIS_URL/],
  ['presence-ctl', ['list', '--limit', 'many'], {}, 3, /limit/],
  ['presence-ctl', ['list'], { PRESENCE_PREFIX: 'a\nb' }, 3, /PRESENCE_PREFIX/],
  ['presence-sim', ['mobile', '--silent', '60', '--roam', '60'], {}, 3, /silent/],
  ['presence-api', ['--config', '/nowhere'], {}, 3, /nowhere/],
];

test('--check-config refuses what a start refuses, with its code and its words', { timeout: 60000 }, async () => {
  const ends = await Promise.all(REFUSED.map(([program, args, env]) => Promise.all([
    run(path.join(BIN, program), args, { env: { ...BASE, ...env } }), run(path.join(BIN, program), ['--check-config', ...args], { env: { ...BASE, ...env } })])));
  for (const [i, [program, args, , code, line]] of REFUSED.entries()) {
    const [start, checked] = ends[i];
    assert.deepEqual([checked.code, checked.stdout, checked.stderr], [code, '', start.stderr], `${program} ${args}`);
    assert.equal(start.code, code, `${program} ${args}`);
    assert.match(checked.stderr, line);
  }
});

scenario('what a start warns about: one line each in the log, and in --check-config', { servers: 0 }, async (s) => {
  const doubtful = { SECRET_KEY: 'only-this-short', PRESENCE_HOLDBAK: '5s', REDIS_SERVICE_HOST: '10.0.0.1', PRESENCE_API_AUTH: 'jwt', PRESENCE_BIN: 'x' };
  const unknown = 'PRESENCE_HOLDBAK is no setting of any program; is PRESENCE_HOLDBACK meant?', short = 'SECRET_KEY is shorter than 32 bytes';
  const said = { 'presence-ws': [unknown, short], 'presence-api': [unknown, short], 'presence-expiryd': [unknown] };
  for (const [name, start] of [['presence-ws', 'startServer'], ['presence-api', 'startApi'], ['presence-expiryd', 'startExpiryd']]) {
    const daemon = await s[start](doubtful);
    const hints = [...daemon.output.matchAll(/ warn \S+ (?:unknown_setting|weak_secret) hint="(.*)"$/mg)].map((m) => m[1]);
    assert.deepEqual(hints, said[name], daemon.output);
    const checked = await check(name, [], doubtful);
    assert.deepEqual([checked.code, checked.stderr], [0, said[name].map((text) => `${name}: warning: ${text}\n`).join('')]);
  }
  const open = await check('presence-ws', ['--auth', 'none']);
  assert.deepEqual([open.code, open.stderr], [0, 'presence-ws: warning: PRESENCE_AUTH=none: every local program may name its user and role\n']);
  const idle = await check('presence-expiryd', ['--enabled=false']);
  assert.match(idle.stderr, /^presence-expiryd: warning: PRESENCE_ENABLED=false: nobody is marked offline by silence\n$/);
  const quiet = await s.startServer({ ...doubtful, LOG_LEVEL: 'info' });
  assert.ok(!quiet.output.includes('only-this-short'));
  const ctl = await run(path.join(BIN, 'presence-ctl'), ['count', '--json'], { env: { ...s.env, ...doubtful } });
  assert.deepEqual([ctl.code, ctl.stderr], [0, `presence-ctl: warning: ${unknown}\n`]);
  assert.doesNotThrow(() => JSON.parse(ctl.stdout));
});
