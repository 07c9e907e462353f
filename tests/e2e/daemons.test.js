// SPDX-License-Identifier: MIT
// What the three daemons do alike, as their manual pages say: start, signals, exit codes, the log.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { scenario, until } = require('./lib/stack');
const { BIN, run } = require('./lib/process');
const { ask } = require('./lib/raw');

const DAEMONS = [['presence-ws', 'PRESENCE_WS_LISTEN'], ['presence-api', 'PRESENCE_API_LISTEN'],
  ['presence-expiryd', 'PRESENCE_EXPIRYD_LISTEN']];

// Prints what process managers are told (sd_notify(3)): Node has no datagrams on unix sockets.
const LISTENER = `use Socket; $| = 1; socket(S, AF_UNIX, SOCK_DGRAM, 0); bind(S, sockaddr_un($ARGV[0])) or die;
  print "bound\\n"; while (defined recv(S, $m, 1000, 0)) { print "told $m\\n" }`;

// Hands over a TCP and a unix socket as sd_listen_fds(3) has it: descriptors 3 and 4, which nobody else accepts from.
const ACTIVATOR = `use Socket; BEGIN { $^F = 9 } $| = 1;
  socket(T, AF_INET, SOCK_STREAM, 0) && bind(T, sockaddr_in(0, INADDR_LOOPBACK)) && listen(T, 9) or die;
  socket(U, AF_UNIX, SOCK_STREAM, 0) && bind(U, sockaddr_un(shift)) && listen(U, 9) or die;
  die if fileno(T) != 3 || fileno(U) != 4;
  print "port " . (sockaddr_in(getsockname(T)))[0] . "\\n"; @ENV{'LISTEN_PID', 'LISTEN_FDS'} = ($$, 2); exec @ARGV`;

const get = (target, at) => ask(target, `GET ${at} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);

function started(s, program, env, args = [], options = {}) {
  return s.start(path.join(BIN, program), args, env, options);
}

// A socket's file is there before it is listened on; who answers heeds signals too.
const answering = (target) => until(async () => (await get(target, '/healthz').catch(() => ({}))).status === 200, 'it answers');

for (const [program, variable] of DAEMONS) {
  scenario(`${program}: the process manager hears of its start and its end`, { servers: 0 }, async (s) => {
    const socket = path.join(s.dir, 'notify');
    const listener = s.start('perl', ['-e', LISTENER, socket]);
    await listener.printed(/bound/);
    const daemon = started(s, program, { [variable]: '127.0.0.1:0', NOTIFY_SOCKET: socket });
    await listener.printed(/told READY=1\n/);
    assert.match(daemon.output, /listening address=/, 'ready when it listens');
    daemon.signal('SIGTERM');
    await listener.printed(/told STOPPING=1\n/);
    assert.deepEqual(await daemon.exited, { code: 0, signal: null });
  });

  scenario(`${program}: one that ends is no longer listed among those that live`, { servers: 0 }, async (s) => {
    const daemon = await s.startDaemon(program, variable);
    await until(async () => await s.redis.hlen('presence:nodes') === 1, 'it is listed');
    assert.deepEqual(await daemon.stop(), { code: 0, signal: null });
    assert.equal(await s.redis.hlen('presence:nodes'), 0);
  });

  scenario(`${program}: sockets of systemd, TCP and unix`, { servers: 0, env: { PRESENCE_API_AUTH: 'none' } }, async (s) => {
    const file = path.join(s.dir, 'handed.sock');
    const daemon = s.start('perl', ['-e', ACTIVATOR, file, path.join(BIN, program)], { [variable]: 'systemd' });
    daemon.name = program;
    const port = Number((await daemon.printed(/^port (\d+)$/m))[1]);
    await daemon.printed(/listening address=unix:/);
    for (const target of [{ port }, { path: file }]) assert.equal((await get(target, '/healthz')).status, 200);
    assert.deepEqual(await daemon.stop(), { code: 0, signal: null });
    assert.ok(fs.existsSync(file), 'the socket file is systemd\'s');
  });

  scenario(`${program}: a port in use, a shared one, a unix socket`, { servers: 0 }, async (s) => {
    const first = await s.startDaemon(program, variable, { PRESENCE_REUSEPORT: 'true' });
    const address = `127.0.0.1:${first.port}`;
    const second = started(s, program, { [variable]: address }, ['--reuseport']);
    await second.printed(/listening address=/);
    const taken = await run(path.join(BIN, program), [], { env: { ...s.env, [variable]: address } });
    assert.deepEqual([taken.code, taken.stderr], [3, `${program}: port ${first.port} is in use (${address}); --listen or ${variable} names another address\n`]);
    await first.stop();
    assert.equal((await get({ port: first.port }, '/healthz')).status, 200, 'the other has the port');
    const file = path.join(s.dir, 'own.sock');
    const third = started(s, program, { [variable]: `unix:${file}` });
    await third.printed(/listening address=unix:/);
    assert.equal((await get({ path: file }, '/healthz')).status, 200);
    await third.stop();
    assert.ok(!fs.existsSync(file));
  });

  scenario(`${program}: starts without Redis; SIGHUP, SIGINT`, { servers: 0 }, async (s) => {
    const file = path.join(s.dir, 'settings');
    fs.writeFileSync(file, '# of the installation\nLOG_LEVEL=error\n');
    const daemon = started(s, program, { [variable]: `unix:${s.dir}/d.sock`, REDIS_URL: `unix://${s.dir}/nowhere.sock` },
      ['--config', file]);
    const target = { path: `${s.dir}/d.sock` };
    await answering(target);
    assert.deepEqual([(await get(target, '/healthz')).status, (await get(target, '/readyz')).status], [200, 503]);
    assert.equal(daemon.output, '');
    fs.writeFileSync(file, 'LOG_LEVEL=debug\n');
    daemon.signal('SIGHUP');
    await daemon.printed(/info presence-\w+ reloaded changed="log level" log_level_before=error log_level=debug/);
    fs.writeFileSync(file, 'LOG_LEVEL=loud\n');
    daemon.signal('SIGHUP');
    await daemon.printed(/error presence-\w+ reload_failed error="[^"]*LOG_LEVEL[^"]*loud/);
    fs.unlinkSync(file);
    daemon.signal('SIGHUP');
    await until(() => daemon.output.match(/reload_failed/g).length === 2, 'no file either');
    daemon.signal('SIGINT');
    assert.deepEqual(await daemon.exited, { code: 0, signal: null });
  });

  scenario(`${program}: a log that nobody reads holds nothing up`, { servers: 0, env: { LOG_LEVEL: 'debug' } }, async (s) => {
    const pipe = path.join(s.dir, 'stderr');
    await run('mkfifo', [pipe]);
    const fd = fs.openSync(pipe, fs.constants.O_RDWR | fs.constants.O_NONBLOCK);
    const daemon = s.start('/bin/sh', ['-c', 'exec "$0" 2>"$1"', path.join(BIN, program), pipe], { [variable]: `unix:${s.dir}/d.sock` });
    const target = { path: `${s.dir}/d.sock` };
    await answering(target);
    assert.throws(() => { for (;;) fs.writeSync(fd, Buffer.alloc(256)); }, { code: 'EAGAIN' });
    const dropped = /^presence_log_lines_dropped_total (\d+)$/m;
    daemon.signal('SIGHUP');
    const { body } = await until(async () => {
      const answer = await get(target, '/metrics');
      return Number(dropped.exec(answer.body)[1]) > 0 && answer;
    }, 'a line is dropped');
    assert.match(body, /^presence_build_info\{version="[\d.]+",program="presence-\w+"\} 1$/m);
    daemon.signal('SIGTERM');
    assert.deepEqual(await daemon.exited, { code: 0, signal: null });
    fs.closeSync(fd);
  });
}
