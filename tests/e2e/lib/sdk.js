// SPDX-License-Identifier: MIT
// The phone SDK of the router's ecosystem: what it sends, byte for byte as msgpack-java 0.6 writes it. That library knows neither bin nor
// str8: texts and bytes are raw (0xa0, 0xda, 0xdb). Newer builds write bytes as bin.
'use strict';
const WebSocket = require('ws');

const TYPE = { START: 1, STOP: 2, AUDIO: 3, CONNECTION: 4, STATUS: 5, ADD_USER: 15, TEXT: 17, DELIVERED: 20, READ: 21, HEARTBEAT: 30 };
const GROUP = 0, PRIVATE = 1;

function sized(tag, width, value) {
  const bytes = Buffer.alloc(1 + width, tag);
  if (width === 8) bytes.writeBigUInt64BE(BigInt(value), 1);
  else bytes.writeUIntBE(value, 1, width);
  return bytes;
}

// A number that is not negative, as short as it goes.
function packNumber(n) {
  if (n < 0x80) return Buffer.from([n]);
  if (n < 0x100) return sized(0xcc, 1, n);
  if (n < 0x10000) return sized(0xcd, 2, n);
  return n < 0x100000000 ? sized(0xce, 4, n) : sized(0xcf, 8, n);
}

function packRaw(bytes) {
  const head = bytes.length < 32 ? Buffer.from([0xa0 | bytes.length])
    : bytes.length < 0x10000 ? sized(0xda, 2, bytes.length) : sized(0xdb, 4, bytes.length);
  return Buffer.concat([head, bytes]);
}

function packBin(bytes) {
  const head = bytes.length < 0x100 ? sized(0xc4, 1, bytes.length)
    : bytes.length < 0x10000 ? sized(0xc5, 2, bytes.length) : sized(0xc6, 4, bytes.length);
  return Buffer.concat([head, bytes]);
}

function pack(value, bin = false) {
  if (Buffer.isBuffer(value)) return bin ? packBin(value) : packRaw(value);
  if (typeof value === 'string') return packRaw(Buffer.from(value));
  if (typeof value === 'number') return packNumber(value);
  if (Array.isArray(value)) return Buffer.concat([Buffer.from([0x90 | value.length]), ...value.map((v) => pack(v, bin))]);
  return Buffer.concat([Buffer.from([0x80 | Object.keys(value).length]), ...Object.entries(value).flat().map((v) => pack(v, bin))]);
}

class Sdk {
  // `ping`: ms between the pings that its HTTP library sends by itself (30 s in the field).
  constructor({ url, token, user, device = 'sdk-1', ping = 30000 }) {
    this.user = user;
    this.sent = 0;
    this.pongs = 0;
    this.ws = new WebSocket(url, { headers: { VoicePingToken: token, DeviceId: device }, perMessageDeflate: false });
    this.opened = new Promise((resolve, reject) => { this.ws.once('open', resolve); this.ws.once('error', reject); });
    this.ws.once('open', () => {
      this.send([GROUP, TYPE.CONNECTION, user]);
      this.send([PRIVATE, TYPE.START, user, '00000', Date.now()]);
      this.timer = setInterval(() => this.ws.ping(), ping);
    });
    this.ws.on('pong', () => { this.pongs++; });
    this.ws.on('close', (code, reason) => { clearInterval(this.timer); this.closed = `${code} ${reason}`; });
    this.ws.on('error', () => {});
  }

  send(message, bin) {
    this.ws.send(pack(message, bin));
    this.sent++;
  }

  // Frames of audio of these sizes, as raw and as bin, between a start and the short stop.
  talk(channel, to, sizes) {
    this.send([channel, TYPE.START, this.user, to, Date.now()]);
    for (const size of sizes)
      for (const bin of [false, true]) this.send([channel, TYPE.AUDIO, this.user, to, Buffer.alloc(size, 0xc1)], bin);
    this.send([channel, TYPE.STOP, this.user, to]);
  }

  subscribe(group) { this.send([GROUP, TYPE.ADD_USER, this.user, group]); }

  text(channel, to, text) { this.send([channel, TYPE.TEXT, this.user, to, text]); }

  acknowledge(channel, to, id) { for (const type of [TYPE.DELIVERED, TYPE.READ]) this.send([channel, type, this.user, to, id]); }

  status(status) { this.send([GROUP, TYPE.STATUS, this.user, 0, status]); }

  // What the guide adds to it.
  beat() {
    this.ws.send(pack([GROUP, TYPE.HEARTBEAT, this.user, 0, { type: 'heartbeat', timestamp: Date.now() }]));
  }

  terminate() { this.ws.terminate(); }
}

module.exports = { Sdk, pack, TYPE, GROUP, PRIVATE };
