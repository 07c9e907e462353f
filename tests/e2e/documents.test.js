// SPDX-License-Identifier: MIT
// The examples in PROTOCOL.md and HTTP.md: what a client sends is taken, and what a server answers looks as it stands there.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const vm = require('node:vm');
const WebSocket = require('ws');
const { ROOT, run } = require('./lib/process');
const { scenario, until } = require('./lib/stack');
const { Client, codecs } = require('./lib/clients');
const { metric } = require('./lib/server');
const { examples, example, normalJson, normalMsgpack } = require('./lib/documents');
const { compare, read } = require('../tools/documents');

const PROTOCOL = 'lib/wire/PROTOCOL.md', HTTP = 'cmd/presence-api/HTTP.md';
const SPOKEN = { json: 'presence.v1.json', msgpack: 'presence.v1.msgpack' };
const hex = (info) => Buffer.from(example(PROTOCOL, info).replace(/\s/g, ''), 'hex');

// A message of the document as it goes over the wire, in either encoding.
const bytesOf = (codec, info) => (codec === 'json' ? example(PROTOCOL, `json ${info}`) : hex(`hex ${info}`));

// From now on the client keeps what it is sent, as it comes.
function watch(client) {
  client.frames = [];
  client.ws.on('message', (bytes) => client.frames.push(bytes));
  return client;
}

async function connect(s, codec, user, role, options = {}) {
  return watch(await s.connect(Client, user, { role, codec, protocols: [SPOKEN[codec]], ...options }));
}

const typeOf = (codec, bytes) => codecs[codec].decode(bytes)[1];

// The next message of that type looks like the example.
async function receives(client, codec, info, from = 0) {
  const type = Number(/\d+/.exec(info)[0]);
  const frame = await until(() => client.frames.slice(from).find((bytes) => typeOf(codec, bytes) === type), info);
  if (codec === 'json') assert.equal(normalJson(String(frame)), normalJson(example(PROTOCOL, `json ${info}`)), info);
  else if (examples(PROTOCOL).some((block) => block.info === `hex ${info}`)) assert.equal(normalMsgpack(frame), normalMsgpack(hex(`hex ${info}`)), info);
}

const TABLES = [[PROTOCOL, '# Messages'], [PROTOCOL, '## 30 HEARTBEAT'], [PROTOCOL, '## 31 PRESENCE_UPDATE'], [PROTOCOL, '## 32 PRESENCE_SNAPSHOT'],
  [PROTOCOL, '## 33 PRESENCE_SUBSCRIBE'], [PROTOCOL, '## 34 PRESENCE_BATCH'], [PROTOCOL, '## 35 PRESENCE_HELLO'],
  [PROTOCOL, '## What a request says'], [PROTOCOL, '## Refusals'], [PROTOCOL, '## Resume'], [PROTOCOL, '## Reasons'],
  [PROTOCOL, '# Close codes'], [HTTP, '# Description'], [HTTP, '# Lists'], [HTTP, '# Refusals'], [HTTP, '# Health']];

// Something of each kind, under another name.
const RENAMED = [
  ['lib/wire/message.h', /\bMESSAGE_HELLO = 35/, 'MESSAGE_HELLO = 36'],
  ['lib/wire/message_write.c', /(\bencoder_str\(e, ")userId/, '$1user'],
  ['lib/wire/message_write.c', /(\bencoder_text\(e, "stat)us", "online"/, '$1e", "online"'],
  ['lib/wire/message_write.c', /(\bencoder_str\(&e, ")userId/, '$1user'],
  ['lib/wire/message_write.c', /(\bencoder_array\(&e, ")updates/, '$1changes'],
  ['lib/wire/message_write.c', /(\bencoder_u64\(&e, ")totalOnline/, '$1total'],
  ['lib/wire/message_write.c', /(\bencoder_ms\(&e, ")storeSince/, '$1lostSince'],
  ['lib/wire/heartbeat.c', /(\bmp_reader_is_text\(&key, SPAN\(")metadata/, '$1data'],
  ['lib/wire/subscribe.c', /(\bjson_object_get\(value, ")epoch/, '$1era'],
  ['lib/wire/subscribe.c', /(\bjson_object_get\(shape\.payload, ")batch/, '$1batches'],
  ['cmd/presence-ws/connections.c', /(#define CLOSE_\w+\s+)4/, '$15'],
  ['cmd/presence-ws/connections.c', /(\bCLOSE_\w+,\s*")/, '$1Other '],
  ['lib/fanout/subscriber.c', /(\[RESUME_\w+\] = ")/, '$1other_'],
  ['cmd/presence-ctl/explanation.c', /(\{")([a-z_]+", true)/, '$1other_$2'],
  ['cmd/presence-ctl/explanation.c', /\{"([a-z_]+)", true/, '{"$1", false'],
  ['lib/fanout/regroup.c', /(\? SPAN\(")/, '$1other_'],
  ['lib/http/gate_request.c', /(\bgate_answer_set\(answer, 4\d\d, \w+,\s*")/, '$1Other '],
  ['lib/http/gate_request.c', /(\bgate_answer_set\(answer, 4\d)\d/, '$19'],
  ['lib/http/gate.c', /(retry_after_s = )/, '$19'],
  ['lib/http/gate.h', /(X\(REQUEST, ")/, '$1other_'],
  ['lib/http/gate.h', /( +X\(REQUEST, )/, '    X(OTHER, "other", __VA_ARGS__) \\\n$1'],
  ['cmd/presence-ws/admission.c', /(struct gate_refusal\)\{\d+, ")/, '$1Other '],
  ['lib/auth/token.c', /(case TOKEN_EXPIRED: return ")/, '$1Other '],
  ['lib/http/gate_request.c', /(from_query\(head, ")/, '$1other_'],
  ['cmd/presence-api/lists.c', /(read_number\(c, ")/, '$1other_'],
  ['cmd/presence-api/counters.h', /("\/api\/presence\/)/, '$1other-'],
  ['cmd/presence-api/counters.h', /(, HTTP_)GET/, '$1POST'],
  ['cmd/presence-api/router.c', /(\bcall_refuse\(c, \d+, ")/, '$1Other '],
  ['lib/wire/status.c', /return "(is|must)/, 'return "$1 other'],
  ['cmd/presence-ws/redis_glue.c', /(missing = ")/, '$1other '],
];

test('the comparison of documents and sources sees what stands in one of them alone', () => {
  const planted = (file, change) => compare((name) => (name === file ? change(read(name)) : read(name)));
  assert.deepEqual(compare(), []);
  for (const [file, from, to] of RENAMED) {
    assert.match(read(file), from, file);
    assert.notDeepEqual(planted(file, (text) => text.replace(from, to)), [], `${file} ${from}`);
  }
  for (const [file, heading] of TABLES) {
    const firstRow = new RegExp(`(^${heading}\n[^]*?\n\\|[-|]+\\|\n).*\n`, 'm');
    assert.match(read(file), firstRow, heading);
    assert.notDeepEqual(planted(file, (text) => text.replace(firstRow, '$1')), [], `${file} ${heading}`);
  }
});

test('each message stands there in both encodings, and they say the same', () => {
  for (let type = 30; type <= 35; type++) {
    const value = JSON.parse(example(PROTOCOL, `json message ${type}`));
    for (const codec of ['notepack', 'notepack.io', 'msgpack'])
      assert.deepEqual(codecs[codec].decode(hex(`hex message ${type}`)), value, `${type} by ${codec}`);
  }
});

scenario('messages of both encodings as the document has them', { env: { PRESENCE_HEARTBEAT_MIN: '0' } }, async (s) => {
  for (const codec of ['json', 'msgpack']) {
    const alice = await connect(s, codec, 'alice', 'dashboard');
    await until(() => alice.messages.some((m) => m[1] === 32), 'its first snapshot');
    const bob = await connect(s, codec, 'bob', 'mobile', { device: 'phone-1' });
    await receives(alice, codec, 'message 31');

    const before = await metric(s.servers[0], 'presence_heartbeat_received_total');
    bob.ws.send(bytesOf(codec, 'message 30'));
    await until(async () => (await s.redis.hget('presence:meta:bob', 'metadata')) === '{"battery":80}', 'the metadata');
    assert.equal(await metric(s.servers[0], 'presence_heartbeat_received_total'), before + 1);
    assert.equal(await metric(s.servers[0], 'presence_heartbeat_refused_total'), 0);

    // Everything first: its epoch is another, as in the example.
    let from = alice.frames.length;
    alice.send([0, 33, 'alice', 0, { since: { epoch: '785e8687-661720697e47a', rev: 1795992225047675 } }]);
    await receives(alice, codec, 'message 32 refused', from);
    from = alice.frames.length;
    alice.send([0, 33, 'alice', 0, {}]);
    await receives(alice, codec, 'message 32', from);
    from = alice.frames.length;
    alice.ws.send(bytesOf(codec, 'message 33'));
    await receives(alice, codec, 'message 32 refused', from);
    from = alice.frames.length;
    await bob.close();
    await receives(alice, codec, 'message 34', from);
    const { epoch } = alice.messages.findLast((m) => m[1] === 32)[5], { rev } = alice.messages.findLast((m) => m[1] === 34)[5];
    from = alice.frames.length;
    alice.send([0, 33, 'alice', 0, { users: ['bob'], since: { epoch, rev } }]);
    await receives(alice, codec, 'message 34 resumed', from);
    alice.terminate();
    await s.redis.hdel('presence:meta:bob', 'metadata');
  }
});

scenario('the HELLO of both encodings', {}, async (s) => {
  for (const codec of ['json', 'msgpack']) {
    const bob = watch(new Client({ url: `ws://127.0.0.1:${s.servers[0].port}/`, token: s.token('bob', 'mobile'), codec, protocols: [SPOKEN[codec]] }));
    s.clients.push(bob);
    await receives(bob, codec, 'message 35');
  }
});

scenario('the dashboard of the document follows, also over a restart of its server', {}, async (s) => {
  const token = s.token('alice', 'dashboard');
  const page = vm.createContext({ WebSocket, setTimeout: (f, ms, ...rest) => setTimeout(f, Math.min(ms, 50), ...rest) });
  let shown = [], closed = false;
  class Socket extends WebSocket {
    constructor(...how) { super(...how); s.clients.push(this); this.on('error', () => {}); }
  }
  page.WebSocket = Socket;
  vm.runInContext(example(PROTOCOL, 'js browser'), page);
  const { port } = s.servers[0];
  page.open(`ws://127.0.0.1:${port}/`, token, (users, note) => { shown = users.map((u) => u.userId).sort(); closed = /closed/.test(note); });
  const bob = await s.phone('bob');
  await until(() => shown.join() === 'bob', 'bob is shown');
  await s.servers[0].stop();
  await s.startServer({ PRESENCE_WS_LISTEN: `127.0.0.1:${port}` });
  await s.ready(s.servers[1]);
  await bob.closed;
  await s.phone('carol', { server: 1 });
  await until(() => shown.join() === 'bob,carol', 'and carol, after the restart');
  assert.equal(closed, false);
  await s.ctl('kick', 'alice');
  await until(() => closed, 'and it ends when it is told to');
});

scenario('the phone of the document is online, beats, and goes', { env: { PRESENCE_TTL: '1s' }, expiryds: 1 }, async (s) => {
  const file = path.join(s.dir, 'phone.js');
  fs.writeFileSync(file, example(PROTOCOL, 'js phone'));
  const phone = s.start(process.execPath, [file], { NODE_PATH: path.join(ROOT, 'tests', 'node_modules'), USER_ID: 'bob',
    SERVER: `ws://127.0.0.1:${s.servers[0].port}`, TOKEN: s.token('bob', 'mobile') });
  await until(async () => (await s.online()).join() === 'bob', 'online');
  await until(async () => (await metric(s.servers[0], 'presence_heartbeat_received_total')) >= 3, 'three beats');
  assert.equal(await metric(s.servers[0], 'presence_heartbeat_refused_total'), 0);
  assert.deepEqual(await s.online(), ['bob']);
  await s.ctl('kick', 'bob');
  assert.equal((await phone.exited).code, 1, phone.output);
});

// The commands of the document, with its answers behind them.
function pairs() {
  const blocks = examples(HTTP), found = [];
  blocks.forEach((block, i) => { if (block.info === 'sh curl') found.push({ command: block, answer: blocks[i + 1] }); });
  return found;
}

scenario('the questions and answers of the HTTP document', { expiryds: 1, api: true,
  env: { PRESENCE_ALLOWED_ORIGINS: 'http://localhost:8080' } }, async (s) => {
  await s.phone('bob', { device: 'phone-1' });
  await s.redis.sadd('g.team.u', 'bob');
  await until(async () => (await s.online()).join() === 'bob', 'bob is online');
  await until(async () => {
    const { online, warning } = await (await fetch(`${s.api.url}/readyz`)).json();
    return online === 1 && warning === null;
  }, 'presence-api has heard of bob and of the expiryd');
  fs.writeFileSync(path.join(s.dir, '.curlrc'), 'silent\nwrite-out = "\\n%{http_code}"\n');
  assert.ok(pairs().length >= 9);
  for (const { command, answer } of pairs()) {
    const where = `${HTTP}:${command.line}`;
    const text = command.text.replaceAll('http://localhost:3001', `http://localhost:${s.api.port}`);
    assert.notEqual(text, command.text, where);
    const { stdout } = await run('bash', ['-c', text], { env: { CURL_HOME: s.dir, TOKEN: s.token('admin', 'dashboard') } });
    const [kind, , status] = answer.info.split(' ');
    const lines = stdout.replaceAll('\r', '').split('\n');
    assert.equal(lines.pop(), status, where);
    if (kind === 'json') {
      assert.equal(normalJson(lines.join('\n').trim()), normalJson(answer.text.trim()), where);
      continue;
    }
    const head = lines.map((line) => line.toLowerCase());
    for (const line of answer.text.trim().split('\n')) assert.ok(head.includes(line.toLowerCase()), `${where}: ${line}\n${stdout}`);
  }
});
