// SPDX-License-Identifier: MIT
// A dashboard that arrives: how long until its first message is complete, and what that cost.
'use strict';
const net = require('node:net');
const { commandsRun, during, median } = require('./measure');
const { populate } = require('./population');
const { sleep, token } = require('./rig');

const LIMIT_MS = 30000;
const APART_MS = 1500; // the peer's shared snapshot is over by then
const FIN = 0x80, CONTROL = 0x08;

// Counts a server's frames without keeping them; done when a whole message has come.
class Frames {
  constructor() { this.head = Buffer.alloc(0); this.left = 0; this.bytes = 0; this.done = false; }

  take(chunk) {
    let at = 0;
    while (at < chunk.length && !this.done) at += this.left > 0 ? this.skip(chunk.length - at) : this.readHead(chunk, at);
  }

  skip(available) {
    const size = Math.min(available, this.left);
    this.left -= size;
    this.bytes += size;
    this.done = this.left === 0 && this.last;
    return size;
  }

  // Returns how many bytes of the chunk belonged to a frame's head.
  readHead(chunk, at) {
    const had = this.head.length;
    const head = Buffer.concat([this.head, chunk.subarray(at, at + 10 - had)]);
    const short = head[1] & 0x7f;
    const size = short === 127 ? 10 : short === 126 ? 4 : 2;
    if (head.length < 2 || head.length < size) {
      this.head = head;
      return head.length - had;
    }
    this.head = Buffer.alloc(0);
    this.left = short === 127 ? Number(head.readBigUInt64BE(2)) : short === 126 ? head.readUInt16BE(2) : short;
    this.last = (head[0] & FIN) !== 0 && (head[0] & CONTROL) === 0;
    return size - had;
  }
}

const request = (jwt) => `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n`
  + `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\ntoken: ${jwt}\r\ndevice_id: dashboard-1\r\n\r\n`;

// Resolves with the bytes of the first message.
function arrive(port) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    const frames = new Frames();
    let head = Buffer.alloc(0);
    const timer = setTimeout(() => socket.destroy(new Error('no snapshot')), LIMIT_MS);
    const finish = () => { clearTimeout(timer); socket.destroy(); resolve(frames.bytes); };
    socket.on('connect', () => socket.write(request(token('admin', 'dashboard'))));
    socket.on('error', reject);
    socket.on('data', (chunk) => {
      if (head === null) {
        frames.take(chunk);
      } else {
        head = Buffer.concat([head, chunk]);
        const end = head.indexOf('\r\n\r\n');
        if (end < 0) return;
        frames.take(head.subarray(end + 4));
        head = null;
      }
      if (frames.done) finish();
    });
  });
}

async function once(rig) {
  const before = await commandsRun(rig.redis);
  const cost = await during(rig.pids, () => arrive(rig.port));
  return { ms: cost.ms, server: cost.server, redis: cost.redis, commands: await commandsRun(rig.redis) - before, bytes: cost.value };
}

// The first dashboard may have to load what later ones share: it is not counted.
async function snapshot(rig, users, repeat) {
  await populate(rig, users);
  await rig.startServer();
  await arrive(rig.port);
  const runs = [];
  for (let i = 0; i < repeat; i++) {
    await sleep(APART_MS);
    runs.push(await once(rig));
  }
  return Object.fromEntries(Object.keys(runs[0]).map((name) => [name, median(runs.map((run) => run[name]))]));
}

module.exports = { snapshot };
