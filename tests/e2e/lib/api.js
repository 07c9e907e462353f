// SPDX-License-Identifier: MIT
// presence-api as a client meets it: requests whole or byte by byte, and users as they stand in Redis.
'use strict';
const http = require('node:http');
const net = require('node:net');

const JSON_TYPE = { 'Content-Type': 'application/json' };
const STATUS = '/api/presence/status';

// One request on a connection of its own (or of `agent`): { status, headers, text, json, ms }.
function call(api, target, { method = 'GET', headers = {}, body, agent = false } = {}) {
  const begun = performance.now();
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port: api.port, socketPath: api.socketPath, path: target, method, headers, agent },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (part) => { text += part; });
        response.on('end', () => {
          let json;
          try { json = JSON.parse(text); } catch { /* not every answer is JSON */ }
          resolve({ status: response.statusCode, headers: response.headers, text, json, ms: performance.now() - begun });
        });
      });
    request.on('error', reject);
    request.end(body);
  });
}

function ask(api, userIds, options = {}) {
  const body = JSON.stringify({ userIds });
  return call(api, STATUS, { method: 'POST', headers: { ...JSON_TYPE, ...options.headers }, body, agent: options.agent });
}

// Bytes as they are on a socket; resolves with all that came once the server closed, or after `ms`.
function raw(api, bytes, { ms = 3000, end = false } = {}) {
  return new Promise((resolve) => {
    const socket = net.connect(api.port, '127.0.0.1');
    let text = '';
    const done = (closed) => { clearTimeout(timer); socket.destroy(); resolve({ text, closed }); };
    const timer = setTimeout(() => done(false), ms);
    socket.on('data', (part) => { text += part; });
    socket.on('close', () => done(true));
    socket.on('error', () => {});
    socket.write(bytes);
    if (end) socket.end();
  });
}

// Users as they stand in Redis when they are online.
async function put(s, users, { groups } = {}) {
  const pipeline = s.redis.pipeline();
  for (const user of users) {
    pipeline.zadd('presence:due', Date.now() + 60000, user);
    pipeline.hset('presence:meta:' + user, 'status', 'online', 'lastSeen', 1700000000123, 'deviceId', 'device-' + user, 'role', 'mobile');
    if (groups) pipeline.hset('presence:meta:' + user, 'groups', JSON.stringify(groups));
  }
  await pipeline.exec();
}

module.exports = { JSON_TYPE, STATUS, ask, call, put, raw };
