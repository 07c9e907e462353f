// SPDX-License-Identifier: MIT
// The phone SDK's whole conversation: it stays connected and online, whatever it says beside presence.
'use strict';
const assert = require('node:assert');
const { scenario, until } = require('./lib/stack');
const { metric } = require('./lib/server');
const { skipped, heard } = require('./lib/frames');
const { Sdk, pack, TYPE, GROUP, PRIVATE } = require('./lib/sdk');

const TTL_MS = 2000;
const FAST = { PRESENCE_TTL: `${TTL_MS}ms`, PRESENCE_HEARTBEAT_MIN: '0' };
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const hex = (message) => pack(message).toString('hex');

async function sdk(s, user, options) {
  const phone = new Sdk({ url: s.servers[0].url.replace('http', 'ws'), token: s.token(user, 'mobile'), user, ping: TTL_MS / 4, ...options });
  s.clients.push(phone);
  await phone.opened;
  return phone;
}

// All of its messages, as long as two and a half TTLs.
async function converse(phone, each = () => {}) {
  for (let turn = 0; turn < 10; turn++) {
    phone.subscribe('group1');
    phone.talk(GROUP, 'group1', [0, 31, 32, 255, 256, 2000]);
    phone.talk(PRIVATE, 'user2', [20, 20, 20]);
    phone.text(GROUP, 'group1', 'Where are you?');
    phone.text(PRIVATE, 'user2', 'x'.repeat(5000));
    phone.acknowledge(GROUP, 'group1', `id-${turn}`);
    phone.status(turn % 3);
    each();
    await sleep(TTL_MS / 4);
  }
}

async function stayed(s, phone, dashboard, before) {
  const server = s.servers[0];
  await until(async () => await skipped(server) === before + phone.sent, 'all of it is skipped and counted');
  assert.equal(phone.closed, undefined);
  assert.ok(phone.pongs > 0);
  for (const reason of ['rule', 'rate', 'no_pong']) assert.equal(await metric(server, `presence_closed_total{reason="${reason}"}`), 0);
  assert.deepEqual(dashboard.of(phone.user).map((u) => u.status), ['online'], 'online once, and never offline');
  assert.ok((await s.online()).includes(phone.user));
  phone.terminate();
  await until(() => dashboard.of(phone.user).length === 2, 'offline when it goes');
  assert.equal(dashboard.of(phone.user)[1].reason, 'disconnected');
  assert.deepEqual(dashboard.faults, []);
}

scenario('its messages, byte for byte', { servers: 0 }, async () => {
  assert.equal(hex([GROUP, TYPE.CONNECTION, 'user1']), '930004a57573657231');
  assert.equal(hex([PRIVATE, TYPE.STOP, 'user1', '0']), '940102a57573657231a130');
  assert.equal(hex([PRIVATE, TYPE.START, 'user1', '00000', 1702281234567]), '950101a57573657231a53030303030cf0000018c57de4887');
  assert.equal(hex([GROUP, TYPE.TEXT, 'user1', 'g', 'x'.repeat(32)]), `950011a57573657231a167da0020${'78'.repeat(32)}`, 'no str8');
  assert.equal(hex([GROUP, TYPE.AUDIO, 'user1', 'g', Buffer.alloc(3, 0xc1)]), '950003a57573657231a167a3c1c1c1');
  assert.equal(pack([GROUP, TYPE.AUDIO, 'u', 'g', Buffer.alloc(3, 0xc1)], true).toString('hex'), '950003a175a167c403c1c1c1');
});

scenario('as it is: kept online by its pongs', { expiryds: 1, env: { ...FAST, PRESENCE_REFRESH_ON_PONG: 'true' } }, async (s) => {
  const dashboard = await s.dashboard();
  const before = await skipped(s.servers[0]);
  const phone = await sdk(s, 'user1');
  await converse(phone);
  assert.equal(await heard(s.servers[0]), 0);
  await stayed(s, phone, dashboard, before);
});

scenario('with the heartbeat that the guide adds: kept online by it', { expiryds: 1, env: FAST }, async (s) => {
  const dashboard = await s.dashboard();
  const before = await skipped(s.servers[0]);
  const phone = await sdk(s, 'user1');
  await converse(phone, () => phone.beat());
  assert.equal(await heard(s.servers[0]), 10);
  await stayed(s, phone, dashboard, before);
});
