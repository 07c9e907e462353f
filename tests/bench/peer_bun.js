// SPDX-License-Identifier: MIT
// The peer on Bun: peer.js's messages, keys, channels and tokens, written for speed. Bun's own WebSocket server with its native publish
// to dashboards, Bun's own Redis client (it pipelines by itself), node:crypto for HS256; a heartbeat is read in place. Without
// peer.js's HTTP request. Settings: SECRET_KEY, REDIS_SOCKET, PRESENCE_TTL (s).
import { createHmac, timingSafeEqual } from 'node:crypto';
import { RedisClient } from 'bun';
import { Encoder, decode } from '@msgpack/msgpack';

const HEARTBEAT = 30, UPDATE = 31, SNAPSHOT = 32;
const EXPIRED = '__keyevent@0__:expired', UPDATES = 'presence:updates', DASHBOARDS = 'dashboards';
const SNAPSHOT_LIVES_MS = 1000, PAGE = 1000;
const ttl = Number(process.env.PRESENCE_TTL) || 60;
const secret = process.env.SECRET_KEY;
const commands = new RedisClient(`redis+unix://${process.env.REDIS_SOCKET}`);
const subscriber = new RedisClient(`redis+unix://${process.env.REDIS_SOCKET}`);
const encoder = new Encoder();

const userKey = (user) => `presence:user:${user}`;
const metaKey = (user) => `presence:meta:${user}`;

const store = {
  transition(user, status, more) {
    const text = JSON.stringify({ type: 'presence_update', userId: user, status, timestamp: Date.now(), ...more });
    commands.publish(`presence:${status}`, text);
    commands.publish(UPDATES, text);
  },

  online(user, deviceId) {
    commands.set(userKey(user), '1', 'EX', ttl);
    commands.hset(metaKey(user), 'status', 'online', 'lastSeen', Date.now(), 'deviceId', deviceId, 'role', 'mobile');
    this.transition(user, 'online', { deviceId });
  },

  offline(user) {
    commands.del(userKey(user));
    commands.hset(metaKey(user), 'status', 'offline', 'lastSeen', Date.now());
    this.transition(user, 'offline');
  },

  async refresh({ user, deviceId }) {
    const refreshed = commands.expire(userKey(user), ttl);
    commands.hset(metaKey(user), 'lastSeen', Date.now());
    if (await refreshed === 0) this.online(user, deviceId);
  },

  async everyone() {
    const users = new Set();
    let cursor = '0';
    do {
      const [next, keys] = await commands.send('SCAN', [cursor, 'MATCH', userKey('*'), 'COUNT', String(PAGE)]);
      for (const key of keys) users.add(key.slice(userKey('').length));
      cursor = next;
    } while (cursor !== '0');
    return [...users];
  },

  async status(userId) {
    const [lastSeen, deviceId] = await commands.hmget(metaKey(userId), ['lastSeen', 'deviceId']);
    return { userId, status: 'online', lastSeen: Number(lastSeen) || 0, deviceId };
  },
};

// One snapshot serves all dashboards that come within a second.
const snapshot = {
  at: 0,

  async make() {
    const users = await Promise.all((await store.everyone()).map((user) => store.status(user)));
    return encoder.encode([0, SNAPSHOT, 0, 0, '0', { users, timestamp: Date.now(), totalOnline: users.length }]);
  },

  get() {
    if (Date.now() - this.at > SNAPSHOT_LIVES_MS) {
      this.at = Date.now();
      this.bytes = this.make();
    }
    return this.bytes;
  },
};

const connections = new Map();

function phoneGone(user) {
  const left = connections.get(user) - 1;
  if (left > 0) return connections.set(user, left);
  connections.delete(user);
  return store.offline(user);
}

// Most beats are [0, 30, a short name, …] in the shortest form, and are known without decoding.
function beats(bytes, user) {
  if (bytes[1] === 0 && bytes[2] === HEARTBEAT && bytes[3] >> 5 === 5) return bytes.utf8Slice(4, 4 + (bytes[3] & 31)) === user;
  const message = decode(bytes);
  return message[1] === HEARTBEAT && message[2] === user;
}

const websocket = {
  maxPayloadLength: 65536,

  open(socket) {
    const { user, deviceId, phone } = socket.data;
    if (phone) {
      connections.set(user, (connections.get(user) || 0) + 1);
      store.online(user, deviceId);
    } else {
      socket.subscribe(DASHBOARDS);
      snapshot.get().then((bytes) => socket.send(bytes));
    }
  },

  message(socket, bytes) { if (socket.data.phone && beats(bytes, socket.data.user)) store.refresh(socket.data); },

  close(socket) { if (socket.data.phone) phoneGone(socket.data.user); },
};

function claimsOf(token) {
  try {
    const [head, claims, signature] = token.split('.');
    const right = createHmac('sha256', secret).update(`${head}.${claims}`).digest();
    if (!timingSafeEqual(right, Buffer.from(signature, 'base64url'))) return null;
    if (JSON.parse(Buffer.from(head, 'base64url')).alg !== 'HS256') return null;
    const all = JSON.parse(Buffer.from(claims, 'base64url'));
    return all.exp === undefined || all.exp * 1000 > Date.now() ? all : null;
  } catch {
    return null;
  }
}

function fetch(request, server) {
  const claims = claimsOf(request.headers.get('token'));
  if (!claims) return new Response(null, { status: 401 });
  const data = { user: String(claims.uid), deviceId: request.headers.get('device_id') || '', phone: claims.role === 'mobile' };
  return server.upgrade(request, { data }) ? undefined : new Response(null, { status: 426 });
}

await commands.send('CONFIG', ['SET', 'notify-keyspace-events', 'Ex']);
const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch, websocket });
await subscriber.subscribe([UPDATES, EXPIRED], (text, channel) => {
  if (channel === UPDATES) server.publish(DASHBOARDS, encoder.encode([0, UPDATE, 0, 'broadcast', '0', JSON.parse(text)]));
  else if (text.startsWith(userKey(''))) store.offline(text.slice(userKey('').length));
});
process.stdout.write(`listening address=127.0.0.1:${server.port}\n`);
