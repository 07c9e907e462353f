#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// A phone: online while it runs, a heartbeat every 30 seconds, back by itself when the connection breaks.
//
//   SECRET_KEY=… node mobile-client-presence.js      mints its own token; with TOKEN=… it uses that one
//
// SERVER        ws://localhost:3000
// API           http://localhost:3001; with SERVER given, the same place (behind nginx both are on one port)
// USER_ID       user123 (with TOKEN: the token's user)
// DEVICE_ID     device-123
// HEARTBEAT_MS  30000
// GROUP         user456,user789: whose presence is asked for at each connect
'use strict';
const WebSocket = require('ws');
const notepack = require('notepack.io');
const jwt = require('jsonwebtoken');

const { SECRET_KEY, TOKEN, DEVICE_ID = 'device-123' } = process.env;
const SERVER = process.env.SERVER || 'ws://localhost:3000';
const API = process.env.API || (process.env.SERVER ? SERVER.replace(/^ws/, 'http') : 'http://localhost:3001');
const HEARTBEAT_MS = Number(process.env.HEARTBEAT_MS || 30000);
const GROUP = (process.env.GROUP || 'user456,user789').split(',');
const RETRY_MAX_MS = 30000;
const STABLE_MS = 10000;  // a connection that lived so long was a good one

if (!SECRET_KEY && !TOKEN) {
  console.error('mobile: set SECRET_KEY, as the server has it, or TOKEN');
  process.exit(2);
}
if (!(HEARTBEAT_MS > 0)) {
  console.error(`mobile: HEARTBEAT_MS=${process.env.HEARTBEAT_MS}: must be milliseconds`);
  process.exit(2);
}

// The server takes heartbeats of the token's own user only. With PRESENCE_AUTH=none the token is the user.
function userOf(token) {
  const claims = jwt.decode(token) || { uid: token };
  return claims.uid ?? claims.user_id ?? claims.userId ?? claims.sub ?? claims.id;
}

const userId = TOKEN ? userOf(TOKEN) : process.env.USER_ID || 'user123';

let store = 'up';
let ws, heartbeat, retry, unanswered = 0, attempts = 0, openedAt = 0, stopping = false;

// A fresh one for each connection: the server closes a connection whose token expires.
function token() {
  return TOKEN || jwt.sign({ uid: userId, role: 'mobile' }, SECRET_KEY, { expiresIn: '12h' });
}

function connect() {
  // 1. Connect to WebSocket with JWT
  const jwtToken = token();
  ws = new WebSocket(SERVER, ['presence.v1.msgpack'], {  // who offers it is told in type 35 how the server is
    headers: {
      'token': jwtToken,  // JWT with role='mobile'
      'device_id': DEVICE_ID
    },
    handshakeTimeout: 10000
  });

  // 2. Start heartbeat on connect
  ws.on('open', () => {
    console.log(`connected to ${SERVER} as ${userId}`);
    openedAt = Date.now();
    startHeartbeat(); // Send every 30 seconds
    showGroup();
  });

  ws.on('message', (data) => {
    const decoded = notepack.decode(data);
    if (decoded[1] === 35) showStore(decoded[5].store); // PRESENCE_HELLO
  });
  ws.on('pong', () => { unanswered = 0; });
  ws.on('unexpected-response', refused);
  ws.on('error', (error) => { if (!stopping) console.error(`mobile: ${error.code || error.message}`); });
  ws.on('close', closed);
}

// Heartbeats go on: the server writes them when its store is back.
function showStore(now) {
  if (now === 'lost' && store !== 'lost') console.log('the server has lost its store; others see this phone as before');
  if (now === 'up' && store === 'lost') console.log('the server has its store back');
  store = now;
}

function startHeartbeat() {
  unanswered = 0;
  heartbeat = setInterval(sendHeartbeat, HEARTBEAT_MS);
}

// 3. Send heartbeat message
function sendHeartbeat() {
  // Nothing came back for two heartbeats: the network is gone, though nobody said so.
  if (unanswered++ >= 2) {
    ws.terminate();
    return;
  }
  const msg = notepack.encode([
    0,                    // channelType
    30,                   // messageType: HEARTBEAT
    userId,               // fromId
    0,                    // toId
    { type: 'heartbeat', timestamp: Date.now() }
  ]);
  ws.send(msg);
  ws.ping();
  console.log('heartbeat sent');
}

// 4. Fetch presence when needed
async function fetchGroupPresence(groupUserIds) {
  const response = await fetch(`${API}/api/presence/status`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'Authorization': `Bearer ${token()}` },
    body: JSON.stringify({ userIds: groupUserIds })
  });
  return response.json();
}

async function showGroup() {
  try {
    const { success, error, users } = await fetchGroupPresence(GROUP);
    if (!success) throw new Error(error);
    for (const user of users) console.log(`group: ${user.userId} is ${user.status}`);
  } catch (error) {
    console.error(`mobile: ${API}/api/presence/status: ${error.cause?.code || error.message}`);
  }
}

// An answer in place of the upgrade. Another try helps only where the server is to blame.
function refused(request, response) {
  let body = '';
  response.on('data', (bytes) => { body += bytes; });
  response.on('end', () => {
    console.error(`mobile: refused with ${response.statusCode}: ${body.trim()}`);
    if (response.statusCode < 500 && response.statusCode !== 429) process.exit(1);
    reconnect();
  });
}

function closed(code, reason) {
  clearInterval(heartbeat);
  if (stopping) process.exit(0);
  if (openedAt) console.log(`disconnected: ${code} ${reason}`);
  if (code === 4401 && TOKEN) {
    console.error('mobile: the token has expired');
    process.exit(1);
  }
  reconnect();
}

// Exponential, and spread over the whole time: a thousand phones don't come back in the same second.
function reconnect() {
  attempts = openedAt && Date.now() - openedAt > STABLE_MS ? 0 : attempts + 1;
  openedAt = 0;
  const delay = Math.random() * Math.min(RETRY_MAX_MS, 500 * 2 ** attempts);
  console.log(`again in ${Math.round(delay)} ms`);
  retry = setTimeout(connect, delay);
}

// With a close the phone is offline at once; without one, 60 seconds after its last heartbeat.
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
