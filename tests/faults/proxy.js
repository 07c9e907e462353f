// A network that can be cut: node proxy.js LISTEN TARGET [DELAY_MS]; each is host:port or a unix socket's path.
// SIGSTOP is a cable pulled (nothing arrives, nothing is said), SIGKILL one cut (everything is reset), DELAY_MS a long one.
'use strict';
const net = require('node:net');

const place = (text) => (text.includes('/') ? { path: text } : { host: text.split(':')[0], port: Number(text.split(':')[1]) });
const [listen, target, delay] = process.argv.slice(2);
const wait = Number(delay || 0);

// Bytes leave in order, each piece `wait` ms after it came.
function pipe(from, to) {
  from.on('data', (bytes) => {
    if (!wait) {
      if (!to.write(bytes)) { from.pause(); to.once('drain', () => from.resume()); }
    } else {
      setTimeout(() => to.write(bytes), wait);
    }
  });
  from.on('end', () => setTimeout(() => to.end(), wait));
  from.on('error', () => to.destroy());
  from.on('close', () => setTimeout(() => to.destroy(), wait));
}

process.on('SIGTERM', () => process.exit(0));

net.createServer({ allowHalfOpen: true }, (client) => {
  const server = net.connect({ ...place(target), allowHalfOpen: true });
  pipe(client, server);
  pipe(server, client);
}).listen(place(listen));
