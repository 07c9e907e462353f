#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// A dashboard: who is online now, and each change as it happens. On a terminal a list that keeps itself up to date, else a
// line for each change.
//
//   SECRET_KEY=… node web-dashboard-presence.js      mints its own token; with TOKEN=… it uses that one
//
// SERVER     ws://localhost:3000
// USER_ID    admin
// DEVICE_ID  web-dashboard-001
'use strict';
const WebSocket = require('ws');
const notepack = require('notepack.io');
const jwt = require('jsonwebtoken');

const { SECRET_KEY, TOKEN, DEVICE_ID = 'web-dashboard-001' } = process.env;
const SERVER = process.env.SERVER || 'ws://localhost:3000';
const USER_ID = process.env.USER_ID || 'admin';
const PING_MS = 30000;
const REDRAW_MS = 100;
const RETRY_MAX_MS = 30000;
const STABLE_MS = 10000;  // a connection that lived so long was a good one

if (!SECRET_KEY && !TOKEN) {
  console.error('dashboard: set SECRET_KEY, as the server has it, or TOKEN');
  process.exit(2);
}

let ws, ping, retry, redraw, unanswered = 0, attempts = 0, openedAt = 0, stopping = false;
let store = 'up';
let online = new Map();  // userId -> when it was seen to come, or undefined
const changes = [];      // the last ones, as text

function connect() {
  // 1. Connect to WebSocket with JWT
  const jwtToken = TOKEN || jwt.sign({ uid: USER_ID, role: 'web' }, SECRET_KEY, { expiresIn: '12h' });
  ws = new WebSocket(SERVER, ['presence.v1.msgpack'], {  // who offers it is told in type 35 how the server is
    headers: {
      'token': jwtToken,  // JWT with role='web' or 'dashboard'
      'device_id': DEVICE_ID
    },
    handshakeTimeout: 10000
  });

  // 2. Receive initial snapshot
  ws.on('message', (data) => {
    const decoded = notepack.decode(data);
    const messageType = decoded[1];

    if (messageType === 32) { // PRESENCE_SNAPSHOT
      const snapshot = decoded[5];
      displayOnlineUsers(snapshot.users);
    }

    if (messageType === 31) { // PRESENCE_UPDATE
      const update = decoded[5];
      updateUserStatus(update.userId, update.status);
    }

    if (messageType === 35) { // PRESENCE_HELLO, first, and when the server loses its store or has it back
      const hello = decoded[5];
      showStore(hello.store, hello.storeSince);
    }
  });

  // 3. NO heartbeat sending for web clients! A ping of the protocol only asks whether the server is still there.
  ws.on('open', () => {
    openedAt = Date.now();
    unanswered = 0;
    ping = setInterval(() => { if (unanswered++ >= 2) ws.terminate(); else ws.ping(); }, PING_MS);
  });
  ws.on('pong', () => { unanswered = 0; });

  ws.on('unexpected-response', refused);
  ws.on('error', (error) => { if (!stopping) say(error.code || error.message); });
  ws.on('close', closed);
}

function displayOnlineUsers(users) {
  online = new Map(users.filter((user) => user.status === 'online').map((user) => [user.userId, undefined]));
  say(`${online.size} online: ${[...online.keys()].join(', ') || 'nobody'}`);
}

function updateUserStatus(userId, status) {
  if (status === 'online') online.set(userId, new Date());
  else online.delete(userId);
  say(`${userId} is ${status}`);
}

// While the store is lost the list stays as it was; once it is up again, the list is whole.
function showStore(now, since) {
  if (now === 'lost' && store !== 'lost') say(`the server has lost its store since ${clock(since)}; the list is from before`);
  if (now === 'up' && store === 'lost') say('the server has its store back; the list is current');
  store = now;
}

const clock = (time) => new Date(Number(time)).toLocaleTimeString('en-GB');

function say(change) {
  const line = `${clock(Date.now())} ${change}`;
  if (!process.stdout.isTTY) {
    console.log(line);
    return;
  }
  changes.push(line);
  if (changes.length > 5) changes.shift();
  redraw ??= setTimeout(draw, REDRAW_MS);
}

function draw() {
  redraw = undefined;
  const width = process.stdout.columns || 80;
  const room = Math.max(1, (process.stdout.rows || 24) - changes.length - 5);
  const users = [...online].slice(-room).reverse();
  console.clear();
  console.log(`${online.size} ${store === 'lost' ? 'were online, when the store was lost,' : 'online'} at ${SERVER}\n`);
  for (const [user, since] of users) console.log(`  ${user}${since ? `  since ${since.toLocaleTimeString('en-GB')}` : ''}`.slice(0, width));
  if (users.length < online.size) console.log(`  and ${online.size - users.length} more`);
  console.log('');
  for (const line of changes) console.log(line.slice(0, width));
}

// An answer in place of the upgrade. Another try helps only where the server is to blame.
function refused(request, response) {
  let body = '';
  response.on('data', (bytes) => { body += bytes; });
  response.on('end', () => {
    console.error(`dashboard: refused with ${response.statusCode}: ${body.trim()}`);
    if (response.statusCode < 500 && response.statusCode !== 429) process.exit(1);
    reconnect();
  });
}

function closed(code, reason) {
  clearInterval(ping);
  if (stopping) process.exit(0);
  if (openedAt) say(`disconnected: ${code} ${reason}`);
  if (code === 4401 && TOKEN) {
    console.error('dashboard: the token has expired');
    process.exit(1);
  }
  reconnect();
}

// The list stays as it was until the next snapshot. Exponential, and spread over the whole time: a hundred dashboards don't
// come back in the same second.
function reconnect() {
  attempts = openedAt && Date.now() - openedAt > STABLE_MS ? 0 : attempts + 1;
  openedAt = 0;
  const delay = Math.random() * Math.min(RETRY_MAX_MS, 500 * 2 ** attempts);
  retry = setTimeout(connect, delay);
}

function stop() {
  stopping = true;
  clearTimeout(retry);
  if (ws.readyState === WebSocket.CLOSED) process.exit(0);
  ws.close(1000);
  setTimeout(() => process.exit(0), 2000);
}

process.on('SIGINT', stop);
process.on('SIGTERM', stop);
connect();
