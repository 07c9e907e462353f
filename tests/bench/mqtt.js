// SPDX-License-Identifier: MIT
// Phones and dashboards of an MQTT broker: as much of MQTT 3.1.1 as they need, on node:net. A phone's status is a retained message,
// "offline" is its Last Will.
'use strict';
const net = require('node:net');

const CONNECT = 0x10, CONNACK = 0x20, PUBLISH = 0x30, SUBSCRIBE = 0x82, SUBACK = 0x90, RETAIN = 1;
const WILL_RETAIN = 0x20, WILL = 0x04, CLEAN = 0x02, LOGIN = 0xc0;
const PINGREQ = Buffer.from([0xc0, 0]), DISCONNECT = Buffer.from([0xe0, 0]);
const FILTER = 'presence/#', topicOf = (user) => `presence/${user}`;
const EMPTY = Buffer.alloc(0);

// All connections read into this one: what comes is used up before the next read.
const input = Buffer.alloc(65536);

function string(value) {
  const bytes = Buffer.from(value), size = Buffer.alloc(2);
  size.writeUInt16BE(bytes.length);
  return Buffer.concat([size, bytes]);
}

function packet(type, ...parts) {
  const body = Buffer.concat(parts), size = [];
  let left = body.length;
  for (; left > 127; left >>= 7) size.push(left & 127 | 128);
  return Buffer.concat([Buffer.from([type, ...size, left]), body]);
}

// A status as presence tells it, in about as many bytes.
const statusText = (user, status) => JSON.stringify({ userId: user, status, timestamp: Date.now(), deviceId: 'phone-1' });

// Returns what takes chunks and hands on each whole packet: its type, and where its body lies. Nothing is copied but the rest of a chunk.
function splitter(take) {
  let rest = EMPTY;
  return (chunk) => {
    const bytes = rest.length ? Buffer.concat([rest, chunk]) : chunk;
    let at = 0;
    for (;;) {
      let size = 0, body = at + 1, more = true;
      for (let shift = 0; more && body < bytes.length; shift += 7, body++) {
        size |= (bytes[body] & 127) << shift;
        more = bytes[body] > 127;
      }
      if (more || body + size > bytes.length) break;
      take(bytes[at] & 0xf0, bytes, body, body + size);
      at = body + size;
    }
    rest = at < bytes.length ? Buffer.from(bytes.subarray(at)) : EMPTY;
  };
}

// A connection of MQTT. `heard` is given each message: the bytes, and where topic and payload lie in them.
class Client {
  constructor(port, { id, login, will, keepAlive, heard }) {
    this.waiting = {}; // type of an answer -> who is given its last byte
    const take = splitter((type, bytes, from, to) => {
      if (type === PUBLISH) heard(bytes, from + 2, from + 2 + bytes.readUInt16BE(from), to);
      else this.waiting[type]?.(bytes[to - 1]);
    });
    this.socket = net.connect({ port, host: '127.0.0.1', noDelay: true,
      onread: { buffer: input, callback: (size, buffer) => { take(buffer.subarray(0, size)); return true; } } });
    this.socket.on('error', () => {});
    this.connect({ id, login, will, keepAlive });
  }

  connect({ id, login, will, keepAlive }) {
    const flags = CLEAN | (will ? WILL | WILL_RETAIN : 0) | (login ? LOGIN : 0);
    const parts = [string(id), ...(will ? [string(will.topic), string(will.payload)] : []), ...(login ? [string(login.name), string(login.password)] : [])];
    this.socket.write(packet(CONNECT, string('MQTT'), Buffer.from([4, flags, keepAlive >> 8, keepAlive & 255]), ...parts));
  }

  answered(type) {
    return new Promise((resolve, reject) => {
      this.waiting[type] = resolve;
      this.socket.once('close', () => reject(new Error('the broker closes')));
    });
  }

  // Resolves when the broker has let it in.
  async opened() {
    if (await this.answered(CONNACK) !== 0) throw new Error('the broker refuses');
    return this;
  }

  subscribe(filter) {
    this.socket.write(packet(SUBSCRIBE, Buffer.from([0, 1]), string(filter), Buffer.from([0])));
    return this.answered(SUBACK);
  }

  publish(topic, payload) { this.socket.write(packet(PUBLISH | RETAIN, string(topic), Buffer.from(payload))); }

  ping() { this.socket.write(PINGREQ); }

  // Without a word, as a phone that loses its network does when that answers.
  reset() { this.socket.resetAndDestroy(); }

  // It neither reads nor writes any more.
  freeze() { this.socket.pause(); }

  end() { this.socket.destroy(); }
}

// A phone: online from here on, whoever looks.
class Phone extends Client {
  constructor(port, user, { device = 'phone-1', login, keepAlive = 60 } = {}) {
    super(port, { id: `${user}-${device}`, login, keepAlive, will: { topic: topicOf(user), payload: statusText(user, 'offline') } });
    this.user = user;
  }

  async opened() {
    await super.opened();
    this.tell('online');
    return this;
  }

  tell(status) { this.publish(topicOf(this.user), statusText(this.user, status)); }

  close() {
    this.tell('offline');
    this.socket.end(DISCONNECT);
  }
}

const phone = (port, user, options) => new Phone(port, user, options).opened();

// A dashboard; heard as in Client.
async function subscriber(port, id, { login, heard }) {
  const client = await new Client(port, { id, login, keepAlive: 60, heard }).opened();
  await client.subscribe(FILTER);
  return client;
}

let watchers = 0;

// told(user, online) for each status it is told.
function watch(port, told, { login } = {}) {
  return subscriber(port, `watcher-${watchers++}`, { login, heard: (bytes, topic, payload, end) => {
    told(bytes.toString('latin1', topic + topicOf('').length, payload), JSON.parse(bytes.subarray(payload, end)).status === 'online');
  } });
}

module.exports = { phone, subscriber, watch };
