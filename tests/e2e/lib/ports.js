// SPDX-License-Identifier: MIT
// TCP ports of 127.0.0.1 for programs that can't be told to take any. What is free now may be taken when the program starts.
'use strict';
const net = require('node:net');

// The port, or undefined where it is taken; 0: one of the kernel's choice.
function tryPort(port) {
  return new Promise((resolve) => {
    const server = net.createServer().on('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => { const { port: taken } = server.address(); server.close(() => resolve(taken)); });
  });
}

async function freePort() {
  const port = await tryPort(0);
  if (!port) throw new Error('no free port');
  return port;
}

// One for a program that ends and comes back meanwhile: the kernel gives it to nobody, or who connects while the program is away could be
// given this port, and meet itself there. Those of presence-sim begin at 20000.
let last = 10000 + Math.floor(Math.random() * 9000);
async function lastingPort() {
  for (;;) {
    const port = last = last < 19999 ? last + 1 : 10000; // of this call: others may take the next while it is tried
    if (await tryPort(port)) return port;
  }
}

module.exports = { freePort, lastingPort };
