// SPDX-License-Identifier: MIT
// How presence-ws starts, listens, reloads and tells of itself (the manual pages and PROTOCOL.md).
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { scenario, SECRET, until } = require('./lib/stack');
const { BIN } = require('./lib/process');
const { ask, head } = require('./lib/raw');
const { forge, hmac } = require('./lib/tokens');
const { serve, start } = require('./lib/server');
const { codecs } = require('./lib/clients');
const { DEBUG, HS256, refused, allRefused, enter, deviceOf } = require('./lib/gate');

scenario('health, readiness and metrics', { env: DEBUG }, async (s) => {
  const server = s.servers[0];
  const get = (at, method = 'GET') => ask(server, `${method} ${at} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  const ready = await until(async () => {
    const answer = await get('/readyz');
    return answer.status === 200 && answer;
  }, 'ready');
  assert.equal(ready.json.success, true);
  assert.equal(ready.json.online, 0);
  const alive = await get('/healthz?x=1');
  assert.deepEqual([alive.status, alive.json], [200, { success: true }]);
  const bare = await get('/healthz', 'HEAD');
  assert.deepEqual([bare.status, bare.headers['content-length'], bare.rest.length], [200, '16', 0]);
  refused('POST', await get('/metrics', 'POST'), 405, /Method/, { allow: 'GET, HEAD' });
  const metrics = await get('/metrics');
  assert.match(metrics.headers['content-type'], /^text\/plain; version=0\.0\.4/);
  assert.match(metrics.body, /presence_build_info\{version="[\d.]+",program="presence-ws"\} 1/);
  for (const line of metrics.body.trimEnd().split('\n'))
    assert.match(line, /^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-zA-Z_]+="[^"]*"(,[a-zA-Z_]+="[^"]*")*\})? [-+.\dInf]+)$/);
});

// [what, settings, flags, exit code, what the line says]
const BAD_STARTS = [
  ['no secret', {}, [], 3, /SECRET_KEY .*no default/],
  ...['secret', 'changeme', 'change-me', 'to-be-replaced', 'your-secret-key', 'your-secret-key-here', '8d$F2@wZ9!RkP#Xq7N']
    .map((secret) => [secret, { SECRET_KEY: secret }, [], 3, /SECRET_KEY .*well-known default/]),
  ['a default as JWT_SECRET', { JWT_SECRET: 'changeme' }, [], 3, /SECRET_KEY .*well-known default/],
  ['two places', { SECRET_KEY: SECRET, SECRET_KEY_FILE: '/dev/null' }, [], 3, /SECRET_KEY_FILE/],
  ['no such file', { SECRET_KEY_FILE: '/nowhere' }, [], 3, /SECRET_KEY_FILE.*\/nowhere/],
  ['no such key', { JWT_PUBLIC_KEY_FILE: '/nowhere' }, [], 3, /JWT_PUBLIC_KEY_FILE.*No such file/],
  ['a key file without a key', { JWT_PUBLIC_KEY_FILE: '/etc/hostname' }, [], 3, /JWT_PUBLIC_KEY_FILE/],
  ['no auth for all', { PRESENCE_AUTH: 'none', PRESENCE_WS_LISTEN: '0.0.0.0:0' }, [], 3, /PRESENCE_AUTH=none.*0\.0\.0\.0:0/],
  ['no auth on all of IPv6', { PRESENCE_AUTH: 'none', PRESENCE_WS_LISTEN: '[::]:0' }, [], 3, /PRESENCE_AUTH=none.*\[::\]:0/],
  ['no auth anywhere', { PRESENCE_AUTH: 'none' }, ['--listen', '127.0.0.1:0,*:0'], 3, /PRESENCE_AUTH=none/],
  ['no auth for systemd', { PRESENCE_AUTH: 'none' }, ['--listen=systemd'], 3, /PRESENCE_AUTH=none/],
  ['another auth', { PRESENCE_AUTH: 'maybe', SECRET_KEY: SECRET }, [], 3, /PRESENCE_AUTH.*maybe.*jwt.*none/],
  ['no duration', { PRESENCE_TTL: 'soon', SECRET_KEY: SECRET }, [], 3, /PRESENCE_TTL.*soon/],
  ['too short', { SECRET_KEY: SECRET }, ['--ttl', '1ms'], 3, /ttl.*1ms.*50ms/],
  ['no address', { PRESENCE_WS_LISTEN: 'nonsense', SECRET_KEY: SECRET }, [], 3, /PRESENCE_WS_LISTEN.*nonsense/],
  ['no port', { PRESENCE_WS_LISTEN: '127.0.0.1:65536', SECRET_KEY: SECRET }, [], 3, /PRESENCE_WS_LISTEN.*65535/],
  ['no Redis address', { REDIS_URL: 'http://x', SECRET_KEY: SECRET }, [], 3, /REDIS_URL/],
  ['no systemd', { PRESENCE_WS_LISTEN: 'systemd', SECRET_KEY: SECRET }, [], 3, /systemd.*LISTEN_FDS/],
  ['an unknown flag', { SECRET_KEY: SECRET }, ['--nonsense'], 2, /--nonsense/],
  ['a secret as a flag', {}, ['--secret-key', 'hidden-hidden-hidden-hidden-hidden'], 2, /--secret-key/],
  ['no value', { SECRET_KEY: SECRET }, ['--listen'], 2, /--listen/],
  ['an argument', { SECRET_KEY: SECRET }, ['start'], 2, /start/],
];

scenario('a wrong setting stops the start with a line that names it', { servers: 0 }, async () => {
  const ends = await Promise.all(BAD_STARTS.map(([, env, args]) =>
    start('presence-ws', args, { PRESENCE_WS_LISTEN: '127.0.0.1:0', ...env })));
  for (const [i, [name, env, args, code, line]] of BAD_STARTS.entries()) {
    const end = ends[i];
    assert.equal(end.code, code, `${name}: ${end.stderr}`);
    assert.equal(end.stdout, '', name);
    assert.match(end.stderr, /^presence-ws: [^\n]+\n$/, name);
    assert.match(end.stderr, line, name);
    for (const secret of [env.SECRET_KEY, env.JWT_SECRET, args[1]].filter((text) => text && text.length > 6 && text !== 'secret'))
      if (!line.source.includes(secret) && !/listen|ttl/.test(args[0])) assert.ok(!end.stderr.includes(secret), name);
  }
});

scenario('--check-config, --version, --help', { servers: 0 }, async (s) => {
  const env = { SECRET_KEY: SECRET, PRESENCE_TTL: '90', REDIS_URL: `unix://${s.socket}` };
  const tell = (...args) => start('presence-ws', args, env);
  const [checked, version, help] = await Promise.all(
    [tell('--check-config', '--ping-interval', '5m'), tell('--version'), tell('--help')]);
  assert.deepEqual([checked.code, version.code, help.code], [0, 0, 0], checked.stderr);
  assert.match(checked.stdout, /^PRESENCE_TTL=90s?$/m);
  assert.match(checked.stdout, /^PRESENCE_PING_INTERVAL=5m$/m);
  assert.match(checked.stdout, /SECRET_KEY=\*\*\*/);
  assert.ok(!checked.stdout.includes(SECRET));
  assert.match(version.stdout, /^presence-ws \d+\.\d+\.\d+\n$/);
  for (const name of checked.stdout.match(/^[A-Z_]+(?==)/mg)) assert.ok(help.stdout.includes(name), name);
  assert.equal(checked.stderr + version.stderr + help.stderr, '');
});

scenario('a short secret is warned about; PRESENCE_AUTH=none on loopback', { servers: 0, env: DEBUG }, async (s) => {
  const weak = await s.startServer({ SECRET_KEY: 'only-this-short' });
  assert.match(weak.output, /level=warn .*weak_secret|warn presence-ws weak_secret/);
  assert.ok(!weak.output.includes('only-this-short'));
  const open = await s.startServer({ SECRET_KEY: undefined, PRESENCE_AUTH: 'none' });
  const phone = await enter(s, open, { Host: 'localhost:3000', token: 'anybody%40home', device_id: 'd' });
  assert.equal(await deviceOf(s, 'anybody@home'), 'd');
  const viewer = await enter(s, open, { Host: '127.0.0.1' }, { path: '/?token=boss&role=dashboard' });
  assert.deepEqual(codecs.notepack.decode(await viewer.message())[5].users.map((u) => u.userId), ['anybody@home']);
  await allRefused(open, [
    ['no role', head({ Host: 'localhost', token: 'a' }, { path: '/?role=root' }), 403, /role/],
    ['no user', head({ Host: 'localhost', token: '%00' }), 401, /token is the user id/],
    ['nobody', head({ Host: 'localhost' }), 401, /missing/],
    ['a page under a foreign name', head({ Host: 'rebind.evil.example:3000', Origin: 'http://rebind.evil.example:3000', token: 'a' }), 421,
      /'rebind\.evil\.example:3000' \(PRESENCE_ALLOWED_HOSTS\)/],
    ['a page on another port', head({ Host: 'localhost:3000', Origin: 'http://localhost:8888', token: 'a' }), 403, /PRESENCE_ALLOWED_ORIGINS/]]);
  const named = await s.startServer({ SECRET_KEY: undefined, PRESENCE_AUTH: 'none', PRESENCE_ALLOWED_HOSTS: 'presence-ws' });
  (await enter(s, named, { Host: 'presence-ws:3000', token: 'another', device_id: 'e' })).terminate();
  await allRefused(named, [['another name', head({ Host: 'presence', token: 'a' }), 421, /PRESENCE_ALLOWED_HOSTS/]]);
  phone.terminate();
  viewer.terminate();
});

scenario('where it listens: a port in use, a shared port, a unix socket', { env: DEBUG }, async (s) => {
  const { port } = s.servers[0];
  const again = (listen, ...args) => start('presence-ws', args, { ...s.env, PRESENCE_WS_LISTEN: listen });
  const taken = await again(`127.0.0.1:${port}`);
  assert.deepEqual([taken.code, taken.stderr], [3, `presence-ws: port ${port} is in use (127.0.0.1:${port}); --listen or PRESENCE_WS_LISTEN names another address\n`]);
  assert.equal((await again(`127.0.0.1:${port}`, '--reuseport')).code, 3, 'the first did not agree to share');

  const first = await serve(s, {}, { args: ['--reuseport'] });
  const second = await serve(s, { PRESENCE_WS_LISTEN: `127.0.0.1:${first.port}` }, { args: ['--reuseport'] });
  assert.equal((await again(`127.0.0.1:${first.port}`)).code, 3, 'who does not share does not get it');
  const nodes = new Set();
  await until(async () => {
    const phone = await enter(s, first, { token: s.token('user1', 'mobile'), 'Sec-WebSocket-Protocol': 'presence.v1.json' });
    nodes.add(JSON.parse(await phone.message())[5].node);
    phone.terminate();
    return nodes.size === 2;
  }, 'both get connections');
  assert.deepEqual([...nodes].sort(), [first, second].map((p) => /node=(\w+)/.exec(p.output)[1]).sort());

  const file = path.join(s.dir, 'ws.sock');
  const unix = await serve(s, { PRESENCE_WS_LISTEN: `unix:${file}` });
  assert.equal(fs.statSync(file).mode & 0o777, 0o660);
  const phone = await enter(s, { path: file }, { token: s.token('unix', 'mobile'), device_id: 'd' });
  assert.equal(await deviceOf(s, 'unix'), 'd');
  const used = await again(`unix:${file}`);
  assert.deepEqual([used.code, used.stderr], [3, `presence-ws: unix:${file} is in use by another process; --listen or PRESENCE_WS_LISTEN names another address\n`]);
  await unix.kill();
  phone.terminate();
  const heir = await serve(s, { PRESENCE_WS_LISTEN: `unix:${file}` });
  assert.equal((await ask({ path: file }, 'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n')).status, 200);
  assert.deepEqual(await heir.stop(), { code: 0, signal: null });
  assert.equal(fs.existsSync(file), false, 'its socket file goes with it');
});

scenario('a socket handed over by systemd', { servers: 0, env: DEBUG }, async (s) => {
  const listener = net.createServer();
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address();
  const env = { PRESENCE_WS_LISTEN: 'systemd', LISTEN_FDS: '1' };
  const server = s.start('/bin/sh', ['-c', 'LISTEN_PID=$$ exec "$0"', path.join(BIN, 'presence-ws')], env,
    { fds: [listener._handle.fd] });
  server.name = 'presence-ws';
  listener.close();
  await server.printed(new RegExp(`listening address=127\\.0\\.0\\.1:${port} `));
  const phone = await enter(s, { port }, { token: s.token('user1', 'mobile'), device_id: 'd' });
  assert.equal(await deviceOf(s, 'user1'), 'd');
  phone.terminate();
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
  const stranger = await start('presence-ws', [], { ...s.env, ...env, LISTEN_PID: '1' });
  assert.equal(stranger.code, 3, 'the sockets of another process');
});

scenario('SIGHUP: new keys and another log level, and what is wrong changes nothing', { servers: 0 }, async (s) => {
  const [secret, config] = ['secret', 'config'].map((name) => path.join(s.dir, name));
  const signed = (key) => { const token = forge(HS256, { uid: 'user1' }, hmac(key)); s.tokens.add(token); return token; };
  const [before, after] = ['the-first-secret-of-32-bytes-or-more', 'the-second-secret-of-32-bytes-or-more'];
  const status = async (key) => (await ask(server, head({ token: signed(key) }))).status;
  fs.writeFileSync(secret, `${before}\n`);
  fs.writeFileSync(config, `SECRET_KEY_FILE=${secret}\nLOG_LEVEL=info\n`);
  const server = await serve(s, { SECRET_KEY: undefined }, { args: ['--config', config] });
  const kept = await enter(s, server, { token: signed(before) });
  assert.deepEqual([await status(before), await status(after)], [101, 401]);
  assert.doesNotMatch(server.output, /refused/);

  fs.writeFileSync(secret, after);
  fs.writeFileSync(config, `SECRET_KEY_FILE=${secret}\nLOG_LEVEL=debug\n`);
  server.signal('SIGHUP');
  await server.printed(/ reloaded/);
  assert.deepEqual([await status(before), await status(after)], [401, 101]);
  await server.printed(/debug presence-ws \w*refused/);

  for (const [bad, error] of [['changeme', /reload_failed.*SECRET_KEY.*well-known/], ['a\0b', /reload_failed.*SECRET_KEY_FILE/]]) {
    fs.writeFileSync(secret, bad);
    server.signal('SIGHUP');
    await server.printed(error);
    assert.equal(await status(after), 101, 'the old key stays');
  }
  fs.writeFileSync(config, 'LOG_LEVEL=loud\n');
  server.signal('SIGHUP');
  await server.printed(/reload_failed.*LOG_LEVEL/);
  assert.equal(await status(after), 101);
  assert.equal(kept.ended, false, 'connections stay');
  kept.terminate();
  for (const text of [before, after]) assert.ok(!server.output.includes(text));
});
