// SPDX-License-Identifier: MIT
// Phones between the gate and their WebSocket: what becomes of them while Redis has not answered yet.
'use strict';
const assert = require('node:assert');
const { scenario, until } = require('./lib/stack');
const { Raw, head, PING, PONG } = require('./lib/raw');
const { metric } = require('./lib/server');
const { DEBUG } = require('./lib/gate');
const { wentOffline } = require('./lib/frames');
const { startSlowRedis } = require('./lib/slow_redis');

const online = (s, user) => until(async () => (await s.online()).includes(user), `${user} is online`);

// A server whose answers from Redis can be held back. Its scripts are loaded already: by the first phone.
async function slowly(s, t) {
  const slow = await startSlowRedis(s);
  t.after(() => slow.close());
  const server = await s.startServer({ REDIS_URL: slow.url });
  await s.ready(server);
  await (await s.phone('first', { server })).close();
  return { slow, server };
}

// A phone that has asked, and whose session stands in Redis, which does not say so.
async function arrive(s, { slow, server }, user) {
  const raw = new Raw(server);
  s.clients.push(raw);
  await raw.opened;
  slow.hold(user);
  raw.write(head({ token: s.token(user, 'mobile'), device_id: 'new' }));
  await online(s, user);
  return raw;
}

scenario('a kick in the moment of an arrival closes what arrives', { servers: 0, env: DEBUG }, async (s, t) => {
  const slowed = await slowly(s, t), { server, slow } = slowed;
  for (const [user, device] of [['kicked-1', undefined], ['kicked-2', 'new']]) {
    const raw = await arrive(s, slowed, user);
    await s.redis.publish('presence:control', JSON.stringify({ cmd: 'kick', userId: user, deviceId: device }));
    assert.equal((await raw.response()).status, 101);
    assert.equal((await raw.closing(user)).code, 4403);
    slow.release();
    await wentOffline(s, user, 'kicked');
  }
  const old = await s.phone('kicked-3', { device: 'old' });
  const raw = await arrive(s, slowed, 'kicked-3');
  await s.redis.publish('presence:control', JSON.stringify({ cmd: 'kick', userId: 'kicked-3', deviceId: 'old' }));
  await old.closed;
  slow.release();
  assert.equal((await raw.response()).status, 101);
  raw.send(PING, 'there?');
  assert.equal((await raw.frame()).opcode, PONG);
  assert.equal(await metric(server, 'presence_closed_total{reason="kicked"}'), 3);
});

scenario('who has gone before it was let in is no connection', { servers: 0, env: DEBUG }, async (s, t) => {
  const slowed = await slowly(s, t), { server, slow } = slowed;
  const ways = [(raw) => raw.end(), (raw) => raw.socket.resetAndDestroy()];
  for (const [i, leave] of ways.entries()) {
    let unmade = false;
    for (let n = 0; n < 10 && !unmade; n++) { // one that is slower than the server waits is let in
      const user = `leaves-${i}-${n}`;
      leave(await arrive(s, slowed, user));
      await new Promise((resolve) => setTimeout(resolve, 20));
      slow.release();
      await wentOffline(s, user, 'disconnected');
      unmade = !server.output.includes(`client_connected user=${user}`);
    }
    assert.ok(unmade, 'each was made a connection');
  }
  assert.equal(await metric(server, 'presence_connections{role="mobile"}'), 0);
  const stays = await arrive(s, slowed, 'leaves-not');
  slow.release();
  assert.equal((await stays.response()).status, 101);
});
