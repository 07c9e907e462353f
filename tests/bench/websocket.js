// SPDX-License-Identifier: MIT
// Phones and dashboards of presence and of its peers that speak the same, one by one: for what presence-sim does not do.
'use strict';
const net = require('node:net');
const WebSocket = require('ws');
const { decode } = require('@msgpack/msgpack');
const { token } = require('./rig');

const UPDATE = 31, SNAPSHOT = 32;

// Resolves with a WebSocket and its TCP connection.
function open(port, user, role, device, heard = () => {}) {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  const web = new WebSocket(`ws://127.0.0.1:${port}`, { headers: { token: token(user, role), device_id: device },
    perMessageDeflate: false, createConnection: () => socket });
  return new Promise((resolve, reject) => {
    web.once('open', () => resolve({ web, socket }));
    web.on('error', reject);
    web.on('message', heard);
  });
}

async function phone(port, user, { device = 'phone-1' } = {}) {
  const { web, socket } = await open(port, user, 'mobile', device);
  return {
    user,
    reset: () => socket.resetAndDestroy(), // without a word, as a phone that loses its network does when that answers
    freeze: () => socket.pause(),          // it neither reads nor writes any more
    close: () => web.close(),
    end: () => socket.destroy(),
  };
}

// told(user, online) for each user of a snapshot and each change; resolves when the snapshot is there.
async function watch(port, told) {
  let whole;
  const snapshot = new Promise((resolve) => { whole = resolve; });
  const { socket } = await open(port, 'admin', 'dashboard', 'dashboard-1', (bytes) => {
    const [, type, , , , payload] = decode(bytes);
    const states = type === SNAPSHOT ? payload.users : type === UPDATE ? [payload] : [];
    for (const { userId, status } of states) told(userId, status === 'online');
    if (type === SNAPSHOT) whole();
  });
  await snapshot;
  return { end: () => socket.destroy() };
}

module.exports = { phone, watch };
