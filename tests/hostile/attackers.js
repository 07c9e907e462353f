// SPDX-License-Identifier: MIT
// Five accounts and one neighbour in Redis that try to take presence away from others, all at once, until SIGTERM; then it says how often
// each has struck. Started by hostile.js, with what to attack in ATTACK (JSON: ws ports, api port, Redis's socket, the secret).
'use strict';
const { Raw, upgrade, head, frame, TEXT, BINARY, CONTINUATION, PING, PONG } = require('../e2e/lib/raw');
const Redis = require('ioredis');
const jwt = require('jsonwebtoken');

const target = JSON.parse(process.env.ATTACK);
const GROUPS_MOST = 256;
const FLOOD = 2000; // frames in one write
const struck = {};  // attack -> times
let over = false;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const strike = (name) => { struck[name] = (struck[name] || 0) + 1; };
const names = (prefix) => Array.from({ length: GROUPS_MOST }, (_, i) => `${prefix}${i}`);
const token = (user, role, claims = {}) => jwt.sign({ uid: user, role, ...claims }, target.secret);
const subscribe = (user, payload) => frame(TEXT, JSON.stringify([0, 33, user, 'broadcast', '0', payload]));
const port = (n) => target.ws[n % target.ws.length];

const open = (n, bearer, path = '/') =>
  upgrade({ port: port(n) }, { 'Sec-WebSocket-Protocol': 'presence.v1.json', token: bearer }, { path });

// Again and again, whatever comes of it: a server that refuses or closes has done right, and is tried again a little later.
async function forever(name, body, rest = 200) {
  while (!over) {
    try {
      await body();
    } catch {
      struck[`${name}: refused or closed`] = (struck[`${name}: refused or closed`] || 0) + 1;
    }
    await sleep(rest);
  }
}

// A connection that reads everything it is told, and hands on writing to `act` until it has ended.
async function connected(name, socket, act, ms) {
  socket.socket.removeAllListeners('data');
  socket.socket.resume();
  while (!over && !socket.ended) {
    act(socket);
    strike(name);
    await sleep(ms);
  }
  socket.terminate();
  if (!over) throw new Error('closed');
}

// Views of 256 groups, asked for anew five times a second on each of twenty connections of one phone's account.
function costlyViews() {
  const bearer = token('attacker1', 'mobile', { groups: names('big') });
  for (let n = 0; n < 20; n++)
    forever('costly views', async () => connected('costly views', await open(n, bearer), (s) => s.write(subscribe('attacker1', {})), 200));
}

// Forty dashboards that name groups nobody has named before.
function everNewGroups() {
  const bearer = token('attacker2', 'web');
  let next = 0;
  for (let n = 0; n < 40; n++)
    forever('ever new groups', async () => connected('ever new groups', await open(n, bearer),
      (s) => s.write(subscribe('attacker2', { groups: names(`new${next++}-`) })), 110));
}

// Frames as fast as they are taken.
function floods() {
  const bearer = token('attacker3', 'mobile', { groups: ['big0'] });
  const repeat = (bytes) => Buffer.concat(Array(FLOOD).fill(bytes));
  const kinds = {
    'flood of subscriptions': [subscribe('attacker3', {})],
    'flood of pings': [frame(PING, '')],
    'flood of pongs': [frame(PONG, '')],
    'flood of empty fragments': [frame(CONTINUATION, '', { fin: false }), frame(TEXT, '[0,99,"x"', { fin: false })],
    'flood of other messages': [frame(TEXT, '[0,99,"x"]')],
  };
  for (const [name, [bytes, first]] of Object.entries(kinds)) {
    const burst = repeat(bytes);
    forever(name, async () => {
      const socket = await open(0, bearer);
      if (first) socket.write(first);
      return connected(name, socket, (s) => { if (s.socket.writableLength < burst.length) s.write(burst); }, 20);
    }, 1000);
  }
}

// A viewer that reads nothing, breaks a rule, and sends on.
function stuckViewers() {
  const bearer = token('attacker4', 'web'), broken = frame(3, '');
  for (let n = 0; n < 10; n++)
    forever('stuck viewer', async () => {
      const socket = new Raw({ port: port(n) });
      await socket.opened;
      socket.socket.pause();
      socket.write(head({ 'Sec-WebSocket-Protocol': 'presence.v1.json', token: bearer }));
      await sleep(1000);
      socket.write(broken);
      await sleep(300);
      socket.write(Buffer.concat(Array(100).fill(broken)));
      strike('stuck viewer');
      for (let i = 0; i < 50 && !over && !socket.ended; i++) await sleep(100);
      socket.terminate();
    });
}

// A phone without a device id that connects and closes, ten at a time.
function connectLoops() {
  const bearer = token('attacker5', 'mobile');
  for (let n = 0; n < 10; n++)
    forever('connect and close', async () => {
      const socket = await open(n, bearer);
      strike('connect and close');
      socket.terminate();
    }, 20);
}

// Long questions, odd heads, and pages to the end.
function apiCallers() {
  const scoped = { Host: `127.0.0.1:${target.api}`, Authorization: `Bearer ${token('attacker2', 'web', { groups: names('big') })}` };
  const ask = (path, headers = {}) => {
    const lines = Object.entries({ ...scoped, Connection: 'close', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
    return request(`GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
  };
  const request = async (bytes) => {
    const raw = new Raw({ port: target.api });
    await raw.opened;
    raw.write(bytes);
    await Promise.race([raw.response(), sleep(10000)]);
    raw.terminate();
  };
  for (let n = 0; n < 20; n++)
    forever('long count', async () => { await ask('/api/presence/count'); strike('long count'); }, 10);
  forever('long pages', async () => { await ask('/api/presence/online?limit=1000'); strike('long pages'); }, 50);
  const odd = ['+18', '18, 18', '-1', '0x12', '18abc', '', '99999999999999999999'];
  let n = 0;
  forever('odd request', async () => {
    const one = n++ % (odd.length + 2);
    if (one < odd.length) await ask('/api/presence/status', { 'Content-Length': odd[one] });
    else await request(one === odd.length ? 'GET /healthz\0x HTTP/1.1\r\nHost: x\r\n\r\n' : 'GET /healthz HTTP/1.1\r\nHost: x\rX: y\r\n\r\n');
    strike('odd request');
  }, 50);
}

// Another program that shares Redis: odd numbers, keys of other types, forged messages, and a large set that comes and goes.
function neighbour() {
  const redis = new Redis({ path: target.redis, maxRetriesPerRequest: null });
  redis.on('error', () => {});
  const members = (from, to) => Array.from({ length: to - from }, (_, i) => `user${from + i}`);
  forever('odd keys', async () => {
    await redis.set('presence:user:never', '1', 'PXAT', '9223372036854775807');
    await redis.hset('presence:meta:raw', 'deviceId', Buffer.from([0xff, 0xfe, 1, 0x78]));
    await redis.set('presence:user:raw', '1', 'EX', 30);
    await redis.set('g.text.u', 'x');
    await redis.del('presence:meta:never');
    strike('odd keys');
  }, 3000);
  // Not the next revisions: who can publish those is believed until servers load from Redis again (.github/SECURITY.md).
  forever('forged messages', async () => {
    const [epoch, rev] = [await redis.hget('presence:epoch', 'id'), Number(await redis.get('presence:rev'))];
    const forged = { userId: 'forged', status: 'online', rev, epoch, db: 0 };
    for (const change of [{}, { rev: rev - 5 }, { rev: 1 }, { epoch: 'other' }, { epoch: 'other', rev: rev + 1 }, { db: 7, rev: rev + 1 }, { rev: -1 }, { rev: 2 ** 60 }])
      await redis.publish('presence:updates', JSON.stringify({ ...forged, ...change }));
    for (const text of ['', '{', '[]', '{"userId":7}', 'x'.repeat(70000)]) await redis.publish('presence:updates', text);
    strike('forged messages');
  }, 5000);
  forever('a set that comes and goes', async () => {
    for (let i = 0; i < 18000; i += 1000) await redis.sadd('g.big0.u', ...members(i, i + 1000));
    await sleep(12000);
    await redis.del('g.big0.u');
    strike('a set that comes and goes');
  }, 12000);
  // Viewers of that set, who read: their view is remade with each turn.
  for (let n = 0; n < 4; n++)
    forever('viewer of the set', async () => connected('viewer of the set', await open(n, token('attacker4', 'web'), '/?groups=big0'), () => {}, 1000));
}

process.on('SIGTERM', () => {
  over = true;
  process.stdout.write(`${JSON.stringify(struck)}\n`, () => process.exit(0));
});
process.on('unhandledRejection', (error) => { console.error(error); process.exit(1); });
costlyViews();
everNewGroups();
floods();
stuckViewers();
connectLoops();
apiCallers();
neighbour();
console.log('attacking');
