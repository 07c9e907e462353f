// SPDX-License-Identifier: MIT
// A network that can be cut: node proxy.js LISTEN TARGET [DELAY_MS [BYTES_PER_SECOND]]; each place is host:port or unix:PATH.
// SIGSTOP is a cable pulled (nothing arrives, nothing is said), SIGKILL one cut (everything is reset), DELAY_MS a long one. SIGHUP makes it
// a narrow one, or a wide one again: what goes to the target, over all connections together, is no more than so many bytes a second.
'use strict';
const net = require('node:net');

const PIECE = 2048; // bytes that a narrow network carries at once, so that connections take turns

function place(text) {
  const [host, rest] = text.split(':');
  return host === 'unix' ? { path: rest } : { host, port: Number(rest) };
}

const [listen, target, delay, rate] = process.argv.slice(2);
const wait = Number(delay || 0);
let narrow = false, free = 0;

process.on('SIGHUP', () => { narrow = !narrow; });

// Calls back when the network has carried so many bytes more.
function carry(bytes, done) {
  free = Math.max(free, Date.now()) + (bytes * 1000) / Number(rate);
  setTimeout(done, free - Date.now());
}

// One piece after the other; the sender is kept waiting meanwhile.
function squeeze(from, to, bytes) {
  from.pause();
  const piece = bytes.subarray(0, PIECE);
  carry(piece.length, () => {
    to.write(piece);
    if (piece.length < bytes.length) squeeze(from, to, bytes.subarray(PIECE));
    else from.resume();
  });
}

// Bytes leave in order, each piece `wait` ms after it came.
function pipe(from, to, isUp) {
  from.on('data', (bytes) => {
    if (narrow && isUp) {
      squeeze(from, to, bytes);
    } else if (!wait) {
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

net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
  const server = net.connect({ ...place(target), allowHalfOpen: true, noDelay: true });
  pipe(client, server, true);
  pipe(server, client, false);
}).listen(place(listen));
