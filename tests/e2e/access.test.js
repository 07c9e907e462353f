// SPDX-License-Identifier: MIT
// Who may ask presence-api what: strangers on this machine and behind a proxy, phones and dashboards by their tokens, and pages of
// other origins.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const jwt = require('jsonwebtoken');
const { scenario, SECRET, until } = require('./lib/stack');
const { STATUS, ask, call, put, raw } = require('./lib/api');
const { BIN, ROOT, run } = require('./lib/process');
const { v1 } = require('./lib/proxy_header');
const { startNginx } = require('./lib/nginx');

// The routes that tell of users whose ids the asker does not know, as the sources have them.
const IDS = { '/api/presence/users/': 'alice', '/api/presence/groups/': 'red' };
const LISTS = [...fs.readFileSync(path.join(ROOT, 'cmd/presence-api/counters.h'), 'utf8').matchAll(/^ +X\(\w+, "\w+", "([^"]+)", HTTP_GET, REACH_ALL,/gm)]
  .map(([, target]) => target + (target.endsWith('/') ? IDS[target] : ''));
assert.ok(LISTS.length >= 4, 'the table of routes was read');
const bearer = (token) => ({ Authorization: `Bearer ${token}` });

// How every path of LISTS answers, as one status, or a list of them when they differ.
async function lists(api, headers) {
  const answers = [];
  for (const target of LISTS) answers.push(await call(api, target, { headers }));
  const statuses = [...new Set(answers.map((answer) => answer.status))];
  for (const answer of answers.filter((a) => a.status >= 400)) {
    assert.equal(answer.json.success, false);
    if (answer.status === 401) assert.equal(answer.headers['www-authenticate'], 'Bearer');
  }
  return statuses.length === 1 ? statuses[0] : statuses;
}

const PROXIES = ['X-Forwarded-For', 'x-forwarded-host', 'X-Forwarded-Proto', 'Forwarded', 'X-Real-IP', 'Via', 'CF-Connecting-IP', 'True-Client-IP'];

scenario('auto: a stranger behind a proxy asks for ids that he knows, and nothing more', { servers: 0, api: true }, async (s) => {
  await put(s, ['alice']);
  await s.redis.sadd('g.red.u', 'alice');
  assert.equal(await lists(s.api, {}), 200, 'directly, as the guide has it');
  for (const name of PROXIES) {
    const headers = { [name]: '203.0.113.9' };
    assert.equal(await lists(s.api, headers), 401, name);
    const status = await ask(s.api, ['alice'], { headers });
    assert.equal(status.status, 200, name);
    assert.equal(status.json.users[0].status, 'online');
    for (const target of ['/', '/healthz']) assert.equal((await call(s.api, target, { headers })).status, 200, name);
    assert.equal((await call(s.api, LISTS[0], { method: 'HEAD', headers })).status, 401, name);
  }
  const refused = await call(s.api, LISTS[0], { headers: { Via: '1.1 a' } });
  assert.match(refused.json.error, /^Behind a proxy a token is required for this; PRESENCE_API_AUTH=none says/);
  const forwarded = { 'X-Forwarded-For': '203.0.113.9' };
  assert.equal(await lists(s.api, { ...forwarded, ...bearer(s.token('admin', 'web')) }), 200);
  assert.equal(await lists(s.api, { ...forwarded, Authorization: 'Basic YTpi' }), 401);
  assert.equal(await lists(s.api, { ...forwarded, 'X-Request-Id': 'x', 'X-Forward': 'y' }), 401);
  assert.equal(await lists(s.api, { 'X-Request-Id': 'x', traceparent: 'y', 'X-Forward': 'z' }), 200);
  assert.doesNotMatch(s.api.output, /api_open/);
});

scenario('a token that is given must hold, also where none is needed', { servers: 0 }, async (s) => {
  await put(s, ['alice']);
  const bad = [
    ['rubbish', 'rubbish', /Malformed/], ['', '', /missing/i],
    ['another secret', jwt.sign({ uid: 'a', role: 'web' }, 'another-secret-of-thirty-two-bytes!'), /signature/],
    ['expired', jwt.sign({ uid: 'a', role: 'web', exp: 1000 }, SECRET), /expired/],
  ];
  for (const auth of ['auto', 'none']) {
    const api = await s.startApi({ PRESENCE_API_AUTH: auth });
    for (const [name, token, error] of bad) {
      assert.equal(await lists(api, bearer(token)), 401, `${auth} ${name}`);
      const answer = await ask(api, ['alice'], { headers: bearer(token) });
      assert.equal(answer.status, 401, `${auth} ${name}`);
      assert.match(answer.json.error, error, `${auth} ${name}`);
    }
    assert.equal((await ask(api, ['alice'], { headers: bearer(s.token('a', 'nurse')) })).status, 403);
    assert.equal(await lists(api, bearer(s.token('admin', 'web'))), 200, auth);
    assert.equal(await lists(api, bearer(s.token('me', 'mobile'))), 403, auth);
    assert.equal(await lists(api, { Authorization: 'Basic YTpi' }), 200, auth);
    assert.equal(await lists(api, {}), 200, auth);
    const keyless = await s.startApi({ PRESENCE_API_AUTH: auth, SECRET_KEY: '' });
    assert.equal(await lists(keyless, bearer('rubbish')), 200, `${auth}: without keys it can't be checked`);
  }
  const keyless = await s.startApi({ SECRET_KEY: '' });
  assert.equal(await lists(keyless, { Via: '1.1 a', ...bearer(s.token('admin', 'web')) }), 401);
});

scenario('a revoked token is refused, also where none is needed', { servers: 0, api: true }, async (s) => {
  const iats = [Math.floor(Date.now() / 1000) - 10, 0, -5, -0.5, 12.5, undefined];
  // What Redis is not needed for otherwise, too: nobody's status, a group that the token does not name, a phone without groups.
  const kinds = [['web', {}, 200], ['web', { groups: ['other'] }, 200], ['web', { groups: [] }, 200], ['mobile', {}, 403]];
  const tokens = kinds.flatMap(([role, claims, status]) => iats.map((iat) =>
    [bearer(s.token('admin', role, { ...claims, ...(iat !== undefined && { iat }) }, { noTimestamp: iat === undefined })), status]));
  for (const [headers, status] of tokens) {
    assert.equal(await lists(s.api, headers), status);
    assert.equal((await ask(s.api, [], { headers })).status, 200);
  }
  assert.equal((await s.ctl('kick', 'admin', '--revoke')).code, 0);
  for (const [headers] of tokens) {
    assert.equal(await lists(s.api, headers), 401);
    for (const ids of [[], ['alice']]) assert.match((await ask(s.api, ids, { headers })).json.error, /revoked/);
  }
});

// All pages of /online: { users, pages }.
async function pages(api, headers, limit) {
  const users = [];
  let cursor = '', count = 0;
  do {
    const { status, json } = await call(api, `/api/presence/online?limit=${limit}${cursor && `&cursor=${cursor}`}`, { headers });
    assert.equal(status, 200, json && json.error);
    assert.equal(json.total, null);
    assert.ok(json.users.length <= limit);
    users.push(...json.users.map((u) => u.userId));
    cursor = json.cursor;
    count++;
  } while (cursor !== null);
  return { users, pages: count };
}

const number = async (api, name) => Number(new RegExp(`^${name} (\\d+)`, 'm').exec((await call(api, '/metrics')).text)[1]);

scenario('pages of a token with groups go over whom it sees, and tell nothing of others', { servers: 0, env: { PRESENCE_API_AUTH: 'jwt' } }, async (s) => {
  const api = await s.startApi();
  const members = Array.from({ length: 120 }, (_, i) => `member/${i}`), claimers = Array.from({ length: 30 }, (_, i) => `claims\u00e9${i}`);
  await put(s, Array.from({ length: 3000 }, (_, i) => `other${i}`));
  await put(s, [...members, 'me']);
  await put(s, claimers, { groups: ['x', 'red'] });
  await s.redis.sadd('g.red.u', ...members, 'away');
  await s.redis.sadd('g.blue.u', 'claims\u00e91', 'member/1');
  const as = (groups, user = 'me') => bearer(s.token(user, 'web', { groups }));
  const count = async (headers) => (await call(api, '/api/presence/count', { headers })).json.online;
  for (const groups of [['none'], []]) {
    assert.deepEqual(await pages(api, as(groups), 50), { users: ['me'], pages: 1 });
    assert.deepEqual(await pages(api, as(groups, 'gone'), 50), { users: [], pages: 1 });
    assert.deepEqual([await count(as(groups)), await count(as(groups, 'gone'))], [1, 0]);
  }
  const seen = await pages(api, as(['red', 'blue', 'none']), 50);
  assert.equal(seen.pages, 4);
  assert.deepEqual([...seen.users].sort(), [...members, ...claimers, 'me'].sort());
  assert.equal(await count(as(['red', 'blue', 'none'])), 151);
  assert.deepEqual((await pages(api, as(['blue'], 'gone'), 1)).users.sort(), ['claims\u00e91', 'member/1']);

  // A walk is made for the first page, and no other one for those behind it; the count is always of now.
  const walks = () => number(api, 'presence_api_walk_duration_seconds_count');
  const before = await walks();
  await pages(api, as(['red']), 10);
  assert.equal(await walks(), before + 1);
  await s.redis.zrem('presence:due', ...members);
  assert.equal(await count(as(['red'])), 31);
  const begun = (await call(api, '/api/presence/online?limit=10', { headers: as(['red']) })).json;
  await s.redis.zrem('presence:due', ...claimers);
  const next = await call(api, `/api/presence/online?cursor=${begun.cursor}`, { headers: as(['red']) });
  assert.deepEqual(next.json.users.map((u) => u.userId).filter((user) => user !== 'me'), [], 'who has gone meanwhile is left out');
  const other = await call(api, `/api/presence/online?cursor=${begun.cursor}`, { headers: as(['blue'], 'gone') });
  assert.deepEqual(other.json.users, [], 'a cursor is nobody\'s right to see');
  for (const cursor of ['0', '1', 'a', '!', '%00', 'AA', '_w'])
    assert.deepEqual([cursor, (await call(api, `/api/presence/online?cursor=${cursor}`, { headers: as(['red']) })).status], [cursor, 400]);
  await s.redis.set('presence:due', 'no set');
  assert.match((await call(api, '/api/presence/count', { headers: as(['red']) })).json.error, /no sorted set/);
});

scenario('many groups and many users: the count comes, one walk serves many, and short questions pass', { servers: 0, env: { PRESENCE_API_AUTH: 'jwt' } }, async (s) => {
  const api = await s.startApi();
  const groups = Array.from({ length: 256 }, (_, i) => `g${i}`);
  const users = Array.from({ length: 20000 }, (_, i) => `u${i}`);
  await put(s, users.slice(0, 19000));
  await put(s, users.slice(19000), { groups: ['g7'] });
  for (const [i, group] of groups.entries()) await s.redis.sadd(`g.${group}.u`, ...users.slice(i * 50, i * 50 + 60));
  const headers = bearer(s.token('me', 'web', { groups }));
  const count = () => call(api, '/api/presence/count', { headers });
  assert.deepEqual([(await count()).json.online], [255 * 50 + 60 + 1000]);

  const walks = () => number(api, 'presence_api_walk_duration_seconds_count'), before = await walks();
  const asked = Array.from({ length: 400 }, count);
  assert.equal((await ask(api, ['u1'], { headers: bearer(s.token('other', 'web')) })).status, 200);
  const answers = await Promise.all(asked);
  for (const answer of answers.filter((a) => a.status !== 200)) {
    assert.deepEqual([answer.status, answer.headers['retry-after']], [503, '1']);
    assert.match(answer.json.error, /Too many requests wait/);
  }
  assert.ok(answers.filter((a) => a.status === 200).length >= 256);
  assert.ok((await walks()) - before <= 40, `${(await walks()) - before} walks for 400 questions`);

  // Whoever waits when the program ends is answered.
  const last = Array.from({ length: 20 }, count);
  await until(async () => (await number(api, 'presence_api_connections')) > 1, 'they are there');
  assert.equal((await api.stop()).code, 0);
  for (const answer of await Promise.allSettled(last))
    if (answer.status === 'fulfilled') assert.ok([200, 503].includes(answer.value.status), answer.value.text);
});

scenario('a phone sees itself, whom its groups share, and the status of ids that it knows', { servers: 0, env: { PRESENCE_API_AUTH: 'jwt' } }, async (s) => {
  const api = await s.startApi();
  await put(s, ['alice', 'bob', 'me']);
  await put(s, ['carol'], { groups: ['red'] });
  await s.redis.sadd('g.red.u', 'alice');
  await s.redis.sadd('g.blue.u', 'bob');
  const as = (claims) => bearer(s.token('me', 'mobile', claims));
  const get = (target, claims) => call(api, target, { headers: as(claims) });
  const ids = ['alice', 'bob', 'carol', 'me', 'never'];
  const known = async (claims) => (await ask(api, ids, { headers: as(claims) })).json.users.filter((u) => u.lastSeen > 0).map((u) => u.userId);
  const online = async (claims) => (await get('/api/presence/online', claims)).json.users.map((u) => u.userId).sort();

  // Without groups.
  assert.equal(await lists(api, as({})), 403);
  for (const target of [...LISTS, '/api/presence/users/never', '/api/presence/groups/me', '/api/presence/users/me%20'])
    assert.match((await get(target, {})).json.error, /^A phone's token without groups sees its own user alone/, target);
  const self = await get('/api/presence/users/me', {});
  assert.equal(self.status, 200);
  assert.deepEqual([self.json.status, self.json.devices, self.json.role], ['online', [], 'mobile']);
  assert.deepEqual(await known({}), ['alice', 'bob', 'carol', 'me'], "the guide's bulk question");
  const noRole = await call(api, LISTS[0], { headers: bearer(s.token('me')) });
  assert.equal(noRole.status, 403, 'a token without a role is a phone\'s');

  // With groups.
  const red = { groups: ['red'] };
  assert.deepEqual(await online(red), ['alice', 'carol', 'me']);
  assert.equal((await get('/api/presence/count', red)).json.online, 3);
  assert.deepEqual((await get('/api/presence/groups/red', red)).json.users.map((u) => u.userId), ['alice']);
  assert.deepEqual((await get('/api/presence/groups/blue', red)).json.users, []);
  assert.deepEqual(await known(red), ['alice', 'carol', 'me']);
  const shared = (await get('/api/presence/users/alice', red)).json;
  assert.deepEqual({ ...shared, timestamp: 0 },
    { success: true, userId: 'alice', status: 'online', lastSeen: 1700000000123, lastHeartbeat: 1700000000123, deviceId: 'device-alice',
      timestamp: 0 });
  const hidden = (await get('/api/presence/users/bob', red)).json;
  assert.deepEqual([hidden.status, hidden.lastSeen, hidden.deviceId], ['offline', 0, null]);
  assert.ok('devices' in (await get('/api/presence/users/me', red)).json, 'all of itself');
  assert.deepEqual(await online({ groups: [] }), ['me']);

  // Dashboards as ever.
  assert.equal(await lists(api, bearer(s.token('admin', 'web'))), 200);
  assert.ok('devices' in (await call(api, '/api/presence/users/bob', { headers: bearer(s.token('admin', 'dashboard')) })).json);
});

// What the WebSocket shows a phone that asks for all it may see, and what the API lists for the same token.
async function doors(s, token) {
  const phone = await s.phone('me', { token });
  phone.send([0, 33, 'me', 0, {}]);
  const snapshot = await until(() => phone.messages.find((m) => m[1] === 32), 'a snapshot');
  await until(async () => (await s.online()).includes('me'), 'it is online');
  const listed = await call(s.api, '/api/presence/online', { headers: bearer(token) });
  await phone.close();
  await until(async () => !(await s.online()).includes('me'), 'it is gone');
  const users = (list) => list.map((u) => u.userId).filter((id) => id !== 'me').sort().join();
  return [users(snapshot[5].users), listed.status === 200 ? users(listed.json.users) : listed.status];
}

scenario('both doors show a phone the same users', { api: true, env: { PRESENCE_API_AUTH: 'jwt' } }, async (s) => {
  await s.phone('alice', { claims: { groups: ['red'] } });
  await s.phone('bob', { claims: { groups: ['blue'] } });
  await s.phone('carol');
  await until(async () => (await s.online()).length === 3, 'all are online');
  assert.deepEqual(await doors(s, s.token('me', 'mobile')), ['', 403]);
  assert.deepEqual(await doors(s, s.token('me', 'mobile', { groups: [] })), ['', '']);
  assert.deepEqual(await doors(s, s.token('me', 'mobile', { groups: ['red'] })), ['alice', 'alice']);
  assert.deepEqual(await doors(s, s.token('me', 'mobile', { groups: ['red', 'blue'] })), ['alice,bob', 'alice,bob']);
});

scenario('the shipped nginx.conf with the default settings', { api: true }, async (s) => {
  const nginx = await startNginx(s);
  await s.phone('alice');
  await s.redis.sadd('g.red.u', 'alice');
  await until(async () => (await s.online()).length === 1, 'online');
  assert.equal(await lists(nginx, {}), 401);
  const anonymous = await call(nginx, '/api/presence/online');
  assert.doesNotMatch(anonymous.text, /alice/);
  const answer = await ask(nginx, ['alice']);
  assert.equal(answer.status, 200);
  assert.equal(answer.json.users[0].status, 'online');
  assert.equal((await call(nginx, '/')).status, 200, 'the page');
  assert.equal((await call(nginx, '/healthz')).status, 200);
  for (const target of ['/readyz', '/metrics']) assert.equal((await call(nginx, target)).status, 200);
  assert.doesNotMatch((await call(nginx, '/readyz')).text, /online"|epoch/, 'not through a proxy');
  // 127.0.9.1 in the place of somebody elsewhere, by path and by an upgrade of the path.
  const near = await startNginx(s, { change: (config) => config.swap(/allow 127\.0\.0\.0\/8;/g, 'allow 127.0.0.1;') });
  const agent = new http.Agent({ localAddress: '127.0.9.1' });
  for (const target of ['/readyz', '/metrics', '//readyz', '/x/../metrics', '/%6detrics?a'])
    for (const headers of [{}, { Connection: 'Upgrade', Upgrade: 'websocket' }])
      assert.equal((await call(near, target, { agent, headers })).status, 403, target);
  assert.deepEqual((await call(near, '/healthz', { agent })).json, { success: true });
  agent.destroy();
  assert.equal(await lists(nginx, bearer(s.token('admin', 'web'))), 200);
  assert.equal(await lists(nginx, bearer(s.token('me', 'mobile'))), 403);
  assert.equal(await lists(nginx, bearer('rubbish')), 401);
  assert.equal(await lists(s.api, {}), 200, 'on this machine, as the guide has it');
});

scenario('where no token is needed, the Host is one of the server\'s names', { servers: 0 }, async (s) => {
  await put(s, ['alice']);
  const evil = { Host: 'rebind.evil.example:3001', Origin: 'http://rebind.evil.example:3001' };
  const known = (api, headers) => ask(api, ['alice'], { headers }).then((answer) => answer.status);
  for (const auth of ['auto', 'none']) {
    const api = await s.startApi({ PRESENCE_API_AUTH: auth });
    for (const Host of ['localhost', `LOCALHOST:${api.port}`, '127.0.0.1:1', '[::1]:3001', '192.0.2.7'])
      assert.deepEqual([await lists(api, { Host }), await known(api, { Host })], [200, 200], `${auth} ${Host}`);
    for (const headers of [evil, { Host: 'localhost.evil.example' }, { Host: 'presence' }, { Host: '127.0.0.1.evil.example' }])
      assert.deepEqual([await lists(api, headers), await known(api, headers)], [421, 421], `${auth} ${headers.Host}`);
    const refused = await call(api, '/api/presence/online', { headers: evil });
    assert.deepEqual(refused.json, { success: false, error: 'This server does not go by that Host; PRESENCE_ALLOWED_HOSTS lists its names' });
    assert.equal(await lists(api, { ...evil, ...bearer(s.token('admin', 'web')) }), 200, 'with a token, which such a page has not');
    for (const target of ['/', '/healthz', '/metrics', '/readyz']) assert.equal((await call(api, target, { headers: evil })).status, 200);
    assert.match((await call(api, '/metrics')).text, /requests_total\{route="online",status="421"\} 5/);
    // Through a proxy with the site's name.
    const site = { Host: 'presence.example', 'X-Forwarded-For': '203.0.113.9' };
    assert.deepEqual([await lists(api, site), await known(api, site)], auth === 'auto' ? [401, 200] : [421, 421]);
  }
  const named = await s.startApi({ PRESENCE_API_AUTH: 'none', PRESENCE_ALLOWED_HOSTS: 'presence, *.corp.example:80', PRESENCE_ALLOWED_ORIGINS: 'https://app.example' });
  for (const Host of ['presence:3001', 'a.corp.example:80', 'app.example', 'localhost'])
    assert.equal(await lists(named, { Host, 'X-Forwarded-For': '203.0.113.9' }), 200, Host);
  for (const Host of ['a.corp.example', 'x.presence']) assert.equal(await lists(named, { Host }), 421, Host);
  assert.equal(await lists(await s.startApi({ PRESENCE_API_AUTH: 'jwt' }), { ...evil, ...bearer(s.token('admin', 'web')) }), 200);
  const wrong = await run(path.join(BIN, 'presence-api'), ['--check-config'], { env: { ...s.env, PRESENCE_ALLOWED_HOSTS: 'https://a.example' } });
  assert.equal(wrong.code, 3);
  assert.match(wrong.stderr, /PRESENCE_ALLOWED_HOSTS: the entry 'https:\/\/a\.example' can never match/);
});

scenario('how many are online is told to this machine, and to dashboards that see all', { servers: 0 }, async (s) => {
  await put(s, ['alice']);
  const env = { PRESENCE_API_AUTH: 'jwt', PRESENCE_TRUSTED_PROXIES: '127.0.0.1' };
  const api = await s.startApi(env), expiryd = await s.startExpiryd(), ws = await s.startServer();
  const ready = (server, headers) => until(async () => { const r = await call(server, '/readyz', { headers }); return r.status === 200 && r; }, 'ready');
  const told = async (server, headers) => { const { json } = await ready(server, headers); return 'online' in json || 'epoch' in json; };
  const forwarded = { 'X-Forwarded-For': '203.0.113.9' };
  for (const server of [api, expiryd, ws]) {
    for (const headers of [{}, { Host: 'localhost' }, { Host: '[::1]:80' }]) assert.equal(await told(server, headers), true);
    for (const headers of [forwarded, { Via: '1.1 a' }, { 'X-Forwarded-For': '127.0.0.1' }, { Host: 'rebind.evil.example' }])
      assert.equal(await told(server, headers), false, `${server.url} ${JSON.stringify(headers)}`);
    assert.equal((await ready(server, forwarded)).json.success, true);
  }
  const web = s.token('admin', 'web', { iat: Math.floor(Date.now() / 1000) - 10 });
  for (const [token, expected] of [[web, true], [s.token('admin', 'web', { groups: ['red'] }), false], [s.token('me', 'mobile'), false], ['rubbish', false]])
    assert.equal(await told(api, { ...forwarded, ...bearer(token) }), expected);
  assert.equal((await s.ctl('kick', 'admin', '--revoke')).code, 0);
  assert.equal((await call(api, '/readyz', { headers: { ...forwarded, ...bearer(web) } })).status, 401);
  // The address that a PROXY header tells.
  const proxied = await s.startApi({ ...env, PRESENCE_PROXY_PROTOCOL: 'on' });
  const through = async (client) => (await raw(proxied, Buffer.concat([v1(client), Buffer.from('GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')]))).text;
  await until(async () => /"online":1/.test(await through('127.0.0.1')), 'its number is told');
  assert.doesNotMatch(await through('203.0.113.9'), /online|epoch/);
});

scenario('an API that is open to others says so once, and the doctor notes it', { servers: 0 }, async (s) => {
  const notes = async () => (await s.ctl('doctor', '--json')).stdout.trim().split('\n').map((line) => JSON.parse(line))
    .filter((finding) => finding.check === 'open');
  const quiet = await s.startApi({ PRESENCE_API_AUTH: 'none' });
  assert.doesNotMatch(quiet.output, /api_open/);
  await until(async () => (await call(quiet, '/readyz')).json.open === false, 'ready');
  assert.deepEqual(await notes(), []);
  for (let i = 0; i < 3; i++) assert.equal(await lists(quiet, { 'X-Forwarded-For': '203.0.113.9' }), 200);
  await quiet.printed(/warn\S* presence-api api_open/i);
  assert.equal(quiet.output.match(/api_open/g).length, 1);
  assert.equal((await call(quiet, '/readyz')).json.open, true);
  const [note] = await notes();
  assert.match(note.text, /lets others than its machine list who is online without a token/);
  await quiet.stop();
  const wide = await s.startApi({ PRESENCE_API_AUTH: 'none', PRESENCE_API_LISTEN: '127.0.0.1:0,0.0.0.0:0' });
  await wide.printed(/api_open.*PRESENCE_API_AUTH=jwt/);
  await until(async () => (await call(wide, '/readyz')).json.open === true, 'ready and open');
  const guarded = await s.startApi({ PRESENCE_API_AUTH: 'jwt', PRESENCE_API_LISTEN: '127.0.0.1:0,0.0.0.0:0' });
  await until(async () => (await call(guarded, '/readyz')).json.open === false, 'ready and not open');
  assert.doesNotMatch(guarded.output, /api_open/);
});

scenario('keys that are configured are loaded in every mode, and replaced on SIGHUP', { servers: 0 }, async (s) => {
  const file = `${s.dir}/secret`;
  fs.writeFileSync(file, SECRET);
  const api = await s.startApi({ SECRET_KEY: '', SECRET_KEY_FILE: file });
  const count = (secret) => call(api, '/api/presence/count', { headers: bearer(jwt.sign({ uid: 'a', role: 'web' }, secret)) });
  assert.equal((await count(SECRET)).status, 200);
  const next = 'the-next-secret-of-thirty-two-bytes!';
  assert.equal((await count(next)).status, 401);
  fs.writeFileSync(file, next);
  api.signal('SIGHUP');
  await until(async () => (await count(next)).status === 200, 'the new key');
  assert.equal((await count(SECRET)).status, 401);
});

scenario('preflight: the headers asked for are allowed, within bounds', { servers: 0 }, async (s) => {
  const origin = 'https://app.example';
  const api = await s.startApi({ PRESENCE_ALLOWED_ORIGINS: `${origin},file://,null` });
  const preflight = (asked, { target = STATUS, from = origin } = {}) => call(api, target, { method: 'OPTIONS', headers: {
    Origin: from, 'Access-Control-Request-Method': 'POST', ...(asked !== undefined && { 'Access-Control-Request-Headers': asked }) } });
  const fixed = 'Authorization, Content-Type';
  const names = (n) => Array.from({ length: n }, (_, i) => `x-${i}`).join(',');
  const rows = [
    [undefined, fixed],
    ['', fixed],
    ['baggage, sentry-trace, traceparent', `${fixed}, baggage, sentry-trace, traceparent`],
    ['content-type,authorization,traceparent', `${fixed}, traceparent`],
    [' X-A ,, x-b,', `${fixed}, X-A, x-b`],
    ["!#$%&'*+-.^_`|~", `${fixed}, !#$%&'*+-.^_\`|~`],
    [names(32), `${fixed}, ${names(32).replaceAll(',', ', ')}`],
    [names(33), fixed],
    ['x'.repeat(1024), `${fixed}, ${'x'.repeat(1024)}`],
    ['x'.repeat(1025), fixed],
    ['a b', fixed], ['x-a, x@b', fixed], ['x-a: b', fixed], ['"x"', fixed], ['x-\xe4', fixed], ['x-a;x-b', fixed],
  ];
  for (const [asked, allowed] of rows) {
    const { status, headers } = await preflight(asked);
    assert.equal(status, 204, asked);
    assert.equal(headers['access-control-allow-headers'], allowed, asked);
    assert.equal(headers['access-control-allow-origin'], origin);
    assert.equal(headers.vary, 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method');
    assert.equal(headers['access-control-expose-headers'], 'Retry-After, ETag, WWW-Authenticate');
    assert.equal(headers['access-control-allow-private-network'], undefined);
  }
  assert.equal((await preflight('a')).headers['access-control-allow-methods'], 'POST, OPTIONS');
  assert.equal((await preflight('a', { target: '/api/presence/online' })).headers['access-control-allow-methods'], 'GET, HEAD, OPTIONS');
  for (const from of ['file://', 'null']) assert.equal((await preflight('traceparent', { from })).headers['access-control-allow-origin'], from);
  const foreign = await preflight('traceparent', { from: 'https://evil.example' });
  assert.equal(foreign.headers['access-control-allow-headers'], undefined);
  assert.equal(foreign.headers['access-control-allow-origin'], undefined);
  const answer = await ask(api, ['a'], { headers: { Origin: origin, traceparent: '00-0-0-01', baggage: 'a=b' } });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.vary, 'Origin');
  assert.equal(answer.headers['access-control-allow-headers'], undefined);
});
