// SPDX-License-Identifier: MIT
// Writes messages.inc: what the real JavaScript encoders make of the messages of both sides.
//
//   cd "$(mktemp -d)" && npm install notepack@0.0.2 notepack.io @msgpack/msgpack
//   node …/tests/unit/support/golden/generate.js > …/tests/unit/support/golden/messages.inc
'use strict';
const load = (name) => require(require.resolve(name, { paths: [process.cwd()] }));
const notepack = load('notepack');
const notepackIo = load('notepack.io');
const msgpack = load('@msgpack/msgpack');

const writers = {
  'notepack 0.0.2': (v) => notepack.encode(v),
  'notepack.io': (v) => Buffer.from(notepackIo.encode(v)),
  '@msgpack/msgpack': (v) => Buffer.from(msgpack.encode(v)),
  'JSON.stringify': (v) => Buffer.from(JSON.stringify(v)),
};

const T = 1702281234567;
const REV = 1702281234567890; // above 2^32, so that all of them write it as uint64
const MANY = 5000000000;
const update = {
  type: 'presence_update', userId: 'user123', status: 'online', timestamp: T, lastSeen: T - 5,
  deviceId: 'device-abc-123', rev: REV, reason: 'connected',
};
const gone = {
  type: 'presence_update', userId: '"Ünal"', status: 'offline', timestamp: T, lastSeen: T - 60000,
  deviceId: null, rev: REV + 1, reason: null,
};
const user = (i) => ({
  userId: 'user' + i, status: i % 2 ? 'offline' : 'online', lastSeen: T + i, deviceId: i % 3 ? 'device-' + i : null,
});

const messages = {
  heartbeat: [0, 30, 'user123', 0, { type: 'heartbeat', timestamp: T }],
  heartbeat_number: [0, 30, 42, 0, { type: 'heartbeat', timestamp: T }],
  heartbeat_six: [0, 30, 'user123', 0, 'message-1', { timestamp: T }],
  heartbeat_nil: [0, 30, 'user123', 0, null],
  heartbeat_undefined: [0, 30, 'user123', undefined, undefined],
  heartbeat_metadata: [0, 30, 'user123', 0, {
    timestamp: T + 0.5,
    metadata: { battery: 0.87, networkType: 'wifi', charging: true, cells: [1, -2, 70000, MANY], sim: null },
  }],
  subscribe: [0, 33, 'admin', 0, {
    groups: ['a', 7], users: ['user123', 'Ünal'], batch: true, since: { epoch: 'e1', rev: REV },
  }],
  subscribe_nobody: [0, 33, 0, 0, 'message-2', { users: [], groups: null }],
  talk: [1, 2, 'user123', 'group9', 'x'.repeat(300)],
  server_update: [0, 31, 0, 'broadcast', String(REV), update],
  server_batch: [0, 34, 0, 'broadcast', String(REV + 1), { updates: [update, gone], rev: REV + 1 }],
  server_snapshot: [0, 32, 0, 'admin', String(REV), {
    timestamp: T, rev: REV, epoch: 'e1', users: Array.from({ length: 20 }, (_, i) => user(i)), totalOnline: MANY,
  }],
  server_resumed: [0, 34, 0, 'broadcast', String(REV), { updates: [], rev: REV, resumed: true }],
  server_snapshot_refused: [0, 32, 0, 'admin', String(REV), {
    resumed: false, reason: 'too_old', timestamp: T, rev: REV, epoch: 'e1',
    users: Array.from({ length: 20 }, (_, i) => user(i)), totalOnline: MANY,
  }],
  server_hello: [0, 35, 0, 'broadcast', '0', {
    heartbeatInterval: MANY, ttl: MANY + 1, serverTime: T, node: 'ws-1', store: 'lost', storeSince: T - 1,
  }],
};

function literal(bytes) {
  const lines = [];
  for (let i = 0; i < bytes.length; i += 24) {
    const hex = [...bytes.subarray(i, i + 24)].map((b) => '\\x' + b.toString(16).padStart(2, '0'));
    lines.push('     "' + hex.join('') + '"');
  }
  return lines.join('\n');
}

const rows = [];
for (const [what, message] of Object.entries(messages)) {
  for (const [writer, encode] of Object.entries(writers)) {
    const bytes = encode(message);
    rows.push(`    {"${what}", "${writer}", ${bytes.length},\n${literal(bytes)}},`);
  }
}
console.log('/* Made by generate.js; not to be edited. */');
console.log('static const struct golden golden_messages[] = {');
console.log(rows.join('\n'));
console.log('};');
