// SPDX-License-Identifier: MIT
// Phones and dashboards as the guide writes them, on clients nobody here wrote: ws, and notepack 0.0.2, notepack.io or
// @msgpack/msgpack for the encoding.
'use strict';
const WebSocket = require('ws');
const notepack = require('notepack');
const notepackIo = require('notepack.io');
const msgpack = require('@msgpack/msgpack');

const codecs = {
  notepack: { encode: (v) => notepack.encode(v), decode: (b) => notepack.decode(b) },
  'notepack.io': { encode: (v) => notepackIo.encode(v), decode: (b) => notepackIo.decode(b) },
  msgpack: { encode: (v) => msgpack.encode(v), decode: (b) => msgpack.decode(b) },
  json: { encode: (v) => JSON.stringify(v), decode: (b) => JSON.parse(String(b)) },
};

const HEARTBEAT = 30, UPDATE = 31, SNAPSHOT = 32, SUBSCRIBE = 33, BATCH = 34, HELLO = 35;

class Client {
  constructor({ url, token, user, device = 'device-1', codec = 'notepack', protocols, headers, localAddress }) {
    this.user = user;
    this.codec = codecs[codec];
    this.messages = [];
    this.hellos = []; // payloads, in order
    const offered = protocols || (codec === 'json' ? ['presence.v1.json'] : []);
    this.ws = new WebSocket(url, offered, {
      headers: headers || { token, device_id: device }, localAddress, perMessageDeflate: false, handshakeTimeout: 20000 });
    this.opened = new Promise((resolve, reject) => { this.ws.once('open', resolve); this.ws.once('error', reject); });
    this.opened.catch(() => {});
    this.closed = new Promise((resolve) => {
      this.ws.once('close', (code, reason) => { this.close_code = code; resolve({ code, reason: String(reason) }); });
    });
    this.ws.on('error', (error) => { this.error = error; });
    this.ws.on('message', (bytes, binary) => this.received(bytes, binary));
  }

  received(bytes, binary) {
    const message = this.codec.decode(bytes);
    message.at = Date.now();
    message.binary = binary;
    this.messages.push(message);
    if (message[1] === HELLO) this.hellos.push(message[5]);
    this.take(message);
  }

  // As the server last said: 'up', 'lost' or 'off'; undefined before the first HELLO.
  get store() { return this.hellos.at(-1)?.store; }

  take() {}

  send(message) { this.ws.send(this.codec.encode(message)); }

  close(code) { this.ws.close(code); return this.closed; }

  terminate() { this.ws.terminate(); }
}

class Phone extends Client {
  beat(payload = { type: 'heartbeat', timestamp: Date.now() }) { this.send([0, HEARTBEAT, this.user, 0, payload]); }

  // Beats on its own until it is silenced or closed.
  beatEvery(ms) {
    if (this.ws.readyState === WebSocket.CLOSED) return this; // its close would not be heard any more
    this.timer = setInterval(() => { if (this.ws.readyState === WebSocket.OPEN) this.beat(); }, ms);
    this.ws.once('close', () => clearInterval(this.timer));
    return this;
  }

  silence() { clearInterval(this.timer); }

  terminate() { this.silence(); super.terminate(); }
}

class Dashboard extends Client {
  constructor(options) {
    super(options);
    this.view = new Map();    // userId -> 'online' | 'offline'
    this.snapshots = [];
    this.resumed = [];        // payloads of 34 that say the view is whole
    this.updates = [];        // payloads of 31, and those inside of 34, in order
    this.faults = [];         // broken promises: a repeated state, a revision that does not grow
    this.rev = 0;
  }

  take(message) {
    const payload = message[5];
    if (message[1] === SNAPSHOT) this.snapshot(payload, message);
    if (message[1] === UPDATE) this.update(payload, message);
    if (message[1] === BATCH && payload.resumed) this.whole(payload);
    if (message[1] === BATCH) for (const update of payload.updates) this.update(update, message);
  }

  snapshot(payload, message) {
    this.snapshots.push({ ...payload, at: message.at });
    if (payload.rev < this.rev) this.faults.push(`snapshot goes back: ${payload.rev} < ${this.rev}`);
    this.rev = payload.rev;
    this.view = new Map(payload.users.map((u) => [u.userId, u.status]));
    if (payload.totalOnline !== payload.users.length) this.faults.push('totalOnline is not the number of users');
  }

  whole(payload) {
    this.resumed.push(payload);
    if (payload.rev < this.rev) this.faults.push(`whole at ${payload.rev} < ${this.rev}`);
    this.rev = payload.rev;
  }

  update(update, message) {
    this.updates.push({ ...update, at: message.at });
    if (!update.rev) return; // by hand
    const before = this.view.get(update.userId) || 'offline';
    if (before === update.status) this.faults.push(`${update.userId} ${update.status} twice (rev ${update.rev})`);
    if (update.rev < this.rev) this.faults.push(`rev goes back: ${update.rev} < ${this.rev}`);
    this.rev = Math.max(this.rev, update.rev);
    this.view.set(update.userId, update.status);
  }

  subscribe(payload) { this.send([0, SUBSCRIBE, this.user, 0, payload]); }

  get online() { return [...this.view].filter(([, status]) => status === 'online').map(([user]) => user).sort(); }

  of(user) { return this.updates.filter((u) => u.userId === user); }
}

module.exports = { Phone, Dashboard, Client, codecs, HEARTBEAT, UPDATE, SNAPSHOT, SUBSCRIBE, BATCH, HELLO };
