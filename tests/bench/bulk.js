// POST /api/presence/status for 100 ids over several connections, each asking again when it has its answer.
'use strict';
const net = require('node:net');
const { during, median, quantile } = require('./measure');
const { populate, userName } = require('./population');

const CONNECTIONS = 8, IDS = 100, USERS = 10000;
const WARM_MS = 500;

function request() {
  const ids = Array.from({ length: IDS }, () => userName(Math.floor(Math.random() * USERS)));
  const body = JSON.stringify({ userIds: ids });
  return `POST /api/presence/status HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n`
    + `Content-Length: ${body.length}\r\n\r\n${body}`;
}

// The length of the first answer in the bytes; 0: not all of it is there.
function answerLength(bytes) {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return 0;
  const head = bytes.toString('latin1', 0, end);
  if (!head.startsWith('HTTP/1.1 200')) throw new Error(`presence status: ${head.split('\r\n')[0]}`);
  const size = end + 4 + Number(/^content-length: *(\d+)/mi.exec(head)[1]);
  return bytes.length >= size ? size : 0;
}

// Asks until `until` (ms since 1970); resolves with the times in ms.
function ask(port, requests, until) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    const times = [];
    let began, bytes = Buffer.alloc(0), n = 0;
    const next = () => { began = process.hrtime.bigint(); socket.write(requests[n++ % requests.length]); };
    socket.on('connect', next);
    socket.on('error', reject);
    socket.on('close', () => resolve(times));
    socket.on('data', (chunk) => {
      bytes = bytes.length ? Buffer.concat([bytes, chunk]) : chunk;
      let size;
      try { size = answerLength(bytes); } catch (error) { socket.destroy(error); return; }
      if (!size) return;
      bytes = bytes.subarray(size);
      times.push(Number(process.hrtime.bigint() - began) / 1e6);
      if (Date.now() >= until) socket.destroy();
      else next();
    });
  });
}

async function askAll(port, requests, ms) {
  const until = Date.now() + ms;
  return (await Promise.all(Array.from({ length: CONNECTIONS }, () => ask(port, requests, until)))).flat();
}

async function bulk(rig, ms, repeat) {
  await populate(rig, USERS);
  await rig.startApi();
  const requests = Array.from({ length: 64 }, request);
  await askAll(rig.httpPort, requests, WARM_MS);
  const runs = [];
  for (let i = 0; i < repeat; i++) {
    const cost = await during(rig.pids, () => askAll(rig.httpPort, requests, ms));
    const count = cost.value.length;
    runs.push({ server: cost.server / count, redis: cost.redis / count, rate: count / cost.ms * 1000, p99: quantile(cost.value, 0.99) });
  }
  return Object.fromEntries(Object.keys(runs[0]).map((name) => [name, median(runs.map((run) => run[name]))]));
}

module.exports = { bulk };
