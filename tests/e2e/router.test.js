// SPDX-License-Identifier: MIT
// Push-to-talk through presence-ws: what phones do with a router gives the same whether they reach it directly or through presence-ws.
'use strict';
const assert = require('node:assert');
const notepack = require('notepack');
const { scenario, until } = require('./lib/stack');
const { serve, metric } = require('./lib/server');
const { Router, TYPE, GROUP, PRIVATE } = require('./lib/router');

const HEARTBEAT = 30;

// A phone that keeps what it hears, as text that can be compared.
class Talker {
  constructor(WebSocket, url, token, device, how = 'headers') {
    const options = { perMessageDeflate: false };
    const sdk = { VoicePingToken: token, DeviceId: device };
    this.ws = how === 'protocols' ? new WebSocket(url, [token, device], options)
      : new WebSocket(url, { headers: how === 'sdk' ? sdk : { token, device_id: device }, ...options });
    this.heard = [];
    this.pings = 0;
    this.opened = new Promise((resolve, reject) => { this.ws.once('open', resolve); this.ws.once('error', reject); });
    this.closed = new Promise((resolve) => { this.ws.once('close', (code, reason) => resolve(`${code} ${reason}`)); });
    this.ws.on('message', (data) => this.heard.push(JSON.stringify(notepack.decode(data), (k, v) => (typeof v === 'string' && v.length > 100 ? `${v.length} x ${v[0]}` : v?.type === 'Buffer' ? `${v.data.length} x ${v.data[0]}` : v))));
    this.ws.on('ping', () => { this.pings++; });
    this.ws.on('error', () => {});
  }

  send(...message) { this.ws.send(notepack.encode(message)); return this; }
}

// Everything that the router does, by phones that connect to `url`: what each of them heard.
async function converse(router, url, token, library) {
  const WebSocket = require(library);
  const heard = {};
  const phones = {};
  const phone = async (user, device, how) => {
    const p = new Talker(WebSocket, url, token(user), device, how);
    await p.opened;
    phones[`${user}@${device}`] = p;
    return p;
  };
  const hears = (p, count) => until(() => p.heard.length >= count, `${count} messages, of ${p.heard}`);
  const [a, b, c] = [await phone('a', 'd1'), await phone('b', 'd2', 'sdk'), await phone('c', 'd3', 'protocols')];
  heard.protocol = c.ws.protocol === token('c') ? 'the token' : c.ws.protocol;

  // Private: audio, text, start and stop.
  a.send(PRIVATE, TYPE.AUDIO, 'a', 'b', Buffer.from('How are you?'));
  await hears(b, 1);
  a.send(PRIVATE, TYPE.TEXT, 'a', 'b', 'x'.repeat(70000));
  await hears(b, 2);
  b.send(PRIVATE, TYPE.START, 'b', 'a', 1702281234567).send(PRIVATE, TYPE.STOP, 'b', 'a', 'id-1', 1702281234999);
  await hears(b, 4);
  await hears(a, 3);
  a.send(PRIVATE, TYPE.CONNECTION_TEST, 'a', 0, 'round trip');
  await hears(a, 4);

  // A group: members only, one talker at a time.
  c.send(GROUP, TYPE.TEXT, 'c', 'g', 'too early');
  await hears(c, 1);
  for (const [p, id] of [[a, 'a'], [b, 'b'], [c, 'c']]) p.send(GROUP, TYPE.USER_ADD, id, 'g', null);
  await until(() => router.groups.get('g')?.size === 3, 'three members');
  a.send(GROUP, TYPE.START, 'a', 'g', 'hello');
  await hears(c, 2);
  b.send(GROUP, TYPE.START, 'b', 'g', 'me too');
  await hears(b, 6);
  for (let i = 0; i < 50; i++) a.send(GROUP, TYPE.AUDIO, 'a', 'g', Buffer.alloc(200, i));
  a.send(GROUP, TYPE.STOP, 'a', 'g', 'over');
  await hears(c, 53);
  await hears(b, 57);
  c.send(GROUP, TYPE.USER_REMOVE, 'c', 'g', null);
  await until(() => router.groups.get('g').size === 2, 'two members');
  b.send(GROUP, TYPE.TEXT, 'b', 'g', 'still there?');
  await hears(a, 7);

  // The router pings; a second login ends the first.
  const client = router.users.get('a');
  client.ws.ping('voiceping:a');
  await until(() => client.pongs === 1, 'a pong');
  const again = await phone('b', 'd4');
  heard['b ends'] = await b.closed;
  again.send(GROUP, TYPE.AUDIO, 'b', 'g', Buffer.from('from the new one'));
  await hears(a, 8);
  a.ws.close(4000, 'bye');
  heard['a ends'] = await a.closed;
  c.ws.terminate();
  again.ws.close();
  await Promise.all([c.closed, again.closed]);
  await until(() => router.users.size === 0, 'the router has seen all of them go');
  for (const [name, p] of Object.entries(phones)) heard[name] = p.heard;
  heard.ends = router.ends.map((e) => JSON.stringify(e)).sort();
  return heard;
}

for (const [server, client] of [['ws', 'ws'], ['ws5', 'ws5'], ['ws5', 'ws']]) {
  scenario(`the router's conversation is the same directly and through presence-ws: router on ${server}, phones on ${client}`,
    { servers: 0, expiryds: 1 }, async (s, t) => {
      const direct = await new Router({ library: server }).listen();
      const behind = await new Router({ library: server }).listen();
      t.after(() => Promise.all([direct.close(), behind.close()]));
      const presence = await serve(s, { PRESENCE_UPSTREAM: behind.url });
      const token = (user) => s.token(user, 'mobile', { iat: 1 });
      const expected = await converse(direct, direct.url, token, client);
      const got = await converse(behind, `ws://127.0.0.1:${presence.port}`, token, client);
      assert.equal(expected['a@d1'].length, 8);
      assert.deepEqual(got, expected);
      assert.equal(await metric(presence, 'presence_upstream_handshakes_total{outcome="accepted"}'), 4);
      await until(async () => await metric(presence, 'presence_upstream_connections') === 0, 'no connection is left');
    });
}

scenario('presence beside push-to-talk: heartbeats end here, and a phone that asked is told who comes', { servers: 0, expiryds: 1 }, async (s, t) => {
  const said = [];
  const router = await new Router({ said: (message) => said.push(message) }).listen();
  t.after(() => router.close());
  s.servers.push(await s.startDaemon('presence-ws', 'PRESENCE_WS_LISTEN', { PRESENCE_UPSTREAM: router.url }));
  await s.ready(s.servers[0]);
  const dashboard = await s.dashboard();
  assert.equal(router.requests.length, 0, 'a dashboard ends here');
  const plain = await s.phone('user1', { claims: { groups: ['g'] } });
  const curious = await s.phone('user2', { claims: { groups: ['g'] } });
  curious.send([0, 33, 'user2', 0, {}]);
  await until(() => curious.messages.some((m) => m[1] === 32), 'its snapshot');
  for (let i = 0; i < 5; i++) plain.beat();
  plain.send([PRIVATE, TYPE.CONNECTION_TEST, 'user1', 0, 'after the beats']);
  await until(() => plain.messages.length > 0, 'the router answers');
  const third = await s.phone('user3', { claims: { groups: ['g'] } });
  await until(() => curious.messages.some((m) => m[1] === 31 && m[5].userId === 'user3'), 'an update');
  third.close(1000);
  await until(() => dashboard.of('user3').length === 2, 'user3 came and went');
  assert.deepEqual(plain.messages.map((m) => m[1]), [TYPE.CONNECTION_ACK], 'who never asked is told nothing of presence');
  assert.deepEqual(said.map((m) => m[1]), [TYPE.CONNECTION_TEST], 'neither 30 nor 33 reaches the router');
  assert.deepEqual(dashboard.of('user3').map((u) => u.status), ['online', 'offline']);
});

scenario('presence of a router stays there: its messages 30 to 35 reach no phone', { servers: 0 }, async (s, t) => {
  const router = await new Router().listen();
  t.after(() => router.close());
  const server = await serve(s, { PRESENCE_UPSTREAM: router.url });
  const phone = new Talker(require('ws'), `ws://127.0.0.1:${server.port}`, s.token('u', 'mobile'), 'd');
  await phone.opened;
  const { ws } = await until(() => router.users.get('u'), 'the router knows it');
  for (let type = 28; type < 38; type++) {
    ws.send(notepack.encode([0, type, 'x', 'u', null]));
    ws.send(JSON.stringify([0, type, 'x', 'u', {}]));
  }
  ws.send(notepack.encode([0, HEARTBEAT, 'x', 'u', Buffer.alloc(100000)])); // in parts
  ws.send(Buffer.alloc(0));
  ws.send(notepack.encode([0, TYPE.TEXT, 'x', 'u', 'last']));
  const types = [];
  phone.ws.removeAllListeners('message');
  phone.ws.on('message', (data, binary) => types.push(data.length === 0 ? 'empty' : (binary ? notepack.decode(data) : JSON.parse(data))[1]));
  await until(() => types.includes(TYPE.TEXT), 'the last one');
  assert.deepEqual(types, [28, 28, 29, 29, 36, 36, 37, 37, 'empty', TYPE.TEXT]);
  assert.equal(await metric(server, 'presence_upstream_messages_dropped_total'), 13);
});
