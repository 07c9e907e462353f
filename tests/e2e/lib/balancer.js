// SPDX-License-Identifier: MIT
// A load balancer in front of several daemons: TCP, among those whose /readyz says 200, which it asks again and again. Like those of
// clouds it looks at intervals only, and hands a connection that was once made to the end to the same server.
'use strict';
const http = require('node:http');
const net = require('node:net');

class Balancer {
  constructor(ports, intervalMs) {
    Object.assign(this, { ports, ready: new Set(), next: 0 });
    this.agent = new http.Agent({ keepAlive: false });
    this.server = net.createServer((client) => this.join(client));
    this.timer = setInterval(() => this.look(), intervalMs);
  }

  look() {
    return Promise.all(this.ports.map((port) => new Promise((resolve) => {
      const request = http.get({ port, host: '127.0.0.1', path: '/readyz', agent: this.agent, timeout: 1000 }, (response) => {
        response.resume();
        this.ready[response.statusCode === 200 ? 'add' : 'delete'](port);
        resolve();
      });
      request.on('timeout', () => request.destroy());
      request.on('error', () => { this.ready.delete(port); resolve(); });
    })));
  }

  join(client) {
    const among = this.ports.filter((port) => this.ready.has(port));
    client.on('error', () => {});
    if (!among.length) { client.destroy(); return; }
    const server = net.connect({ port: among[this.next++ % among.length], host: '127.0.0.1', noDelay: true });
    client.setNoDelay();
    server.on('error', () => client.resetAndDestroy());
    client.on('close', () => server.destroy());
    server.on('close', () => client.destroySoon());
    client.pipe(server);
    server.pipe(client);
  }

  close() {
    clearInterval(this.timer);
    this.server.close();
  }
}

// Listens, and has looked once: { port, close() }, so that clients connect with { server: balancer }.
async function startBalancer(servers, intervalMs) {
  const balancer = new Balancer(servers.map((server) => server.port), intervalMs);
  await new Promise((resolve) => balancer.server.listen(0, '127.0.0.1', resolve));
  balancer.port = balancer.server.address().port;
  await balancer.look();
  return balancer;
}

module.exports = { startBalancer };
