// SPDX-License-Identifier: MIT
// What the server says, and what it costs, when it closes and the client goes on.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const { scenario, until } = require('./lib/stack');
const { frame, TEXT, BINARY, CLOSE } = require('./lib/raw');
const { EACH, pack, connect } = require('./lib/frames');

const BROKEN = { 'an unknown opcode': frame(3), 'a fragmented ping': frame(9, '', { fin: false }), 'a long ping': frame(9, Buffer.alloc(200)),
  'a continuation of nothing': frame(0, 'x'), 'a length of 2^63': Buffer.from('82ffff00000000000000', 'hex') };

scenario('one close frame, and nothing behind it, whatever rule is broken then', { env: EACH }, async (s) => {
  for (const [name, bytes] of Object.entries(BROKEN))
    for (const together of [true, false]) {
      const raw = await connect(s, 'user1', { json: true });
      const wrong = frame(BINARY, pack([0, 30, 'user1', 0, {}]));
      raw.write(together ? Buffer.concat([wrong, bytes]) : wrong);
      const close = await raw.closing(name);
      assert.equal(close.code, 1003, name);
      if (!together) raw.write(bytes);
      await raw.gone(name);
      assert.equal(raw.bytes.length, 0, `${name}: ${raw.bytes.toString('hex')}`);
    }
});

async function turns(server) {
  return Number(/^presence_loop_turn_seconds_count (\d+)$/m.exec(await (await fetch(`${server.url}/metrics`)).text())[1]);
}

scenario('what a client had sent before it read the close frame is read without rests, up to its own close', { env: EACH }, async (s) => {
  const raw = await connect(s, 'user1', { json: true }), server = s.servers[0];
  const before = await turns(server), began = Date.now();
  raw.write(Buffer.concat([frame(BINARY, pack([0, 30, 'user1', 0, {}])), ...Array(1200).fill(frame(TEXT, `[0,99,"${'x'.repeat(60)}"]`))]));
  const close = await raw.closing('the close');
  assert.equal(close.code, 1003);
  raw.write(frame(CLOSE, close.payload));
  await raw.gone('after both close frames it');
  const took = Date.now() - began, count = await turns(server) - before;
  assert.ok(took < 4 * count, `${took} ms in ${count} turns: turns that rest are 8 ms apart`);
});

// Seconds of CPU that it has had.
function cpu(server) {
  const fields = fs.readFileSync(`/proc/${server.pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

const USERS = 60000;

// So many that their snapshot does not fit into the sockets.
async function populate(s) {
  for (let at = 0; at < USERS; at += 5000) {
    const batch = s.redis.pipeline();
    for (let i = at; i < at + 5000; i++) {
      batch.zadd('presence:due', Date.now() + 3600000, `user-with-a-long-name-${i}`);
      batch.hset(`presence:meta:user-with-a-long-name-${i}`, { status: 'online', lastSeen: Date.now(), deviceId: `device-${i}`, rev: 1 });
    }
    await batch.exec();
  }
}

scenario('a viewer that reads nothing, breaks a rule and sends on costs no CPU', { servers: 0, env: EACH }, async (s) => {
  await populate(s);
  const server = await s.startServer();
  await s.ready(server);
  for (const [name, bytes] of Object.entries(BROKEN)) {
    const raw = await connect(s, 'viewer', { role: 'web', json: true, server });
    await until(() => raw.bytes.length > 0, 'its snapshot has begun');
    raw.socket.pause();
    raw.write(bytes);
    await new Promise((resolve) => setTimeout(resolve, 200));
    raw.write(Buffer.concat(Array(100).fill(frame(TEXT, '[0,99,"x"]'))));
    const before = cpu(server), began = Date.now();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const share = (cpu(server) - before) / ((Date.now() - began) / 1000);
    assert.ok(share < 0.25, `${name}: ${Math.round(share * 100)} % of a core`);
    raw.terminate();
  }
});
