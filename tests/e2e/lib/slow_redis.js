// SPDX-License-Identifier: MIT
// A way to Redis on which answers can be held back, from the command on that has a text in it: { url, hold(text), release(), close() }.
'use strict';
const net = require('node:net');
const path = require('node:path');

async function startSlowRedis(s) {
  const socket = path.join(s.dir, 'slow.sock');
  const links = new Set();
  let text = null;
  const server = net.createServer((client) => {
    const redis = net.connect({ path: s.socket });
    const link = { client, waiting: [], held: false };
    links.add(link);
    client.on('data', (bytes) => {
      link.held ||= text !== null && bytes.includes(text);
      redis.write(bytes);
    });
    redis.on('data', (bytes) => (link.held ? link.waiting.push(bytes) : client.write(bytes)));
    for (const [one, other] of [[client, redis], [redis, client]]) {
      one.on('error', () => {});
      one.on('close', () => { links.delete(link); other.destroy(); });
    }
  });
  await new Promise((resolve) => server.listen(socket, resolve));
  return {
    url: `unix://${socket}`,
    hold(of) { text = of; },
    release() {
      text = null;
      for (const link of links) {
        link.held = false;
        for (const bytes of link.waiting.splice(0)) link.client.write(bytes);
      }
    },
    close() {
      server.close();
      for (const link of links) link.client.destroy();
    },
  };
}

module.exports = { startSlowRedis };
