// SPDX-License-Identifier: MIT
// A push-to-talk router of the project's own, for tests of what stands in front of one: groups, private and group messages,
// acknowledgements, one login a user. It takes the token's user unchecked, as it trusts who is in front. `node router.js PORT|PATH [ws5]`
// runs it by itself.
'use strict';
const http = require('node:http');
const notepack = require('notepack');

const TYPE = { START: 1, STOP: 2, AUDIO: 3, CONNECTION: 4, START_ACK: 6, STOP_ACK: 7, START_FAILED: 8, LOGIN_DUPLICATED: 9, USER_ADD: 15,
  USER_REMOVE: 16, TEXT: 17, TEXT_ACK: 22, CONNECTION_TEST: 25, CONNECTION_ACK: 26, UNAUTHORIZED_GROUP: 27 };
const GROUP = 0, PRIVATE = 1;

const LIBRARIES = { ws: 'ws', ws5: 'ws5' };

function userOf(token) {
  const part = token.split('.')[1];
  return part ? JSON.parse(Buffer.from(part, 'base64url')).uid : token;
}

class Router {
  // refuse(request): undefined, or [status, text, headers] for the client. said: called with each message of a client, and the client.
  constructor({ library = 'ws', refuse = () => undefined, said = () => {} } = {}) {
    const WebSocket = require(LIBRARIES[library]);
    this.users = new Map();    // id -> client
    this.groups = new Map();   // id -> Set of user ids
    this.talking = new Map();  // group id -> user id
    this.requests = [];
    this.ends = [];            // { user, code, reason } of clients that went
    this.said = said;
    this.http = http.createServer((request, response) => { response.writeHead(404).end('none here'); });
    this.wss = new WebSocket.Server({ server: this.http, verifyClient: ({ req }, done) => {
      this.requests.push(req);
      const refusal = refuse(req);
      if (refusal) done(false, ...refusal); else done(true);
    } });
    this.wss.on('connection', (ws, request) => this.connected(ws, request));
  }

  listen(where) {
    return new Promise((resolve, reject) => {
      this.http.once('error', reject);
      this.http.listen(...(typeof where === 'string' ? [where] : [where || 0, '127.0.0.1']), () => {
        this.port = this.http.address().port;
        resolve(this);
      });
    });
  }

  get url() { return `ws://127.0.0.1:${this.port}`; }

  connected(ws, { headers }) {
    const offered = (headers['sec-websocket-protocol'] || '').split(', ');
    const token = headers.token || headers.voicepingtoken || offered[0];
    const client = { id: String(userOf(token)), device: headers.device_id || headers.deviceid || offered[1] || token, ws, pongs: 0 };
    const old = this.users.get(client.id);
    this.users.set(client.id, client);
    ws.on('message', (data) => this.received(client, data));
    ws.on('pong', () => { client.pongs++; });
    ws.on('close', (code, reason) => this.gone(client, code, String(reason)));
    ws.on('error', () => {});
    if (old) {
      this.send(old, [PRIVATE, TYPE.LOGIN_DUPLICATED, '0', client.id, `logged in from ${client.device}`]);
      old.ws.close();
    }
  }

  gone(client, code, reason) {
    this.ends.push({ user: client.id, code, reason });
    if (this.users.get(client.id) === client) this.users.delete(client.id);
  }

  send(client, message) { if (client && client.ws.readyState === 1) client.ws.send(notepack.encode(message)); }

  received(client, data) {
    let message;
    try { message = notepack.decode(data); } catch { message = null; }
    this.said(message, client, data);
    if (!Array.isArray(message)) return;
    const [channel, type] = message;
    if (channel === GROUP) this.toGroup(client, message, data);
    else if (type === TYPE.CONNECTION_TEST) this.send(client, [PRIVATE, TYPE.CONNECTION_ACK, 0, client.id, message[4]]);
    else this.toUser(client, message, data);
  }

  // What is passed on goes as it came.
  toUser(client, [channel, type, from, to, payload], data) {
    if (type === TYPE.START) this.send(client, [channel, TYPE.START_ACK, from, to, payload || 'Acknowledged']);
    if (type === TYPE.STOP) this.send(client, [channel, TYPE.STOP_ACK, from, to, 'Acknowledged']);
    if (type === TYPE.TEXT) this.send(client, [channel, TYPE.TEXT_ACK, from, to, 'Acknowledged']);
    this.users.get(String(to))?.ws.send(data);
  }

  toGroup(client, [channel, type, from, to, payload], data) {
    const members = this.groups.get(String(to)) || this.groups.set(String(to), new Set()).get(String(to));
    if (type === TYPE.USER_ADD) { members.add(client.id); return; }
    if (type === TYPE.USER_REMOVE) { members.delete(client.id); return; }
    if (!members.has(client.id)) { this.send(client, [GROUP, TYPE.UNAUTHORIZED_GROUP, from, to, 'Unauthorized Group']); return; }
    if (type === TYPE.START && ![undefined, client.id].includes(this.talking.get(to))) {
      this.send(client, [channel, TYPE.START_FAILED, from, to, 'Busy']);
      return;
    }
    if (type === TYPE.START) this.talking.set(to, client.id);
    if (type === TYPE.START) this.send(client, [channel, TYPE.START_ACK, from, to, payload || 'Acknowledged']);
    if (type === TYPE.STOP) this.talking.delete(to);
    if (type === TYPE.STOP) this.send(client, [channel, TYPE.STOP_ACK, from, to, 'Acknowledged']);
    if (type === TYPE.TEXT) this.send(client, [channel, TYPE.TEXT_ACK, from, to, 'Acknowledged']);
    for (const member of members) if (member !== client.id) this.users.get(member)?.ws.send(data);
  }

  // As a process that ends: no close frame.
  close() {
    for (const client of this.wss.clients) client.terminate();
    this.wss.close();
    this.http.closeAllConnections();
    return new Promise((resolve) => { this.http.close(resolve); });
  }
}

if (require.main === module) {
  const [where, library] = process.argv.slice(2);
  new Router({ library }).listen(/^\d+$/.test(where) ? Number(where) : where).then((r) => console.log(`routing on ${r.port ?? where}`));
}

module.exports = { Router, TYPE, GROUP, PRIVATE };
