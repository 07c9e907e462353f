// SPDX-License-Identifier: MIT
// presence-api from outside (HTTP.md), on real sockets and a real Redis.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const path = require('node:path');
const test = require('node:test');
const jwt = require('jsonwebtoken');
const { scenario, stack, SECRET, REDIS_SERVER, until } = require('./lib/stack');
const { BIN, run } = require('./lib/process');
const { JSON_TYPE, STATUS, ask, call, put, raw } = require('./lib/api');

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const PATIENCE = Number(process.env.PRESENCE_PATIENCE) || 1;

function descriptors(child) { return fs.readdirSync(`/proc/${child.pid}/fd`).length; }

function resident(child) { return Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${child.pid}/status`, 'utf8'))[1]) / 1024; }

async function metric(api, name) {
  const { text } = await call(api, '/metrics');
  const line = text.split('\n').find((l) => l.startsWith(name + ' '));
  return line && Number(line.slice(name.length + 1));
}

scenario('the first question on a fresh install is answered', { servers: 0, api: true }, async (s) => {
  const answer = await ask(s.api, ['nobody']);
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual(answer.json.users, [{ userId: 'nobody', status: 'offline', lastSeen: 0, deviceId: null, lastHeartbeat: 0 }]);
});

scenario('status keeps the order, the type and the duplicates of ids', { api: true }, async (s) => {
  await s.phone('user123', { device: 'device-abc' });
  await s.phone('7', { device: 'seven "quoted"' });
  await until(async () => (await s.online()).length === 2, 'both online');
  const before = Date.now();
  const { status, headers, json } = await ask(s.api, [7, 'user123', '7', 'never', 'user123', -5, 'a:b']);
  assert.equal(status, 200);
  assert.match(headers['content-type'], /^application\/json/);
  assert.equal(headers['cache-control'], 'no-store');
  assert.deepEqual(Object.keys(json), ['success', 'users', 'timestamp']);
  assert.equal(json.success, true);
  assert.ok(Math.abs(json.timestamp - before) < 5000);
  assert.deepEqual(json.users.map((u) => u.userId), [7, 'user123', '7', 'never', 'user123', -5, 'a:b']);
  assert.deepEqual(json.users.map((u) => u.status), ['online', 'online', 'online', 'offline', 'online', 'offline', 'offline']);
  assert.deepEqual(Object.keys(json.users[0]), ['userId', 'status', 'lastSeen', 'deviceId', 'lastHeartbeat']);
  assert.equal(json.users[0].deviceId, 'seven "quoted"');
  assert.equal(json.users[1].deviceId, 'device-abc');
  assert.ok(Math.abs(json.users[1].lastSeen - before) < 5000);
  assert.deepEqual(json.users[3], { userId: 'never', status: 'offline', lastSeen: 0, deviceId: null, lastHeartbeat: 0 });
  s.clients[0].terminate();
  await until(async () => (await ask(s.api, ['user123'])).json.users[0].status === 'offline', 'offline');
  const gone = (await ask(s.api, ['user123'])).json.users[0];
  assert.equal(gone.deviceId, 'device-abc');
  assert.ok(gone.lastSeen > 0);
});

scenario('what is wrong with a request is said', { servers: 0, api: true }, async (s) => {
  const ids = (n) => JSON.stringify({ userIds: Array.from({ length: n }, (_, i) => `u${i}`) });
  const spaced = (n) => `{"userIds":["a"]${' '.repeat(n - 17)}}`;
  const post = (body, headers = JSON_TYPE) => ({ method: 'POST', headers, body });
  const invalid = /^\{"success":false,"error":"Invalid userIds: [^"]+"\}$/;
  const item = (number, fault) => `{"success":false,"error":"Invalid userIds: item ${number} (userIds[${number - 1}]) ${fault}"}`;
  const cases = [
    ['no JSON', STATUS, post('{"userIds":'), 400, '{"success":false,"error":"Invalid JSON"}'],
    ['no body', STATUS, post(''), 400, '{"success":false,"error":"Invalid JSON"}'],
    ['a NUL behind a literal', STATUS, post('{"userIds":["a"],"x":1\0}'), 400, '{"success":false,"error":"Invalid JSON"}'],
    ['bytes that are no UTF-8', STATUS, post(Buffer.from('{"userIds":["\xff"]}', 'latin1')), 400, '{"success":false,"error":"Invalid JSON"}'],
    ['no userIds', STATUS, post('{}'), 400, invalid],
    ['an array', STATUS, post('["a"]'), 400, invalid],
    ['userIds is a string', STATUS, post('{"userIds":"a"}'), 400, invalid],
    ['userIds is an object', STATUS, post('{"userIds":{"0":"a"}}'), 400, invalid],
    ['userIds is null', STATUS, post('{"userIds":null}'), 400, invalid],
    ['an id is null', STATUS, post('{"userIds":["a",null]}'), 400, item(2, 'is neither a string nor an integer')],
    ['an id is a fraction', STATUS, post('{"userIds":[1.5]}'), 400, item(1, 'is a number with a fraction')],
    ['an id beyond 64 bits', STATUS, post('{"userIds":["a",7,18446744073709551616]}'), 400, item(3, 'is an integer beyond 64 bits')],
    ['a number beyond 64 bits elsewhere', STATUS, post('{"nonce":18446744073709551616,"userIds":[7.0]}'), 200, /"userId":7,/],
    ['a byte order mark', STATUS, post('\ufeff{"userIds":["a"]}'), 200, /"userId":"a"/],
    ['an id is true', STATUS, post('{"userIds":[true]}'), 400, invalid],
    ['an id is empty', STATUS, post('{"userIds":[""]}'), 400, invalid],
    ['an id is too long', STATUS, post(JSON.stringify({ userIds: ['x'.repeat(129)] })), 400, invalid],
    ['an id holds a control character', STATUS, post('{"userIds":["a\\u0001"]}'), 400, invalid],
    ['101 ids', STATUS, post(ids(101)), 400, '{"success":false,"error":"Invalid userIds: 101 items, at most 100 are allowed"}'],
    ['100 ids', STATUS, post(ids(100)), 200],
    ['an id of 128 bytes', STATUS, post(JSON.stringify({ userIds: ['x'.repeat(128)] })), 200],
    ['no ids', STATUS, post('{"userIds":[]}'), 200, /^\{"success":true,"users":\[\],"timestamp":\d+\}$/],
    ['64 KiB', STATUS, post(spaced(65536)), 200],
    ['64 KiB and one', STATUS, post(spaced(65537)), 413, '{"success":false,"error":"Body too large"}'],
    ['a megabyte', STATUS, post(spaced(1 << 20)), 413, '{"success":false,"error":"Body too large"}'],
    ['64 KiB and one in chunks', STATUS, post(spaced(65537), { ...JSON_TYPE, 'Transfer-Encoding': 'chunked' }), 413],
    ['in chunks', STATUS, post(ids(100), { ...JSON_TYPE, 'Transfer-Encoding': 'chunked' }), 200],
    ['a form', STATUS, post('a=b', { 'Content-Type': 'application/x-www-form-urlencoded' }), 415],
    ['text', STATUS, post(ids(1), { 'Content-Type': 'text/plain' }), 415],
    ['no type', STATUS, post(ids(1), {}), 415],
    ['zipped', STATUS, post(ids(1), { ...JSON_TYPE, 'Content-Encoding': 'gzip' }), 415],
    ['a charset', STATUS, post(ids(1), { 'Content-Type': 'Application/JSON; charset=utf-8' }), 200],
    ['GET where POST is', STATUS, {}, 405, /error/, { allow: 'POST, OPTIONS' }],
    ['PUT', STATUS, { method: 'PUT', headers: JSON_TYPE, body: ids(1) }, 405, /error/, { allow: 'POST, OPTIONS' }],
    ['DELETE', STATUS, { method: 'DELETE' }, 405, /error/, { allow: 'POST, OPTIONS' }],
    ['POST where GET is', '/api/presence/count', post('{}'), 405, /error/, { allow: 'GET, HEAD, OPTIONS' }],
    ['POST to health', '/healthz', post('{}'), 405, /error/, { allow: 'GET, HEAD, OPTIONS' }],
    ['another path', '/api/presence', {}, 404],
    ['a slash too many', STATUS + '/', post(ids(1)), 404],
    ['a path that only looks right', '/api/presence%2Fstatus', post(ids(1)), 404],
    ['a path cut by %00', STATUS + '%00x', post(ids(1)), 404],
    ['upwards', '/../etc/passwd', {}, 404],
    ['no id', '/api/presence/users/', {}, 404],
    ['two ids', '/api/presence/users/a/b', {}, 404],
    ['a broken escape', '/api/presence/users/a%2', {}, 400],
    ['%00 in an id', '/api/presence/users/a%00b', {}, 400],
    ['an escape that is no UTF-8', '/api/presence/users/%ff', {}, 400],
    ['a control character', '/api/presence/users/%0a', {}, 400],
    ['a cursor that is none', '/api/presence/online?cursor=abc', {}, 400],
    ['a negative cursor', '/api/presence/online?cursor=-1', {}, 400],
    ['a limit of nothing', '/api/presence/online?limit=0', {}, 400],
    ['a limit that is none', '/api/presence/groups/g?limit=many', {}, 400],
    ['a query that does not matter', '/api/presence/count?x=%zz', {}, 200],
  ];
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  for (const [name, target, options, status, body, headers = {}] of cases) {
    const answer = await call(s.api, target, { ...options, agent });
    assert.equal(answer.status, status, `${name}: ${answer.text}`);
    if (status >= 400) {
      assert.deepEqual(Object.keys(answer.json), ['success', 'error'], name);
      assert.equal(answer.json.success, false, name);
      assert.equal(answer.headers['content-type'], 'application/json', name);
    }
    if (typeof body === 'string') assert.equal(answer.text, body, name);
    else if (body) assert.match(answer.text, body, name);
    for (const [header, value] of Object.entries(headers)) assert.equal(answer.headers[header], value, name);
    assert.notEqual(answer.headers.connection, 'close', `${name}: the connection stays`);
  }
  agent.destroy();
});

scenario('a body that is not wanted is refused before it is sent', { servers: 0, api: true }, async (s) => {
  const head = `POST ${STATUS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n`;
  const large = await raw(s.api, `${head}Content-Length: 70000\r\n\r\n`);
  assert.match(large.text, /^HTTP\/1\.1 413 /);
  assert.ok(large.closed);
  const socket = net.connect(s.api.port, '127.0.0.1');
  let text = '';
  socket.on('data', (part) => { text += part; });
  socket.write(`${head}Content-Length: 15\r\n\r\n`);
  await until(() => /^HTTP\/1\.1 100 .*\r\n\r\n$/.test(text), 'told to go on');
  socket.write('{"userIds":[]}\n');
  await until(() => /^HTTP\/1\.1 100 .*\r\n\r\nHTTP\/1\.1 200 /.test(text), 'answered');
  socket.destroy();
  // A body that comes at once needs no word before it, and may get one.
  const unasked = await raw(s.api, `${head}Content-Length: 15\r\n\r\n{"userIds":[]}\n`, { ms: 500 });
  assert.match(unasked.text, /^(HTTP\/1\.1 100 .*\r\n\r\n)?HTTP\/1\.1 200 /);
});

scenario('HEAD, health, metrics, the page', { servers: 0, api: true }, async (s) => {
  assert.deepEqual((await call(s.api, '/healthz')).json, { success: true });
  const ready = await until(async () => { const r = await call(s.api, '/readyz'); return r.status === 200 && r.json.epoch && r; }, 'ready');
  assert.match(ready.json.warning, /no presence-expiryd/);
  await s.redis.hset('presence:nodes', 'e1', JSON.stringify({ program: 'presence-expiryd', address: 'x', seen: Date.now() + 4000, offset: 0, asserted: '' }));
  await s.redis.hset('presence:epoch', 'swept', Date.now() - 1500);
  const swept = await until(async () => { const r = await call(s.api, '/readyz'); return r.json.expiryds === 1 && r; }, 'an expiryd');
  assert.equal(swept.json.warning, null);
  assert.ok(swept.json.sweepAge >= 1500 && swept.json.sweepAge < 10000, swept.text);
  for (const target of ['/healthz', '/readyz', '/metrics', '/', '/api/presence/count', '/api/presence/users/a']) {
    const head = await call(s.api, target, { method: 'HEAD' });
    const get = await call(s.api, target);
    assert.equal(head.status, 200, target);
    assert.equal(head.text, '');
    assert.equal(head.headers['content-type'], get.headers['content-type']);
    assert.ok(Number(head.headers['content-length']) > 0);
  }
  const page = await call(s.api, '/?ws=x');
  assert.match(page.headers['content-type'], /^text\/html/);
  assert.match(page.headers['content-security-policy'], /default-src 'none'.*connect-src 'self' ws: wss:/);
  assert.match(page.text, /^<!doctype html>/);
  const again = await call(s.api, '/', { headers: { 'If-None-Match': page.headers.etag } });
  assert.equal(again.status, 304);
  assert.equal(again.text, '');
  await ask(s.api, ['a']);
  const { text, headers } = await call(s.api, '/metrics');
  assert.match(headers['content-type'], /^text\/plain; version=0\.0\.4/);
  for (const line of text.trim().split('\n')) assert.match(line, /^(# (HELP|TYPE) |[a-z_]+(\{[^}]*\})? -?[\d.]+$)/);
  assert.match(text, /^presence_api_requests_total\{route="status",status="200"\} 1$/m);
  assert.match(text, /^presence_api_breaker_state 0$/m);
  assert.match(text, /^presence_redis_up 1$/m);
});

scenario('one user with his phones', { api: true, env: { PRESENCE_HEARTBEAT_MIN: '0' } }, async (s) => {
  const id = 'müller/7 "x"';
  const first = await s.phone(id, { device: 'a' });
  await s.phone(id, { device: 'b' });
  first.beat({ timestamp: Date.now(), metadata: { battery: 87, networkType: 'wifi' } });
  const target = '/api/presence/users/' + encodeURIComponent(id);
  const { json } = await until(async () => { const r = await call(s.api, target); return r.json.metadata && r.json.devices.length === 2 && r; }, 'metadata');
  assert.equal(json.userId, id);
  assert.equal(json.status, 'online');
  assert.equal(json.role, 'mobile');
  assert.equal(json.reason, 'connected');
  assert.deepEqual(json.metadata, { battery: 87, networkType: 'wifi' });
  assert.ok(json.lastSeen <= json.since && json.since <= json.lastHeartbeat && json.rev > 0 && json.node);
  assert.equal(json.deviceId, 'a', 'of the last transition');
  assert.deepEqual(json.devices.map((d) => d.deviceId).sort(), ['a', 'b']);
  for (const device of json.devices) assert.ok(device.deadline > json.timestamp && device.lastSeen <= json.timestamp && device.node);
  for (const client of s.clients) await client.close();
  const gone = await until(async () => { const r = await call(s.api, target); return r.json.status === 'offline' && r; }, 'offline');
  assert.deepEqual(gone.json.devices, []);
  assert.equal(gone.json.reason, 'disconnected');
  const never = (await call(s.api, '/api/presence/users/never')).json;
  assert.deepEqual([never.status, never.lastSeen, never.deviceId, never.since, never.devices], ['offline', 0, null, null, []]);
  await s.redis.hset('presence:meta:odd', 'metadata', '{"a":', 'lastSeen', 'x', 'since', '-3');
  const odd = (await call(s.api, '/api/presence/users/odd')).json;
  assert.deepEqual([odd.metadata, odd.lastSeen, odd.since], [null, 0, null]);
});

scenario('who is online, page by page; how many; a group', { servers: 0, api: true }, async (s) => {
  const users = Array.from({ length: 1234 }, (_, i) => `u${i}`);
  await put(s, users);
  assert.deepEqual((await call(s.api, '/api/presence/count')).json.online, 1234);
  const seen = new Map();
  let cursor = '', pages = 0;
  do {
    const { json } = await call(s.api, `/api/presence/online?limit=50${cursor && '&cursor=' + cursor}`);
    assert.equal(json.total, 1234);
    for (const user of json.users) seen.set(user.userId, user);
    cursor = json.cursor;
    pages++;
  } while (cursor !== null);
  assert.equal(seen.size, 1234);
  assert.ok(pages >= 10, `${pages} pages`);
  assert.deepEqual(seen.get('u77'), { userId: 'u77', lastSeen: 1700000000123, deviceId: 'device-u77', lastHeartbeat: 1700000000123 });
  await s.redis.sadd('g.team:1.u', 'u1', 'u2', 'away');
  const group = (await call(s.api, '/api/presence/groups/team%3A1')).json;
  assert.equal(group.group, 'team:1');
  assert.equal(group.total, 3);
  assert.equal(group.cursor, null);
  assert.deepEqual(Object.fromEntries(group.users.map((u) => [u.userId, u.status])), { u1: 'online', u2: 'online', away: 'offline' });
  assert.deepEqual((await call(s.api, '/api/presence/groups/none')).json.users, []);
  await s.redis.set('g.text.u', 'no set');
  assert.deepEqual((await call(s.api, '/api/presence/groups/text')).json.users, []);
});

scenario('keys of other types harm only whom they belong to', { servers: 0, api: true }, async (s) => {
  await put(s, ['good']);
  await s.redis.set('presence:meta:bad', 'a string');
  await s.redis.set('presence:sessions:bad', 'a string');
  const { status, json } = await ask(s.api, ['bad', 'good']);
  assert.equal(status, 200);
  assert.deepEqual(json.users.map((u) => [u.status, u.deviceId]), [['offline', null], ['online', 'device-good']]);
  assert.equal((await call(s.api, '/api/presence/users/bad')).json.status, 'offline');
  await s.redis.set('presence:due', 'a string');
  for (const answer of [await ask(s.api, ['good']), await call(s.api, '/api/presence/online')]) {
    assert.equal(answer.status, 503);
    assert.match(answer.json.error, /no sorted set/);
  }
});

scenario('Redis hangs: 503 within a second under load, and back', { servers: 0, api: true }, async (s) => {
  await put(s, ['a']);
  await ask(s.api, ['a']);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
  let running = true;
  const answers = [];
  const load = Array.from({ length: 64 }, async () => {
    while (running) {
      const answer = await ask(s.api, ['a', 'b'], { agent });
      answers.push(answer);
      if (answer.status === 200) assert.equal(answer.json.users[0].status, 'online');
      await sleep(5);
    }
  });
  await until(() => answers.length > 200, 'load');
  s.redisProcess.signal('SIGSTOP');
  const stopped = answers.length;
  await sleep(2500);
  s.redisProcess.signal('SIGCONT');
  await until(() => answers.at(-1).status === 200, 'back', 3000);
  await sleep(200);
  running = false;
  await Promise.all(load);
  agent.destroy();
  const refused = answers.filter((a) => a.status !== 200);
  assert.ok(refused.length > 100, `${refused.length} refused`);
  assert.ok(answers.slice(stopped).every((a) => a.ms < 1000 * PATIENCE), `slowest ${Math.max(...answers.map((a) => a.ms))} ms`);
  for (const answer of refused) {
    assert.equal(answer.status, 503);
    assert.equal(answer.headers['retry-after'], '1');
    assert.deepEqual(answer.json, { success: false, error: "Redis can't be reached" });
  }
  assert.ok(await metric(s.api, 'presence_api_breaker_opened_total') >= 1);
  assert.equal(await metric(s.api, 'presence_api_breaker_state'), 0);
});

scenario('who waits for Redis is not too slow himself', { servers: 0 }, async (s) => {
  const api = await s.startApi({ PRESENCE_API_REQUEST_TIMEOUT: '500ms', PRESENCE_API_REDIS_TIMEOUT: '10s' });
  await ask(api, ['a']);
  s.redisProcess.signal('SIGSTOP');
  const answer = ask(api, ['a']);
  await sleep(1500);
  s.redisProcess.signal('SIGCONT');
  assert.equal((await answer).status, 200);
});

scenario('500 ask at once: all are answered, and who leaves meanwhile harms nobody', { servers: 0, api: true }, async (s) => {
  await put(s, ['a']);
  const ids = ['a', ...Array.from({ length: 99 }, (_, i) => `u${i}`)], body = JSON.stringify({ userIds: ids });
  const agent = new http.Agent({ keepAlive: true, maxSockets: 500 });
  const all = () => Promise.all(Array.from({ length: 500 }, () => ask(s.api, ids, { agent })));
  for (let round = 0; round < 2; round++)
    for (const answer of await all()) {
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual([answer.json.users[0].status, answer.json.users.length], ['online', 100]);
    }
  s.redisProcess.signal('SIGSTOP');
  const leaving = Array.from({ length: 100 }, () => net.connect(s.api.port, '127.0.0.1').on('error', () => {}));
  for (const socket of leaving) socket.write(`POST ${STATUS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  const waiting = all();
  for (const socket of leaving) socket.destroy();
  for (const answer of await waiting) {
    assert.equal(answer.status, 503, answer.text);
    assert.notEqual(answer.headers.connection, 'close');
  }
  s.redisProcess.signal('SIGCONT');
  await until(async () => (await ask(s.api, ids, { agent })).status === 200, 'back');
  agent.destroy();
  await until(async () => (await metric(s.api, 'presence_api_connections')) === 1, 'all have gone');
});

scenario('Redis cuts the connections: nobody notices', { servers: 0, api: true }, async (s) => {
  await put(s, ['a']);
  for (let round = 0; round < 5; round++) {
    for (let i = 0; i < 8; i++) assert.equal((await ask(s.api, ['a'])).status, 200);
    await s.redis.client('KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    const answers = await Promise.all(Array.from({ length: 16 }, () => ask(s.api, ['a'])));
    for (const answer of answers) assert.equal(answer.status, 200, answer.text);
  }
});

scenario('Redis is away at the start, goes and comes', { servers: 0 }, async (s) => {
  const away = `unix://${path.join(s.dir, 'away.sock')}`;
  const api = await s.startApi({ REDIS_URL: away });
  const cold = await ask(api, ['a']);
  assert.equal(cold.status, 503);
  assert.ok(cold.ms < 1000);
  assert.equal((await call(api, '/readyz')).status, 503);
  assert.equal((await call(api, '/healthz')).status, 200);
  assert.equal((await call(api, '/')).status, 200);
  const later = s.start(REDIS_SERVER, ['--port', '0', '--unixsocket', path.join(s.dir, 'away.sock'), '--save', '', '--dir', s.dir]);
  await until(async () => (await ask(api, ['a'])).status === 200, 'answers', 5000);
  await later.kill();
  await until(async () => (await ask(api, ['a'])).status === 503, 'away again', 2000);
  assert.equal((await ask(api, [])).status, 503, 'nobody can say whether a token was revoked');
});

for (const [how, lose] of [
  ['emptied', async (s) => { await s.redis.flushall(); }],
  ['restarted empty', async (s) => { await s.redisProcess.kill(); await s.startRedis(); }],
  ['restarted with an older memory', async (s) => {
    await s.redis.save();
    await s.phone('late');
    await until(async () => (await ask(s.api, ['late'])).json.users?.[0].status === 'online', 'late is online');
    await s.redisProcess.kill();
    await s.startRedis();
  }],
]) {
  scenario(`Redis is ${how}: nobody who lives is ever said to be offline`, { api: true, env: { PRESENCE_TTL: '4s' } }, async (s) => {
    const phones = [];
    for (let i = 0; i < 20; i++) phones.push(await s.phone(`user${i}`, { beat: 1000 }));
    const ids = phones.map((p) => p.user);
    const all = async () => (await ask(s.api, ids)).json.users?.every((u) => u.status === 'online');
    await until(all, 'all online');
    let running = true;
    const faults = [];
    const epochs = () => [...s.api.output.matchAll(/ epoch epoch=/g)].length;
    const watch = (async () => {
      while (running) {
        const answer = await ask(s.api, ids).catch(() => null);
        if (answer?.json?.users?.some((u) => u.status !== 'online')) faults.push(answer.text);
        const count = await call(s.api, '/api/presence/count');
        if (count.status === 200 && count.json.online < 20) faults.push(count.text);
        await sleep(2);
      }
    })();
    const known = epochs();
    await lose(s);
    // Where the servers are quick to assert, no question comes in between, so none has to be refused.
    await until(() => epochs() > known, 'the loss was noticed', 5000);
    await until(all, 'all online again', 12000);
    await sleep(1500);
    running = false;
    await watch;
    assert.deepEqual(faults, []);
  });
}

scenario('slow clients are closed in every phase', { servers: 0 }, async (s) => {
  const api = await s.startApi({ PRESENCE_API_REQUEST_TIMEOUT: '400ms', PRESENCE_API_IDLE_TIMEOUT: '600ms' });
  await put(s, Array.from({ length: 100 }, (_, i) => `${'x'.repeat(100)}${i}`));
  // It connects to Redis in its time.
  let before;
  do {
    before = descriptors(api);
    await sleep(300);
  } while (before !== descriptors(api));
  const drip = (begin, rest) => new Promise((resolve) => {
    const socket = net.connect(api.port, '127.0.0.1');
    const begun = performance.now();
    socket.write(begin); // before it is connected: the drips come behind it in any case
    const timer = setInterval(() => socket.write(rest), 50);
    socket.on('close', () => { clearInterval(timer); resolve(performance.now() - begun); });
    socket.on('error', () => {});
    socket.resume();
  });
  const body = `POST ${STATUS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n`;
  const cases = [
    ['says nothing', '', '', 400],
    ['drips a request line', 'G', 'E', 400],
    ['drips headers', 'GET / HTTP/1.1\r\nHost: localhost\r\n', 'X-A: b\r\n', 400],
    ['drips a body', body, ' ', 400],
    ['drips chunks', body.replace('Content-Length: 1000', 'Transfer-Encoding: chunked'), '1\r\nx\r\n', 400],
    ['drips a second request', 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n', 'G', 600],
    ['stays after an answer', 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n', '', 600],
  ];
  const times = await Promise.all(cases.flatMap(([, begin, rest]) => Array.from({ length: 10 }, () => drip(begin, rest))));
  times.forEach((ms, i) => {
    const [name, , , limit] = cases[Math.floor(i / 10)];
    assert.ok(ms >= limit - 60 && ms < limit + 1500, `${name}: ${ms} ms`);
  });
  await until(() => descriptors(api) <= before, 'descriptors as before');
});

scenario('a client that takes no answer is closed', { servers: 0 }, async (s) => {
  const api = await s.startApi({ PRESENCE_API_REQUEST_TIMEOUT: '500ms' });
  const socket = net.connect(api.port, '127.0.0.1');
  socket.on('error', () => {});
  socket.pause();
  for (let i = 0; i < 200; i++) socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await until(async () => (await metric(api, 'presence_api_reaped_total{waiting_for="answer_taken"}')) === 1, 'reaped', 5000);
  socket.destroy();
});

scenario('a request framed in two ways ends its connection', { servers: 0, api: true }, async (s) => {
  const hidden = 'GET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n';
  const post = (headers, body) => `POST ${STATUS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${headers}\r\n\r\n${body}${hidden}`;
  const ids = '{"userIds":[]}';
  const chunk = `${ids.length.toString(16)}\r\n${ids}\r\n0\r\n\r\n`;
  const refused = [
    ['two Content-Lengths', post(`Content-Length: ${ids.length}\r\nContent-Length: 3`, ids)],
    ['two equal ones', post(`Content-Length: ${ids.length}\r\nContent-Length: ${ids.length}`, ids)],
    ['two Transfer-Encodings', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity', chunk)],
    ['chunked in HTTP/1.0', post('Transfer-Encoding: chunked', chunk).replace('HTTP/1.1', 'HTTP/1.0')],
    ['two Hosts', post(`Host: b\r\nContent-Length: ${ids.length}`, ids)],
  ];
  // libmicrohttpd 1.0 looks at most of these by itself, before the program does, and answers as HTML.
  const early = [
    ['Content-Length beside Transfer-Encoding', post(`Content-Length: ${ids.length}\r\nTransfer-Encoding: chunked`, chunk)],
    ['the other way round', post(`Transfer-Encoding: chunked\r\nContent-Length: 3`, chunk)],
    ['two codings', post('Transfer-Encoding: gzip, chunked', chunk)],
    ['a coding nobody knows', post('Transfer-Encoding: xchunked', chunk)],
    ['no Host', post(`Content-Length: ${ids.length}`, ids).replace('Host: localhost\r\n', '')],
    ['a space before the colon', post(`Content-Length : ${ids.length}`, ids)],
    ['a tab before the colon', post(`Transfer-Encoding\t: chunked`, chunk)],
    ['a folded length', post(`Content-Length: ${ids.length}\r\n 3`, ids)],
    ['a folded coding', post(`Transfer-Encoding:\r\n chunked`, chunk)],
    ['a space in the target', post(`Content-Length: ${ids.length}`, ids).replace('status ', 'status x ')],
  ];
  const json = /^HTTP\/1\.1 400 [^]*\{"success":false,"error":"[^"]+"\}$/;
  const html = /^HTTP\/1\.1 400 [^]*<\/html>$/;
  const byLibrary = html.test((await raw(s.api, early.find(([name]) => name === 'two codings')[1])).text);
  for (const [name, bytes] of [...refused, ...early]) {
    const { text, closed } = await raw(s.api, bytes);
    if (!(byLibrary && early.some(([other]) => other === name) && html.test(text))) assert.match(text, json, `${name}: ${text}`);
    assert.equal(text.match(/HTTP\/1\.[01] \d/g).length, 1, `${name}: one answer only: ${text}`);
    assert.ok(closed, `${name}: closed`);
  }
  // The library has an answer of its own for these, before the program hears of them.
  const counted = async (status) => Number(/requests_total\{route="none",status="(?:400|413)"\} (\d+)/.exec(
    (await call(s.api, '/metrics')).text.split('\n').find((line) => line.includes(`route="none",status="${status}"`)) || '')?.[1] || 0);
  const lengths = [`${ids.length}, ${ids.length}`, `+${ids.length}`, '-1', '0xe', `${ids.length}abc`, '', '1 4', '18446744073709551617', '1e1'];
  const chunks = ['zz', '-2', '0x2', '10000000000000012', `${ids.length.toString(16)} `];
  const malformed = [...lengths.map((length) => [`the length '${length}'`, post(`Content-Length: ${length}`, ids)]),
    ...chunks.map((size) => [`a chunk of ${size}`, post('Transfer-Encoding: chunked', `${size}\r\n${ids}\r\n0\r\n\r\n`)])];
  for (const [name, bytes] of malformed) {
    for (const before of ['', 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n']) {
      const had = await counted(400) + await counted(413);
      const { text, closed } = await raw(s.api, before + bytes);
      const answers = text.match(/HTTP\/1\.[01] \d+/g).slice(before ? 1 : 0);
      assert.ok(answers.length === 1 && /(400|413)$/.test(answers[0]), `${name}: one answer only: ${text}`);
      assert.match(text, /\{"success":false,"error":"(A Content-Length that is none, or too large|Broken chunks)"\}$/, name);
      assert.ok(closed, `${name}: closed`);
      assert.equal(await counted(400) + await counted(413), had + 1, `${name}: counted`);
    }
  }
  // Nobody who is about to send a request himself is taken for the one who sent it.
  const slow = net.connect(s.api.port, '127.0.0.1');
  let late = '';
  slow.on('data', (part) => { late += part; }).write(post(`Content-Length: ${ids.length}`, '').replace(hidden, ''));
  await until(async () => (await metric(s.api, 'presence_api_connections')) > 1, 'the slow one is there');
  for (const [name, bytes] of malformed.filter(([, bytes]) => !/chunked/.test(bytes))) assert.match((await raw(s.api, bytes)).text, /^HTTP\/1\.1 4/, name);
  const unread = await raw(s.api, post('Content-Length', ids));
  assert.match(unread.text, /^HTTP\/1\.1 400 /, 'a header without a colon, in the words of the library');
  slow.end(ids);
  await until(() => /^HTTP\/1\.1 200 /.test(late), 'the slow one is answered');
  const fine = await raw(s.api, post('Transfer-Encoding: chunked', chunk), { ms: 300 });
  assert.deepEqual(fine.text.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 404']);
  const pipelined = await raw(s.api, 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(3), { ms: 300 });
  assert.equal(pipelined.text.match(/HTTP\/1\.1 200/g).length, 3);
  const absolute = await raw(s.api, 'GET http://a/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  assert.match(absolute.text, /^HTTP\/1\.1 200 /);
  const long = await raw(s.api, `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(40000)}\r\n\r\n`);
  assert.match(long.text, /^HTTP\/1\.1 431 /);
  for (const rubbish of ['\r\n\r\n\r\n', 'GARBAGE\r\n\r\n', '\x16\x03\x01\x02\x00\x01', 'GET / HTTP/9.9\r\n\r\n', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'])
    await raw(s.api, rubbish, { ms: 200 });
  assert.equal((await call(s.api, '/healthz')).status, 200);
});

scenario('what is no text of a head is refused, as by presence-ws', { servers: 0, api: true }, async (s) => {
  const head = (line, ...headers) => `${line}\r\n${['Host: localhost', ...headers].map((h) => `${h}\r\n`).join('')}\r\n`;
  const hidden = 'GET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n';
  const cases = [];
  for (const [name, c] of [['NUL', '\0'], ['BEL', '\x07'], ['CR', '\r'], ['DEL', '\x7f'], ['VT', '\x0b']]) {
    cases.push([`${name} in the target`, head(`GET /healthz${c}x HTTP/1.1`)], [`${name} at its end`, head(`GET /healthz${c} HTTP/1.1`)],
      [`${name} in the query`, head(`GET /healthz?a=b${c}&c HTTP/1.1`)],
      [`${name} in a value`, head('GET /healthz HTTP/1.1', `X: a${c}Transfer-Encoding: chunked`, 'Y: b')],
      [`${name} before a value`, head('GET /healthz HTTP/1.1', `X: ${c}a`)],
      [`${name} in the last value`, head('GET /healthz HTTP/1.1', `X: a${c}b`)],
      [`${name} behind a value`, head('GET /healthz HTTP/1.1', `X: a${c}`, 'Y: b')],
      [`${name} behind the last value`, head('GET /healthz HTTP/1.1', `X: a${c}`)],
      [`${name} in Host`, `GET /healthz HTTP/1.1\r\nHost: localhost${c}x\r\n\r\n`],
      [`${name} in a length`, head('POST /healthz HTTP/1.1', `Content-Length: 0${c}5`, 'Y: b')]);
    if (c !== '\0') cases.push([`${name} in a name`, head('GET /healthz HTTP/1.1', `X${c}Y: b`)]);
  }
  cases.push(['a fragment', head('GET /healthz#a HTTP/1.1')], ['a method that is none', head('G@T /healthz HTTP/1.1')],
    ['a name that is none', head('GET /healthz HTTP/1.1', 'X(Y): b')], ['no name', head('GET /healthz HTTP/1.1', ': b')],
    ['many NULs', head('GET /healthz HTTP/1.1', `X: ${'\0'.repeat(8)}`)]);
  // libmicrohttpd 1.0 ends the connection without a word where these stand in the target.
  const silently = /^(NUL|VT) (in the target|at its end|in the query)$/;
  const silent = (await raw(s.api, Buffer.from(cases[0][1], 'latin1'))).text === '';
  for (const [name, bytes] of cases)
    for (const before of ['', head('GET /healthz HTTP/1.1')]) {
      const { text, closed } = await raw(s.api, Buffer.from(before + bytes + hidden, 'latin1'));
      const answers = (text.match(/HTTP\/1\.[01] \d+/g) || []).slice(before ? 1 : 0);
      if (silent && silently.test(name)) {
        assert.deepEqual([answers, closed], [[], true], `${name}: ${text}`);
        continue;
      }
      assert.deepEqual(answers, ['HTTP/1.1 400'], `${name}: ${text}`);
      // libmicrohttpd 1.0 refuses some by itself, as HTML.
      assert.match(text, /(\{"success":false,"error":"[^"]+"\}|<\/html>)$/, name);
      assert.ok(closed, `${name}: closed`);
    }

  // What is text is taken, however long, and in whatever pieces it comes.
  const fine = (filler) => head('GET /healthz?a=b%20c&d&=e;%00 HTTP/1.1', `X: ${'x'.repeat(filler)}\xe9\t y `, 'Y:', 'Z:z', 'X-Empty: ', 'token: a:b');
  for (const filler of [0, 1, 7, 500, 4000, 8000, 16000, 20000])
    for (const [size, agents] of [[1 << 20, 3], [1000, 1], [333, 2]]) {
      const bytes = Buffer.from(fine(filler).repeat(agents), 'latin1');
      const socket = net.connect(s.api.port, '127.0.0.1').setNoDelay(true);
      let text = '';
      socket.on('data', (part) => { text += part; });
      for (let at = 0; at < bytes.length; at += size) {
        socket.write(bytes.subarray(at, at + size));
        await new Promise(setImmediate);
      }
      await until(() => (text.match(/HTTP\/1\.1 \d+/g) || []).length === agents, `${agents} answers to heads of ${filler}`);
      assert.doesNotMatch(text, /HTTP\/1\.1 [^2]/, `${filler} ${size}`);
      socket.destroy();
    }
  const bare = await raw(s.api, 'GET /healthz HTTP/1.1\nHost: localhost\nConnection: close\n\n');
  assert.match(bare.text, silent ? /^(HTTP\/1\.1 400 [^]*)?$/ : /^HTTP\/1\.1 200 /, 'lines may end without CR, but for libmicrohttpd 1.0');
  assert.equal((await call(s.api, '/api/presence/users/jos%C3%A9')).status, 200);
  assert.match((await raw(s.api, 'GET /api/presence/users/josé HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')).text, /^HTTP\/1\.1 200 /);
});

const KNOWN_NAMES = ['Host', 'Content-Length', 'Transfer-Encoding', 'Connection', 'Expect', 'Origin', 'Authorization'];

scenario('a header whose name only begins like another is an ordinary one, and a folded one is refused', { servers: 0, api: true }, async (s) => {
  const ids = '{"userIds":[]}';
  const post = (lines) => `POST ${STATUS} HTTP/1.1\r\n${lines}Content-Type: application/json\r\nHost: localhost\r\n` +
    `Content-Length: ${ids.length}\r\nConnection: close\r\n\r\n${ids}`;
  for (const name of KNOWN_NAMES) {
    for (const rest of ['s', 'ile', 'name', '-Extra', '-', '2', '_x'])
      for (const value of [' a', '', ':', '\t5 ']) {
        const { text } = await raw(s.api, post(`${name}${rest}:${value}\r\n`));
        assert.match(text, /^HTTP\/1\.1 200 /, `${name}${rest}:${value}: ${text}`);
      }
    for (const fold of ['a\r\n b', '\r\n b', 'a\r\n\tb', 'a\r\n ', 'a\r\n  b\r\n c', 'a\r\n s: 5']) {
      const { text, closed } = await raw(s.api, post(`${name}-Extra: ${fold}\r\n`));
      // libmicrohttpd 1.0 refuses it by itself, as HTML.
      assert.match(text, /^HTTP\/1\.1 400 [^]*(\{"success":false,"error":"[^"]+"\}|folding is used[^]*<\/html>)$/, `${name}-Extra: ${fold}: ${text}`);
      assert.ok(closed);
    }
  }
  // Whatever stands before it and however the bytes come.
  for (let before = 0; before < 160; before++) {
    const filler = before ? `X: ${'x'.repeat(before * 7)}\r\n` : '';
    assert.match((await raw(s.api, post(`${filler}Content-Lengths: 5\r\n`))).text, /^HTTP\/1\.1 200 /, `${before}`);
    assert.match((await raw(s.api, post(`${filler}Transfer-Encoding:\r\n chunked\r\n`))).text, /^HTTP\/1\.1 400 /, `${before}`);
  }
});

scenario('CORS: the Host\'s own pages, and those allowed', { servers: 0, api: true }, async (s) => {
  const preflight = (api, origin, headers = {}) => call(api, STATUS, {
    method: 'OPTIONS', headers: { Origin: origin, 'Access-Control-Request-Method': 'POST', ...headers } });
  const own = await preflight(s.api, 'http://127.0.0.1:3001', { Host: '127.0.0.1:3001' });
  assert.equal(own.status, 204);
  assert.equal(own.headers['access-control-allow-origin'], 'http://127.0.0.1:3001');
  assert.equal(own.headers['access-control-allow-methods'], 'POST, OPTIONS');
  assert.equal(own.headers['access-control-allow-headers'], 'Authorization, Content-Type');
  assert.equal(own.headers.vary, 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method');
  for (const [origin, Host] of [['http://localhost:8888', 'localhost:3001'], ['http://localhost', 'localhost:3001'], ['https://a.example:80', 'a.example']])
    assert.equal((await preflight(s.api, origin, { Host })).headers['access-control-allow-origin'], undefined, `${origin} at ${Host}`);
  const foreign = await preflight(s.api, 'https://evil.example');
  assert.equal(foreign.status, 204);
  assert.equal(foreign.headers['access-control-allow-origin'], undefined);
  assert.equal((await ask(s.api, ['a'], { headers: { Origin: 'https://evil.example' } })).headers['access-control-allow-origin'], undefined);
  const listed = await s.startApi({ PRESENCE_ALLOWED_ORIGINS: 'https://app.example, https://*.corp.example' });
  for (const origin of ['https://app.example', 'https://a.corp.example']) {
    assert.equal((await preflight(listed, origin)).headers['access-control-allow-origin'], origin);
    const answer = await ask(listed, ['a'], { headers: { Origin: origin } });
    assert.equal(answer.headers['access-control-allow-origin'], origin);
    const error = await call(listed, STATUS, { method: 'POST', headers: { Origin: origin }, body: 'x' });
    assert.equal(error.status, 415);
    assert.equal(error.headers['access-control-allow-origin'], origin);
  }
  assert.equal((await preflight(listed, 'http://app.example')).headers['access-control-allow-origin'], undefined);
  const any = await s.startApi({ PRESENCE_ALLOWED_ORIGINS: '*' });
  assert.equal((await preflight(any, 'https://evil.example')).headers['access-control-allow-origin'], 'https://evil.example');
});

scenario('with tokens: who is let in', { servers: 0, env: { PRESENCE_API_AUTH: 'jwt' } }, async (s) => {
  const api = await s.startApi();
  const bearer = (token) => ({ Authorization: `Bearer ${token}` });
  const refused = [
    ['none', {}],
    ['empty', { Authorization: 'Bearer' }],
    ['another scheme', { Authorization: `Basic ${s.token('a', 'web')}` }],
    ['rubbish', bearer('a.b.c')],
    ['another secret', bearer(jwt.sign({ uid: 'a' }, 'another-secret-of-thirty-two-bytes!'))],
    ['unsigned', bearer(jwt.sign({ uid: 'a' }, '', { algorithm: 'none' }))],
    ['expired', bearer(s.token('a', 'web', { exp: Math.floor(Date.now() / 1000) - 120 }))],
    ['no user', bearer(jwt.sign({ role: 'web' }, SECRET))],
    ['not at the query', {}, '?token=' + s.token('a', 'web')],
  ];
  for (const [name, headers, query = ''] of refused) {
    const answer = await call(api, '/api/presence/count' + query, { headers });
    assert.equal(answer.status, 401, name);
    assert.equal(answer.headers['www-authenticate'], 'Bearer', name);
    assert.equal(answer.json.success, false, name);
    assert.doesNotMatch(answer.text, /eyJ/);
  }
  assert.equal((await ask(api, ['a'])).status, 401);
  assert.equal((await call(api, '/api/presence/count', { headers: bearer(s.token('a', 'nurse')) })).status, 403);
  assert.equal((await call(api, '/api/presence/count', { method: 'OPTIONS' })).status, 204);
  for (const target of ['/healthz', '/metrics', '/']) assert.equal((await call(api, target)).status, 200, target);
  assert.equal((await call(api, '/api/presence/count', { headers: { authorization: `bearer ${s.token('a', 'web')}` } })).status, 200);
  assert.doesNotMatch(api.output, /eyJ/);
});

scenario('a token\'s groups bound what is seen', { servers: 0, env: { PRESENCE_API_AUTH: 'jwt' } }, async (s) => {
  const api = await s.startApi();
  await put(s, ['alice', 'bob', 'me', 'stranger']);
  await put(s, ['carol'], { groups: ['red', 'other'] });
  await put(s, ['dave'], { groups: ['other'] });
  await s.redis.sadd('g.red.u', 'alice');
  await s.redis.sadd('g.blue.u', 'bob', 'away');
  await s.redis.hset('presence:meta:away', 'lastSeen', '1700000000456', 'deviceId', 'x');
  const headers = (claims) => ({ Authorization: `Bearer ${s.token('me', 'web', claims)}` });
  const everyone = ['alice', 'bob', 'carol', 'dave', 'me', 'stranger', 'away'];
  const sees = async (claims) => (await ask(api, everyone, { headers: headers(claims) })).json.users
    .filter((u) => u.lastSeen > 0).map((u) => u.userId);
  assert.deepEqual(await sees({}), everyone);
  assert.deepEqual(await sees({ groups: ['red'] }), ['alice', 'carol', 'me']);
  assert.deepEqual(await sees({ channelIds: ['red', 'blue'] }), ['alice', 'bob', 'carol', 'me', 'away']);
  assert.deepEqual(await sees({ groups: [] }), ['me']);
  const get = (target, claims) => call(api, target, { headers: headers(claims) }).then((r) => r.json);
  const hidden = await get('/api/presence/users/bob', { groups: ['red'] });
  const never = await get('/api/presence/users/never', { groups: ['red'] });
  assert.deepEqual({ ...hidden, userId: '', timestamp: 0 }, { ...never, userId: '', timestamp: 0 });
  assert.equal((await get('/api/presence/users/carol', { groups: ['red'] })).status, 'online');
  const online = await get('/api/presence/online', { groups: ['red'] });
  assert.deepEqual(online.users.map((u) => u.userId).sort(), ['alice', 'carol', 'me']);
  assert.equal(online.total, null);
  assert.equal((await get('/api/presence/count', { groups: ['red', 'blue'] })).online, 4);
  assert.equal((await get('/api/presence/count', {})).online, 6);
  assert.deepEqual((await get('/api/presence/groups/blue', { groups: ['red'] })).users, []);
  assert.deepEqual((await get('/api/presence/groups/blue', { groups: ['blue'] })).users.map((u) => u.userId).sort(), ['away', 'bob']);
  const many = await get('/api/presence/count', { groups: Array.from({ length: 256 }, (_, i) => `g${i}`) });
  assert.equal(many.online, 1);
});

scenario('SIGHUP takes the new keys', { servers: 0 }, async (s) => {
  const file = path.join(s.dir, 'secret');
  fs.writeFileSync(file, SECRET);
  const api = await s.startApi({ PRESENCE_API_AUTH: 'jwt', SECRET_KEY: '', SECRET_KEY_FILE: file });
  const count = (secret) => call(api, '/api/presence/count', {
    headers: { Authorization: `Bearer ${jwt.sign({ uid: 'a', role: 'web' }, secret)}` } });
  assert.equal((await count(SECRET)).status, 200);
  const next = 'the-next-secret-of-thirty-two-bytes!';
  fs.writeFileSync(file, next);
  api.signal('SIGHUP');
  await until(async () => (await count(next)).status === 200, 'the new key');
  assert.equal((await count(SECRET)).status, 401);
});

scenario('--threads is taken, and without effect', { servers: 0 }, async (s) => {
  const api = await s.startApi({ PRESENCE_API_THREADS: '4' });
  await until(() => /warn presence-api setting_without_effect .*PRESENCE_API_THREADS/.test(api.output), 'warned');
  assert.equal(fs.readdirSync(`/proc/${api.child?.pid ?? api.pid}/task`).length, 1);
});

scenario('switched off: 503, and says so', { servers: 0 }, async (s) => {
  const api = await s.startApi({ PRESENCE_ENABLED: 'false' });
  for (const answer of [await ask(api, ['a']), await call(api, '/api/presence/count'), await call(api, '/readyz')]) {
    assert.equal(answer.status, 503);
    assert.match(answer.json.error, /PRESENCE_ENABLED=false/);
  }
  assert.equal((await call(api, '/healthz')).status, 200);
  assert.equal((await call(api, STATUS)).status, 405);
  assert.equal((await api.stop()).code, 0);
});

scenario('at the limit of connections the longest waiting gives way', { servers: 0 }, async (s) => {
  const api = await s.startApi({ PRESENCE_API_MAX_CONNECTIONS: '20' });
  const idle = Array.from({ length: 40 }, () => net.connect(api.port, '127.0.0.1').on('error', () => {}));
  let closed = 0;
  for (const socket of idle) socket.on('close', () => closed++).resume();
  await until(() => closed >= 20, 'twenty gave way');
  assert.ok(await metric(api, 'presence_api_displaced_total') >= 20, 'they are counted');
  for (let i = 0; i < 30; i++) assert.equal((await call(api, '/healthz')).status, 200);
  for (const socket of idle) socket.destroy();
  const busy = new Set();
  const fill = () => {
    while (busy.size < 20) {
      const socket = net.connect(api.port, '127.0.0.1').on('error', () => {}).on('close', () => busy.delete(socket)).resume();
      socket.write(`POST ${STATUS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`);
      busy.add(socket);
    }
  };
  const turned = await until(async () => {
    fill();
    const answer = await call(api, '/healthz').catch(() => ({}));
    return answer.status === 503 && answer;
  }, 'all are busy');
  assert.equal(turned.headers['retry-after'], '1');
  assert.deepEqual(turned.json, { success: false, error: 'Too many connections' });
  for (const socket of busy) socket.destroy();
  await until(async () => (await call(api, '/healthz').catch(() => ({}))).status === 200, 'room again');
});

scenario('a unix socket, a shared port, a port in use', { servers: 0 }, async (s) => {
  const socketPath = path.join(s.dir, 'api.sock');
  await s.startApi({ PRESENCE_API_LISTEN: `127.0.0.1:0,unix:${socketPath}` });
  assert.equal((await ask({ socketPath }, ['a'])).status, 200);
  const port = s.api.port;
  const taken = await run(path.join(BIN, 'presence-api'), [], { env: { ...s.env, PRESENCE_API_LISTEN: `127.0.0.1:${port}` } });
  assert.equal(taken.code, 3);
  assert.match(taken.stderr, new RegExp(`${port}.*in use`));
  const first = await s.startApi({ PRESENCE_REUSEPORT: 'true' });
  const second = await s.startApi({ PRESENCE_REUSEPORT: 'true', PRESENCE_API_LISTEN: `127.0.0.1:${first.port}` });
  assert.equal(second.port, first.port);
  for (let i = 0; i < 20; i++) assert.equal((await ask(second, ['a'])).status, 200);
  await s.api.stop();
});

test('who may ask without a token', async () => {
  const check = (env) => run(path.join(BIN, 'presence-api'), ['--check-config'], { env: { SECRET_KEY: '', ...env } });
  const cases = [
    [{}, 0],
    [{ PRESENCE_API_LISTEN: 'unix:/tmp/x.sock' }, 0],
    [{ PRESENCE_API_LISTEN: '127.0.0.1:3001' }, 0],
    [{ PRESENCE_API_LISTEN: '*:3001' }, 3, /PRESENCE_API_AUTH.*jwt or none/],
    [{ PRESENCE_API_LISTEN: '127.0.0.1:3001,0.0.0.0:3002' }, 3, /0\.0\.0\.0:3002/],
    [{ PRESENCE_API_LISTEN: '*:3001', PRESENCE_API_AUTH: 'none' }, 0],
    [{ PRESENCE_API_LISTEN: '*:3001', PRESENCE_API_AUTH: 'jwt' }, 3, /SECRET_KEY/],
    [{ PRESENCE_API_LISTEN: '*:3001', PRESENCE_API_AUTH: 'jwt', SECRET_KEY: SECRET }, 0],
    [{ PRESENCE_API_AUTH: 'jwt', SECRET_KEY: 'changeme' }, 3, /SECRET_KEY/],
    [{ PRESENCE_API_AUTH: 'maybe' }, 3, /PRESENCE_API_AUTH/],
    [{ PRESENCE_API_THREADS: '0' }, 3, /PRESENCE_API_THREADS/],
    [{ PRESENCE_API_LISTEN: 'nonsense' }, 3, /PRESENCE_API_LISTEN/],
  ];
  for (const [env, code, message = /^/] of cases) {
    const result = await check(env);
    assert.equal(result.code, code, JSON.stringify(env) + result.stderr);
    assert.match(result.stderr, message);
  }
});

scenario('SIGTERM: what is asked is answered, then it ends', { servers: 0, api: true }, async (s) => {
  await until(async () => (await s.redis.hlen('presence:nodes')) === 1, 'registered');
  const agent = new http.Agent({ keepAlive: true });
  await call(s.api, '/healthz', { agent });
  const halfway = raw(s.api, `POST ${STATUS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{"userIds"`, { ms: 8000 });
  const late = net.connect(s.api.port, '127.0.0.1');
  let text = '';
  late.on('data', (part) => { text += part; });
  late.write(`POST ${STATUS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{"userIds"`);
  await sleep(200);
  s.api.signal('SIGTERM');
  await until(() => /draining/.test(s.api.output), 'draining');
  await sleep(200);
  late.write(':[]}');
  await until(() => /HTTP\/1\.1 200/.test(text), 'answered');
  assert.match(text, /Connection: close/i);
  s.api.signal('SIGTERM');
  assert.equal((await s.api.exited).code, 0);
  await halfway;
  assert.equal(await s.redis.hlen('presence:nodes'), 0);
  agent.destroy();
});

scenario('after all that: memory and descriptors as before', { servers: 0, api: true, env: { PRESENCE_API_REQUEST_TIMEOUT: '2s' } }, async (s) => {
  await put(s, Array.from({ length: 300 }, (_, i) => `u${i}`));
  const ids = Array.from({ length: 100 }, (_, i) => `u${i}`);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 32 });
  const fds = descriptors(s.api) + 8; // those to Redis, which may not be there yet
  const round = async () => {
    const jobs = [];
    for (let i = 0; i < 100; i++) {
      jobs.push(ask(s.api, ids, { agent }));
      jobs.push(call(s.api, '/api/presence/online?limit=300', { agent }));
      if (i % 10 === 0) jobs.push(call(s.api, STATUS, { method: 'POST', headers: JSON_TYPE, body: 'x'.repeat(100000) }));
      if (i % 10 === 1) jobs.push(raw(s.api, 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n'));
      if (i % 10 === 2) jobs.push(raw(s.api, `POST ${STATUS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{`, { ms: 20 }));
      if (i % 10 === 3) jobs.push(raw(s.api, 'GET /api/presence/online?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n', { ms: 1 }));
    }
    await Promise.all(jobs);
  };
  await round();
  await round();
  const memory = resident(s.api);
  for (let i = 0; i < 5; i++) await round();
  agent.destroy();
  // A FIN that comes together with the last bytes of half a body is noticed by the time a request may take at the latest.
  await until(() => descriptors(s.api) <= fds, 'descriptors as before', 40000);
  if (!process.env.PRESENCE_SANITIZED) assert.ok(resident(s.api) < memory + 8, `${memory} MiB before, ${resident(s.api)} after`);
});
