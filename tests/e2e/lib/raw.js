// SPDX-License-Identifier: MIT
// A client that keeps to no rule: HTTP requests and WebSocket frames byte by byte, on TCP and on unix sockets.
'use strict';
const crypto = require('node:crypto');
const net = require('node:net');
const { until } = require('./process');

const TEXT = 1, BINARY = 2, CONTINUATION = 0, CLOSE = 8, PING = 9, PONG = 10;

// The head of a request: an upgrade unless `headers` say otherwise. A value of undefined leaves a header out, an array repeats it.
function head(headers = {}, { method = 'GET', path = '/', version = 'HTTP/1.1' } = {}) {
  const all = { Host: 'example.org', Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==', ...headers };
  const lines = Object.entries(all).flatMap(([name, value]) =>
    [value].flat().filter((v) => v !== undefined).map((v) => `${name}: ${v}\r\n`));
  return `${method} ${path} ${version}\r\n${lines.join('')}\r\n`;
}

function length(bytes) {
  if (bytes < 126) return Buffer.from([bytes]);
  if (bytes < 65536) return Buffer.from([126, bytes >> 8, bytes & 255]);
  const long = Buffer.alloc(9, 127);
  long.writeBigUInt64BE(BigInt(bytes), 1);
  return long;
}

// One frame (RFC 6455, 5.2). `says`: another length in the header than the payload's.
function frame(opcode, payload = '', { fin = true, rsv = 0, masked = true, says } = {}) {
  const body = Buffer.from(payload);
  const size = length(says === undefined ? body.length : says);
  if (masked) size[0] |= 0x80;
  const mask = masked ? crypto.randomBytes(4) : Buffer.alloc(0);
  for (let i = 0; masked && i < body.length; i++) body[i] ^= mask[i % 4];
  return Buffer.concat([Buffer.from([(fin ? 0x80 : 0) | rsv << 4 | opcode]), size, mask, body]);
}

// A message in pieces of `size` bytes.
function fragments(opcode, payload, size) {
  const body = Buffer.from(payload);
  const frames = [];
  for (let at = 0; at < body.length; at += size)
    frames.push(frame(at ? CONTINUATION : opcode, body.subarray(at, at + size), { fin: at + size >= body.length }));
  return frames;
}

class Raw {
  // `target`: what net.connect takes, { port } or { path }.
  constructor(target) {
    this.bytes = Buffer.alloc(0);
    this.ended = false;
    this.socket = net.connect({ host: target.path ? undefined : '127.0.0.1', ...target });
    this.socket.setNoDelay(true);
    this.opened = new Promise((resolve, reject) => { this.socket.once('connect', resolve); this.socket.once('error', reject); });
    this.opened.catch(() => {});
    this.socket.on('data', (bytes) => { this.bytes = Buffer.concat([this.bytes, bytes]); });
    for (const event of ['end', 'close']) this.socket.on(event, () => { this.ended = true; });
    this.socket.on('error', (error) => { this.error = error; });
  }

  write(bytes) { this.socket.write(bytes); return this; }

  send(opcode, payload, options) { return this.write(frame(opcode, payload, options)); }

  terminate() { this.socket.destroy(); }

  // Half a close: we have said all.
  end() { this.socket.end(); }

  gone(what = 'the connection') { return until(() => this.ended, `${what} ends`); }

  // What `parse` makes of the bytes so far, [value, bytes used], as soon as it is something; null at the end without it.
  async next(parse, what) {
    const found = await until(() => parse(this.bytes) || (this.ended && [null, 0]), what);
    this.bytes = this.bytes.subarray(found[1]);
    return found[0];
  }

  // { status, headers, body, json }, header names in lower case. `bare`: the answer to HEAD, which has no body.
  response(bare) { return this.next((bytes) => parseResponse(bytes, bare), 'a response'); }

  // { opcode, fin, payload, code, reason }
  frame(what = '') { return this.next(parseFrame, `a frame ${what}`); }

  // The close frame, whatever comes before it; null when TCP ends without.
  async closing(what) {
    for (;;) {
      const got = await this.frame(what);
      if (!got || got.opcode === CLOSE) return got;
    }
  }

  // The payload of the next data frame, fragments joined; null at the end.
  async message() {
    const parts = [];
    for (;;) {
      const got = await this.frame();
      if (!got || got.opcode === CLOSE) return null;
      if (got.opcode > BINARY) continue;
      parts.push(got.payload);
      if (got.fin) return Buffer.concat(parts);
    }
  }
}

function parseResponse(bytes, bare) {
  const gap = bytes.indexOf('\r\n\r\n');
  if (gap < 0) return null;
  const [first, ...lines] = bytes.subarray(0, gap).toString('latin1').split('\r\n');
  const headers = Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(),
    line.slice(line.indexOf(':') + 1).trim()]));
  const size = bare ? 0 : Number(headers['content-length'] || 0);
  if (bytes.length < gap + 4 + size) return null;
  const body = bytes.subarray(gap + 4, gap + 4 + size).toString();
  const json = headers['content-type'] === 'application/json' && body ? JSON.parse(body) : undefined;
  return [{ status: Number(first.split(' ')[1]), first, headers, body, json }, gap + 4 + size];
}

function parseFrame(bytes) {
  if (bytes.length < 2) return null;
  let size = bytes[1] & 0x7f, at = 2;
  if (size === 126 && bytes.length >= 4) [size, at] = [bytes.readUInt16BE(2), 4];
  else if (size === 127 && bytes.length >= 10) [size, at] = [Number(bytes.readBigUInt64BE(2)), 10];
  else if (size > 125) return null;
  if (bytes.length < at + size) return null;
  const payload = bytes.subarray(at, at + size), opcode = bytes[0] & 15;
  const code = opcode === CLOSE && size > 1 ? payload.readUInt16BE(0) : undefined;
  return [{ opcode, fin: bytes[0] > 127, masked: bytes[1] > 127, payload, code,
    reason: code && payload.subarray(2).toString() }, at + size];
}

// One request on a connection of its own, with the bytes as they are: the answer, after the server has closed. null: no answer.
async function ask(target, bytes) {
  const raw = new Raw(target);
  await raw.opened;
  raw.write(bytes);
  const response = await raw.response(/^HEAD /.test(bytes));
  if (response && response.status !== 101) {
    await raw.gone(`after ${response.first} it`);
    response.rest = raw.bytes;
  }
  raw.terminate();
  return response;
}

// A WebSocket: a Raw behind its 101, which stands in `.upgraded`. Rejects when it was refused.
async function upgrade(target, headers, options) {
  const raw = new Raw(target);
  await raw.opened;
  raw.write(head(headers, options));
  raw.upgraded = await raw.response();
  if (!raw.upgraded || raw.upgraded.status !== 101) {
    raw.terminate();
    throw new Error(`refused: ${raw.upgraded && raw.upgraded.first} ${raw.upgraded && raw.upgraded.body}`);
  }
  return raw;
}

module.exports = { Raw, ask, upgrade, head, frame, fragments, TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG };
