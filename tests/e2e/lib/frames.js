// SPDX-License-Identifier: MIT
// What the tests of frames share: connections of raw frames, and how to ask after them.
'use strict';
const assert = require('node:assert');
const { until } = require('./process');
const { upgrade, CLOSE, PING, PONG } = require('./raw');
const { metric } = require('./server');
const { codecs } = require('./clients');

const EACH = { LOG_LEVEL: 'debug', PRESENCE_HEARTBEAT_MIN: '0' };
const PTT = 1; // any type that is not presence's
const pack = (value) => codecs.notepack.encode(value);
const hex = (text) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const skipped = (server) => metric(server, 'presence_messages_skipped_total');
const heard = (server) => metric(server, 'presence_heartbeat_received_total');
const refusedBeats = (server) => metric(server, 'presence_heartbeat_refused_total');

// A WebSocket of frames; options: role, claims, json, server, device, headers.
async function connect(s, user, { role = 'mobile', claims, json, server = s.servers[0], headers } = {}) {
  const raw = await upgrade(server, { token: s.token(user, role, claims), device_id: 'raw-1',
    'Sec-WebSocket-Protocol': json ? 'presence.v1.json' : undefined, ...headers });
  s.clients.push(raw);
  return raw;
}

// It is still there, and hears: the pong comes behind all that was answered before.
async function alive(raw, what) {
  raw.send(PING, 'there?');
  for (;;) {
    const got = await raw.frame();
    assert.ok(got && got.opcode !== CLOSE, `${what}: closed ${got && got.code} ${got && got.reason}`);
    if (got.opcode === PONG && String(got.payload) === 'there?') return;
  }
}

const wentOffline = (s, user, reason) => until(async () => {
  const meta = await s.redis.hgetall(`presence:meta:${user}`);
  return meta.status === 'offline' && meta.reason === reason;
}, `${user} is offline, ${reason}`);

// A whole heartbeat of user1 around the bytes of a payload.
const beatOf = (payload) => Buffer.concat([hex('95 00 1e a5'), Buffer.from('user1'), hex('00'), payload]);

module.exports = { EACH, PTT, pack, hex, skipped, heard, refusedBeats, connect, alive, wentOffline, beatOf };
