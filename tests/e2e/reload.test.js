// SPDX-License-Identifier: MIT
// What process managers and operators are told: systemd's reloads and watchdog, and what a SIGHUP has changed.
'use strict';
const assert = require('node:assert');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { scenario, until, SECRET } = require('./lib/stack');
const { BIN } = require('./lib/process');

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const DAEMONS = [['presence-ws', 'PRESENCE_WS_LISTEN'], ['presence-api', 'PRESENCE_API_LISTEN'],
  ['presence-expiryd', 'PRESENCE_EXPIRYD_LISTEN']];

// In the role of systemd: prints each message (sd_notify(3)) on a line; Node has no datagrams on unix sockets.
const MANAGER = `use Socket; $| = 1; socket(S, AF_UNIX, SOCK_DGRAM, 0); bind(S, sockaddr_un($ARGV[0])) or die; print "bound\\n";
  while (defined recv(S, $m, 1000, 0)) { $m =~ s/\\n/ | /g; print "$m\\n" }`;

// Microseconds as the daemons count them (CLOCK_MONOTONIC).
const monotonic = () => Number(process.hrtime.bigint() / 1000n);

// { socket, told(pattern): [{ at, text }], heard(pattern, count): the same, when there are so many }
async function manager(s) {
  const socket = path.join(s.dir, 'notify');
  const listener = s.start('perl', ['-e', MANAGER, socket]);
  const messages = [];
  listener.child.stdout.on('data', (bytes) => {
    for (const text of String(bytes).split('\n').filter(Boolean)) messages.push({ at: monotonic(), text });
  });
  await listener.printed(/bound/);
  const told = (pattern) => messages.filter(({ text }) => pattern.test(text));
  return { socket, told, heard: (pattern, count = 1) => until(() => told(pattern).length >= count && told(pattern), `told ${pattern}`) };
}

// The shell execs, so that the process is the one that WATCHDOG_PID names.
function watched(s, program, variable, socket, usec, env = {}) {
  return s.start('/bin/sh', ['-c', 'WATCHDOG_PID=${OTHER_PID:-$$} exec "$0"', path.join(BIN, program)],
    { [variable]: '127.0.0.1:0', NOTIFY_SOCKET: socket, WATCHDOG_USEC: String(usec), ...env });
}

for (const [program, variable] of DAEMONS) {
  scenario(`${program}: Type=notify-reload, STATUS, and the time a shutdown takes`, { servers: 0,
    env: { PRESENCE_DRAIN_DELAY: '100ms', PRESENCE_DRAIN_TIMEOUT: '7s' } }, async (s) => {
    const systemd = await manager(s);
    const daemon = s.start(path.join(BIN, program), [], { [variable]: '127.0.0.1:0', NOTIFY_SOCKET: systemd.socket });
    await systemd.heard(/^READY=1 \| STATUS=Serving$/);
    const asked = monotonic();
    daemon.signal('SIGHUP');
    const [reloading] = await systemd.heard(/^RELOADING=1 \| MONOTONIC_USEC=\d+$/);
    const said = Number(/USEC=(\d+)/.exec(reloading.text)[1]);
    assert.ok(asked <= said && said <= reloading.at, `asked at ${asked}, said ${said}, heard at ${reloading.at}`);
    await systemd.heard(/^READY=1$/);
    await daemon.printed(/ reloaded changed=nothing /);
    daemon.signal('SIGTERM');
    const [stopping] = await systemd.heard(/^STOPPING=1 \| STATUS=[^|]+ \| EXTEND_TIMEOUT_USEC=\d+$/);
    const allowed = Number(/TIMEOUT_USEC=(\d+)/.exec(stopping.text)[1]);
    assert.equal(allowed, program === 'presence-expiryd' ? 6100000 : 12100000);
    await systemd.heard(/^STATUS=Draining/);
    assert.deepEqual(await daemon.exited, { code: 0, signal: null });
    assert.equal(systemd.told(/WATCHDOG/).length, 0, 'nobody asked for it');
  });

  scenario(`${program}: the watchdog hears of a loop that turns, and of none that stands still`, { servers: 0 }, async (s) => {
    const systemd = await manager(s);
    const daemon = watched(s, program, variable, systemd.socket, 600000);
    daemon.name = program;
    await systemd.heard(/^READY=1/);
    const beats = await systemd.heard(/^WATCHDOG=1$/, 6);
    for (let i = 1; i < beats.length; i++)
      assert.ok(beats[i].at - beats[i - 1].at < 600000 * (Number(process.env.PRESENCE_PATIENCE) || 1), 'within the time');
    const gaps = beats.slice(1).map((beat, i) => beat.at - beats[i].at).sort((a, b) => a - b);
    assert.ok(gaps[2] > 0.9 * 300000, `half of it: ${gaps}`);
    daemon.signal('SIGSTOP');
    await sleep(100);
    const count = systemd.told(/WATCHDOG/).length;
    await sleep(700);
    assert.equal(systemd.told(/WATCHDOG/).length, count);
    daemon.signal('SIGCONT');
    await systemd.heard(/^WATCHDOG=1$/, count + 2);
    assert.deepEqual(await daemon.stop(), { code: 0, signal: null });
  });
}

scenario('a watchdog of another process is none of ours', { servers: 0 }, async (s) => {
  const systemd = await manager(s);
  const daemon = watched(s, 'presence-expiryd', 'PRESENCE_EXPIRYD_LISTEN', systemd.socket, 20000, { OTHER_PID: '1' });
  daemon.name = 'presence-expiryd';
  await systemd.heard(/^READY=1/);
  await sleep(200);
  assert.equal(systemd.told(/WATCHDOG/).length, 0);
});

// A public key with its name, as JWK, and its fingerprint as a log tells it.
function key(kid, kind, options) {
  const { publicKey } = crypto.generateKeyPairSync(kind, options);
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return { jwk: { ...publicKey.export({ format: 'jwk' }), kid }, print: crypto.createHash('sha256').update(der).digest('hex').slice(0, 8) };
}

for (const [program, variable] of DAEMONS.slice(0, 2))
  scenario(`${program}: SIGHUP says which keys there were and are, or that nothing changed`, { servers: 0, env: { PRESENCE_API_AUTH: 'jwt' } }, async (s) => {
    const [old, fresh] = [key('k1', 'ec', { namedCurve: 'P-256' }), key('k2', 'ed25519')];
    const file = path.join(s.dir, 'settings'), keys = path.join(s.dir, 'keys.json');
    const write = (list) => fs.writeFileSync(keys, JSON.stringify({ keys: list.map((k) => k.jwk) }));
    const settings = (secret, more = '') => fs.writeFileSync(file, `JWT_PUBLIC_KEY_FILE=${keys}\nSECRET_KEY=${secret}\n${more}`);
    write([old]);
    settings(SECRET);
    const daemon = s.start(path.join(BIN, program), ['--config', file], { [variable]: '127.0.0.1:0', SECRET_KEY: undefined });
    await daemon.printed(/listening address=/);
    let lines = 0;
    const reload = async (pattern) => {
      const count = ++lines;
      daemon.signal('SIGHUP');
      return until(() => {
        const found = daemon.output.match(/^.*reload.*$/gm) || [];
        if (found.length >= count) assert.match(found[count - 1], pattern);
        return found.length >= count && found[count - 1];
      }, `line ${count} of a reload`);
    };
    const is = `ES256:k1/${old.print}`, also = `EdDSA:k2/${fresh.print}`;
    const first = await reload(new RegExp(`info .* reloaded changed=nothing log_level=info keys="HS:[0-9a-f]{8} ${is}"`));
    write([fresh, old]);
    await reload(new RegExp(`reloaded changed=keys .*keys_before="HS:[0-9a-f]{8} ${is}" keys="HS:[0-9a-f]{8} ${also} ${is}"`));
    write([fresh]);
    settings(SECRET, 'LOG_LEVEL=debug\n');
    await reload(new RegExp(`reloaded changed="keys, log level" log_level_before=info log_level=debug keys_before="[^"]*" keys="HS:[0-9a-f]{8} ${also}"`));
    settings('another-secret-that-is-not-the-one-before');
    const other = await reload(/reloaded changed="keys, log level" log_level_before=debug log_level=info/);
    const prints = other.match(/HS:[0-9a-f]{8}/g);
    assert.notEqual(prints[0], prints[1]);
    assert.equal(prints[0], /HS:[0-9a-f]{8}/.exec(first)[0], 'the same secret is the same');
    for (const secret of [SECRET, 'another-secret-that-is-not-the-one-before'])
      for (const digest of ['sha1', 'sha256', 'sha512', 'md5'])
        assert.ok(!daemon.output.includes(crypto.createHash(digest).update(secret).digest('hex').slice(0, 8)), 'no bare hash of a secret');
    fs.writeFileSync(keys, 'no keys');
    await reload(/error .* reload_failed error="JWT_PUBLIC_KEY_FILE/);
    write([fresh]);
    await reload(/reloaded changed=nothing/);
    settings(SECRET, 'LOG_LEVEL=loud\n');
    await reload(/error .* reload_failed error="[^"]*LOG_LEVEL/);
    assert.deepEqual(await daemon.stop(), { code: 0, signal: null });
  });
