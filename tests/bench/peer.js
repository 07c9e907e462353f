// SPDX-License-Identifier: MIT
// The peer: presence as it is written every day, on ws, ioredis, @msgpack/msgpack and jsonwebtoken. The guide's messages, keys,
// channels and HTTP request, one process, Redis asked for each event. Settings: SECRET_KEY, REDIS_SOCKET, PRESENCE_TTL (s).
'use strict';
const http = require('node:http');
const Redis = require('ioredis');
const jwt = require('jsonwebtoken');
const { WebSocketServer } = require('ws');
const { decode, encode } = require('@msgpack/msgpack');

const HEARTBEAT = 30, UPDATE = 31, SNAPSHOT = 32;
const EXPIRED = '__keyevent@0__:expired', UPDATES = 'presence:updates';
const SNAPSHOT_LIVES_MS = 1000, PAGE = 1000, IDS_MAX = 100;
const ttl = Number(process.env.PRESENCE_TTL) || 60;
const secret = process.env.SECRET_KEY;
const commands = new Redis({ path: process.env.REDIS_SOCKET });
const subscriber = new Redis({ path: process.env.REDIS_SOCKET });

const userKey = (user) => `presence:user:${user}`;
const metaKey = (user) => `presence:meta:${user}`;

const store = {
  transition(pipeline, user, status, more) {
    const text = JSON.stringify({ type: 'presence_update', userId: user, status, timestamp: Date.now(), ...more });
    return pipeline.publish(`presence:${status}`, text).publish(UPDATES, text).exec();
  },

  online(user, deviceId) {
    const pipeline = commands.pipeline().set(userKey(user), '1', 'EX', ttl)
      .hset(metaKey(user), 'status', 'online', 'lastSeen', Date.now(), 'deviceId', deviceId, 'role', 'mobile');
    return this.transition(pipeline, user, 'online', { deviceId });
  },

  offline(user) {
    const pipeline = commands.pipeline().del(userKey(user)).hset(metaKey(user), 'status', 'offline', 'lastSeen', Date.now());
    return this.transition(pipeline, user, 'offline');
  },

  async refresh(user, deviceId) {
    const replies = await commands.pipeline().expire(userKey(user), ttl).hset(metaKey(user), 'lastSeen', Date.now()).exec();
    if (replies[0][1] === 0) await this.online(user, deviceId);
  },

  async status(users) {
    const pipeline = commands.pipeline().mget(users.map(userKey));
    for (const user of users) pipeline.hmget(metaKey(user), 'lastSeen', 'deviceId');
    const [[, keys], ...metas] = await pipeline.exec();
    return users.map((userId, i) => {
      const [lastSeen, deviceId] = metas[i][1];
      return { userId, status: keys[i] ? 'online' : 'offline', lastSeen: Number(lastSeen) || 0, deviceId };
    });
  },

  async everyone() {
    const users = new Set();
    let cursor = '0';
    do {
      const [next, keys] = await commands.scan(cursor, 'MATCH', userKey('*'), 'COUNT', PAGE);
      for (const key of keys) users.add(key.slice(userKey('').length));
      cursor = next;
    } while (cursor !== '0');
    return [...users];
  },
};

// One snapshot serves all dashboards that come within a second.
const snapshot = {
  at: 0,

  async make() {
    const everyone = await store.everyone(), users = [];
    for (let i = 0; i < everyone.length; i += PAGE) users.push(...await store.status(everyone.slice(i, i + PAGE)));
    const online = users.filter((user) => user.status === 'online');
    return encode([0, SNAPSHOT, 0, 0, '0', { users: online, timestamp: Date.now(), totalOnline: online.length }]);
  },

  get() {
    if (Date.now() - this.at > SNAPSHOT_LIVES_MS) {
      this.at = Date.now();
      this.bytes = this.make();
    }
    return this.bytes;
  },
};

const dashboards = new Set(), connections = new Map();

function tellDashboards(update) {
  const bytes = encode([0, UPDATE, 0, 'broadcast', '0', update]);
  for (const dashboard of dashboards) if (dashboard.readyState === dashboard.OPEN) dashboard.send(bytes);
}

function serveDashboard(socket) {
  dashboards.add(socket);
  socket.on('close', () => dashboards.delete(socket));
  snapshot.get().then((bytes) => socket.send(bytes));
}

function servePhone(socket, user, deviceId) {
  connections.set(user, (connections.get(user) || 0) + 1);
  store.online(user, deviceId);
  socket.on('message', (bytes) => {
    const message = decode(bytes);
    if (message[1] === HEARTBEAT && message[2] === user) store.refresh(user, deviceId);
  });
  socket.on('close', () => {
    const left = connections.get(user) - 1;
    if (left > 0) return connections.set(user, left);
    connections.delete(user);
    return store.offline(user);
  });
}

function claimsOf(request) {
  try {
    return jwt.verify(request.headers.token, secret, { algorithms: ['HS256'] });
  } catch {
    return null;
  }
}

async function answer(response, body) {
  let users;
  try { users = JSON.parse(body).userIds; } catch { users = null; }
  const good = Array.isArray(users) && users.length <= IDS_MAX;
  const reply = good ? { success: true, users: users.length ? await store.status(users) : [], timestamp: Date.now() }
    : { success: false, error: 'Invalid userIds' };
  const text = JSON.stringify(reply);
  response.writeHead(good ? 200 : 400, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) });
  response.end(text);
}

const server = http.createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => answer(response, Buffer.concat(parts)));
});
const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: 65536 });

server.on('upgrade', (request, socket, head) => {
  const claims = claimsOf(request);
  if (!claims) return socket.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n');
  return sockets.handleUpgrade(request, socket, head, (webSocket) => {
    webSocket.on('error', () => {});
    if (claims.role === 'mobile') servePhone(webSocket, String(claims.uid), request.headers.device_id);
    else serveDashboard(webSocket);
  });
});

subscriber.on('message', (channel, text) => {
  if (channel === UPDATES) tellDashboards(JSON.parse(text));
  else if (text.startsWith(userKey(''))) store.offline(text.slice(userKey('').length));
});

async function start() {
  await commands.config('SET', 'notify-keyspace-events', 'Ex');
  await subscriber.subscribe(UPDATES, EXPIRED);
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
    process.stdout.write(`listening address=127.0.0.1:${server.address().port}\n`);
  });
}

start();
