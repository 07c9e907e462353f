// SPDX-License-Identifier: MIT
// From "Run it" of the README to production: its ports, its targets of make, the units that it installs, and its first run behind
// nginx with every file and every default as shipped.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');
const { BIN, ROOT, run } = require('./lib/process');
const { SECRET } = require('./lib/stack');

const read = (...names) => fs.readFileSync(path.join(ROOT, ...names), 'utf8');
const README = read('README.md');
const RUN_IT = /^## Run it\n([^]*?)^## /m.exec(README)[1];

// The only line of "Run it" that matches.
function readmeLine(pattern) {
  const lines = RUN_IT.split('\n').filter((line) => line.startsWith('    ') && pattern.test(line));
  assert.equal(lines.length, 1, `${pattern} in "Run it": ${lines.join('|')}`);
  return lines[0].trim();
}

// The ports that a program listens on by itself.
async function defaultPorts(program) {
  const shown = await run(path.join(BIN, program), ['--check-config'], { env: { SECRET_KEY: SECRET } });
  assert.equal(shown.code, 0, shown.stderr);
  const listen = /^PRESENCE_\w+_LISTEN=(.*)$/m.exec(shown.stdout)[1];
  return new Set([...listen.matchAll(/:(\d+)(?=,|$)/g)].map(([, port]) => port));
}

const upstream = (name) => {
  const block = new RegExp(`^ *upstream ${name} \\{([^}]*)\\}`, 'm').exec(read('examples', 'nginx.conf'))[1];
  return [...block.matchAll(/^ *server [^:;]+:(\d+)\b/gm)].map(([, port]) => port);
};

test('one port for each daemon, whoever names it', async () => {
  const [ws, api, expiryd] = await Promise.all(['presence-ws', 'presence-api', 'presence-expiryd'].map(async (program) => {
    const ports = [...await defaultPorts(program)];
    assert.equal(ports.length, 1, `${program}: ${ports}`);
    return ports[0];
  }));
  assert.deepEqual(upstream('voiceping_backend'), [ws]);
  assert.deepEqual(upstream('presence_api'), [api]);
  const sockets = [...read('examples', 'systemd', 'presence-ws.socket').matchAll(/^ListenStream=.*:(\d+)$/gm)].map(([, port]) => port);
  assert.ok(sockets.length > 0 && sockets.every((port) => port === ws), sockets.join());
  const procfile = Object.fromEntries([...read('examples', 'Procfile').matchAll(/^\w+: (presence-\w+) --listen localhost:(\d+)$/gm)]
    .map(([, program, port]) => [program, port]));
  assert.deepEqual(procfile, { 'presence-ws': ws, 'presence-api': api, 'presence-expiryd': expiryd });
  assert.match(README, new RegExp(`\\*\\*presence-ws\\*\\* [^\\n]*\\(port ${ws}\\)`));
  assert.match(README, new RegExp(`\\*\\*presence-api\\*\\* [^\\n]*\\(port ${api}\\)`));
  assert.match(readmeLine(/curl -X POST/), new RegExp(`//localhost:${api}/`));
  assert.match(RUN_IT, new RegExp(`The page is at http://localhost:${api}/`));
  assert.match(README, new RegExp(`curl localhost:${expiryd}/readyz`));
  for (const client of ['mobile-client-presence.js', 'web-dashboard-presence.js'])
    assert.match(read('examples', client), new RegExp(`SERVER \\|\\| 'ws://localhost:${ws}'`), client);
});

test('the other servers of the nginx example are instances of the template unit', () => {
  const text = read('examples', 'nginx.conf');
  const named = [...text.matchAll(/presence-ws@(\d+)/g)].map(([, port]) => port);
  assert.ok(named.length > 1);
  assert.deepEqual([...text.matchAll(/# server 127\.0\.0\.1:(\d+)\b/g)].map(([, port]) => port), named);
  assert.match(read('examples', 'systemd', 'presence-ws@.service'), /^Environment=PRESENCE_WS_LISTEN=localhost:%i$/m);
});

test('every target of make that the README names is there', () => {
  const targets = new Set([...read('Makefile').matchAll(/^([a-z0-9 -]+):/gm)].flatMap(([, names]) => names.split(' ')));
  const named = [...README.matchAll(/\bmake ([a-z][a-z0-9-]+)/g)].map(([, name]) => name);
  assert.ok(named.includes('install-systemd'));
  assert.deepEqual(named.filter((name) => !targets.has(name)), []);
});

test('make deps installs what the build needs, and not what tests need', async () => {
  const said = await run('make', ['-n', '-C', ROOT, 'deps'], { env: { MAKEFLAGS: '', MAKEOVERRIDES: '' } });
  assert.deepEqual(said.stdout.match(/^tests\/.*$/gm), ['tests/tools/deps.sh build'], said.stderr);
});

// make install-systemd below `dest`, for programs that are in BIN.
function make(target, dest) {
  return run('make', ['-s', '-C', ROOT, target, `DESTDIR=${dest}`, `PREFIX=${dest}/usr`], { env: { MAKEFLAGS: '', MAKEOVERRIDES: '' } });
}

test('make install-systemd: units that systemd takes, a key that stays, the next commands', async (t) => {
  const dest = fs.mkdtempSync(path.join(os.tmpdir(), 'presence-units-'));
  t.after(() => fs.rmSync(dest, { recursive: true }));
  fs.mkdirSync(`${dest}/usr`);
  fs.symlinkSync(BIN, `${dest}/usr/bin`);
  const installed = await make('install-systemd', dest);
  assert.equal(installed.code, 0, installed.stderr);
  assert.ok(installed.stdout.includes(`\n  ${readmeLine(/systemctl enable/).replace(/^sudo /, '')}\n`), installed.stdout);

  const units = `${dest}/etc/systemd/system`;
  const files = fs.readdirSync(units).map((name) => `${units}/${name}`);
  assert.deepEqual(fs.readdirSync(units), fs.readdirSync(path.join(ROOT, 'examples', 'systemd')));
  for (const file of files) assert.equal(fs.statSync(file).mode & 0o777, 0o644, file);
  const verified = await run('systemd-analyze', ['verify', ...files]);
  assert.equal(verified.code, 0, verified.stderr);
  assert.doesNotMatch(verified.stderr, /presence-/);

  const settings = `${dest}/etc/presence`;
  const key = fs.readFileSync(`${settings}/secret-key`, 'utf8');
  assert.equal(fs.statSync(settings).mode & 0o777, 0o700);
  assert.equal(fs.statSync(`${settings}/secret-key`).mode & 0o777, 0o600);
  assert.match(key, /^[0-9a-f]{64}$/);
  assert.ok(!installed.stdout.includes(key), 'it is not shown');
  const checked = await run(path.join(BIN, 'presence-ws'), ['--check-config'], { env: { SECRET_KEY_FILE: `${settings}/secret-key` } });
  assert.equal(checked.code, 0, checked.stderr);

  assert.equal((await make('install-systemd', dest)).code, 0);
  assert.equal(fs.readFileSync(`${settings}/secret-key`, 'utf8'), key, 'a second time');
  const removed = await make('uninstall-systemd', dest);
  assert.equal(removed.code, 0, removed.stderr);
  assert.deepEqual(fs.readdirSync(units), []);
  assert.equal(fs.readFileSync(`${settings}/secret-key`, 'utf8'), key, 'it outlives the units');
});

test('make install-systemd: another key than a random one stays too, also where a link leads nowhere', async (t) => {
  const dest = fs.mkdtempSync(path.join(os.tmpdir(), 'presence-units-'));
  t.after(() => fs.rmSync(dest, { recursive: true }));
  fs.mkdirSync(`${dest}/etc/presence`, { recursive: true, mode: 0o750 });
  fs.symlinkSync('/nowhere/key', `${dest}/etc/presence/secret-key`);
  assert.equal((await make('install-systemd', dest)).code, 0);
  assert.equal(fs.readlinkSync(`${dest}/etc/presence/secret-key`), '/nowhere/key');
  assert.equal(fs.statSync(`${dest}/etc/presence`).mode & 0o777, 0o750);
});

// Everything in a network, a file tree and a process table of its own, where the ports are free and nothing outlives the test.
const FIRST_RUN = `
set -eu
mount -t tmpfs none /run
mount -t tmpfs none /var/log/nginx
ip link set lo up
await() { for _ in $(seq 300); do "$@" >/dev/null 2>&1 && return; sleep 0.1; done; echo "not within 30 s: $*" >&2; return 1; }
redis-server --save '' --dir /run >/dev/null &
await redis-cli ping
eval "$DAEMONS"
nginx -t -q -c "$NGINX_CONF"
nginx -c "$NGINX_CONF"
await curl -fsS http://localhost:3000/healthz
await curl -fsS http://localhost/healthz
SERVER=ws://localhost node "$PHONE" &
await presence-ctl status user123
await sh -c "$QUESTION | grep -q '\\"userId\\":\\"user123\\",\\"status\\":\\"online\\"'"
sh -c "$QUESTION"
echo
curl -fsS http://localhost/ | head -n 1
presence-ctl doctor
`;

test('the first run, and nginx before it: a phone connects, the API and the page answer', { timeout: 240000, skip: process.getuid() !== 0 && 'needs root for a network of its own' }, async () => {
  const curl = /curl -X POST http:\/\/localhost:3001(\S+) \\\n\s+(.*)\n/.exec(RUN_IT);
  const done = await run('unshare', ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', 'bash', '-c', FIRST_RUN], { timeout: 200000, env: {
    PATH: `${BIN}:${process.env.PATH}`, SECRET_KEY: SECRET, NODE_PATH: path.join(ROOT, 'tests', 'node_modules'),
    DAEMONS: readmeLine(/^ *presence-ws & /).replace(/ *#.*/, ''), NGINX_CONF: path.join(ROOT, 'examples', 'nginx.conf'),
    PHONE: path.join(ROOT, 'examples', 'mobile-client-presence.js'),
    QUESTION: `curl -fsS -X POST http://localhost${curl[1]} ${curl[2]}` } });
  assert.equal(done.code, 0, done.stdout + done.stderr);
  assert.match(done.stdout, /^connected to ws:\/\/localhost as user123$/m);
  assert.match(done.stdout, /^\{"success":true,"users":\[\{"userId":"user123","status":"online"/m);
  assert.match(done.stdout, /^<!doctype html>$/m);
});
