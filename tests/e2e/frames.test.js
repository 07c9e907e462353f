// SPDX-License-Identifier: MIT
// What clients send, well and badly (PROTOCOL.md): frames byte by byte against the real presence-ws.
'use strict';
const assert = require('node:assert');
const msgpack = require('@msgpack/msgpack');
const { scenario, until } = require('./lib/stack');
const { frame, fragments, TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG } = require('./lib/raw');
const { metric, leavesNothing } = require('./lib/server');
const { codecs, HEARTBEAT, UPDATE, SNAPSHOT, SUBSCRIBE, BATCH, HELLO } = require('./lib/clients');
const { EACH, PTT, pack, hex, skipped, heard, refusedBeats, connect, alive, wentOffline, beatOf } = require('./lib/frames');
const { MALFORMED, MALFORMED_JSON, OTHERS, OTHERS_JSON, BEATS, BEATS_JSON, DROPPED, DROPPED_JSON, BROKEN, beatBytes, wishBytes } = require('./lib/malformed');

scenario('five and six elements, in both encodings and by every codec, are a heartbeat', { env: EACH }, async (s) => {
  const server = s.servers[0];
  const payloads = [{ type: 'heartbeat', timestamp: 1702281234567 }, {}, null, { timestamp: 'soon' },
    { timestamp: -1, more: [1.5, [{}]] }];
  let sent = 0;
  for (const [name, codec] of Object.entries(codecs)) {
    const json = name === 'json';
    const phone = await connect(s, 'user1', { json });
    for (const payload of payloads)
      for (const message of [[0, HEARTBEAT, 'user1', 0, payload], [0, HEARTBEAT, 'user1', 'x', 'id-1', payload],
        [5, HEARTBEAT, 'user1', null, null, payload]]) {
        phone.send(json ? TEXT : BINARY, codec.encode(message));
        sent++;
        if (sent % 10 === 0) await alive(phone, name); // not too many at a time
      }
    await alive(phone, name);
    phone.terminate();
  }
  const wide = await connect(s, 'user1'); // the same, in the widest forms
  const widest = [hex('dd00000005 cf0000000000000000 d3000000000000001e db00000005'), Buffer.from('user1'), hex('c0 df00000000')];
  wide.send(BINARY, Buffer.concat(widest));
  wide.send(BINARY, Buffer.concat([hex('dc0005 d000 cd001e d90575736572 31 d40000 c0')])); // undefined, as notepack writes it
  await alive(wide, 'wide');
  wide.terminate();
  assert.equal(await heard(server), sent + 2);
  assert.equal(await refusedBeats(server), 0);
  assert.equal(await metric(server, 'presence_closed_total{reason="rule"}'), 0);
});

scenario('metadata lands in presence:meta, as JSON', { env: EACH }, async (s) => {
  const stored = (user, expected) => until(async () => {
    const text = await s.redis.hget(`presence:meta:${user}`, 'metadata');
    return text && text === JSON.stringify(expected);
  }, `the metadata of ${user}`);
  const metadata = { battery: 0.8, networkType: 'wifi', appVersion: '1.2.3', charging: true, cells: [1, -2, null], 'ключ"\n': '🦊' };
  for (const [name, codec] of Object.entries(codecs)) {
    const phone = await connect(s, name, { json: name === 'json' });
    phone.send(name === 'json' ? TEXT : BINARY, codec.encode([0, HEARTBEAT, name, 0, { timestamp: 1, metadata }]));
    await stored(name, metadata);
    phone.send(name === 'json' ? TEXT : BINARY, codec.encode([0, HEARTBEAT, name, 0, { metadata: { last: 'one' } }]));
    await stored(name, { last: 'one' });
    phone.send(name === 'json' ? TEXT : BINARY, codec.encode([0, HEARTBEAT, name, 0, {}]));
    await alive(phone, name);
    await stored(name, { last: 'one' });
    phone.terminate();
  }
  const full = { x: 'y'.repeat(1016) };
  assert.equal(JSON.stringify(full).length, 1024);
  const phone = await connect(s, 'full');
  phone.send(BINARY, pack([0, HEARTBEAT, 'full', 0, { metadata: full }]));
  await stored('full', full);
  // What JSON cannot carry: a text that is no UTF-8, bytes, NaN, an extension.
  const odd = hex('84 a161a2c328 a162c403010203 a163cb7ff8000000000000 a164d6ff00000000');
  phone.send(BINARY, Buffer.concat([hex('95001e a4'), Buffer.from('full'), hex('00 81'), pack('metadata'), odd]));
  await stored('full', { a: '\ufffd(', b: null, c: null, d: null });
  phone.terminate();
});

// Nothing but nil, bool, unsigned integers, strings, arrays and maps with string keys; what `useBigInt64` shows as BigInt is a
// uint64.
function onlyPlain(value, at = '') {
  if (value === null || ['boolean', 'string', 'bigint'].includes(typeof value)) return;
  if (typeof value === 'number') return assert.ok(Number.isInteger(value) && value >= 0, `${at}: ${value}`);
  assert.ok(Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype, `${at}: ${value}`);
  for (const [key, inner] of Object.entries(value)) onlyPlain(inner, `${at}.${key}`);
}

function decodeByAll(bytes) {
  const exact = msgpack.decode(bytes, { useBigInt64: true });
  onlyPlain(exact);
  const [first, ...others] = ['notepack', 'notepack.io', 'msgpack'].map((name) => codecs[name].decode(bytes));
  for (const other of others) assert.deepEqual(other, first);
  assert.equal(first.length, 6);
  assert.deepEqual([first[0], first[2]], [0, 0]);
  assert.match(first[4], /^\d+$/);
  for (const name of ['timestamp', 'lastSeen', 'serverTime', 'rev', 'ttl'])
    if (name in first[5]) assert.equal(typeof exact[5][name], 'bigint', `${name} is a uint64`);
  return first;
}

scenario('every message of the server, read by every codec', { env: EACH }, async (s) => {
  const odd = ['user1', 'x'.repeat(31), 'y'.repeat(32), 'z'.repeat(128), 'Jörg 🦊', 'a:b', '"\\', '7'];
  const device = (user) => (user.length < 40 ? 'd' : 'd'.repeat(128));
  const phones = await Promise.all(odd.map((user) => connect(s, user, { headers: { device_id: device(user) } })));
  await until(async () => (await s.online()).length === odd.length, 'all are online');
  const viewers = {
    old: await connect(s, 'old', { role: 'web' }),
    packed: await connect(s, 'packed', { role: 'dashboard', headers: { 'Sec-WebSocket-Protocol': 'presence.v1.msgpack' } }),
    json: await connect(s, 'json', { role: 'web', json: true }),
  };
  const read = {
    old: async () => decodeByAll(await viewers.old.message()),
    packed: async () => decodeByAll(await viewers.packed.message()),
    json: async () => JSON.parse(await viewers.json.message()),
  };
  for (const name of ['packed', 'json']) {
    const hello = await read[name]();
    assert.deepEqual(hello.slice(0, 5), [0, HELLO, 0, 'broadcast', '0']);
    assert.deepEqual(Object.keys(hello[5]), ['heartbeatInterval', 'ttl', 'serverTime', 'node', 'store', 'storeSince']);
    assert.deepEqual([hello[5].heartbeatInterval, hello[5].ttl], [30000, 60000]);
    assert.ok(Math.abs(hello[5].serverTime - Date.now()) < 5000);
    assert.equal(hello[5].store, 'up');
    assert.ok(hello[5].storeSince <= hello[5].serverTime && hello[5].storeSince > hello[5].serverTime - 60000);
  }
  for (const name of Object.keys(viewers)) {
    const snapshot = await read[name]();
    assert.equal(snapshot[1], SNAPSHOT, 'a HELLO only to those who speak v1');
    assert.deepEqual([snapshot[3], snapshot[4]], [name, String(snapshot[5].rev)]);
    assert.deepEqual(Object.keys(snapshot[5]).sort(), ['epoch', 'rev', 'timestamp', 'totalOnline', 'users']);
    assert.deepEqual(snapshot[5].users.map((u) => u.userId).sort(), [...odd].sort());
    assert.deepEqual(Object.keys(snapshot[5].users[0]), ['userId', 'status', 'lastSeen', 'deviceId']);
  }
  phones[0].terminate();
  const updates = {};
  for (const name of Object.keys(viewers)) updates[name] = await read[name]();
  assert.deepEqual(updates.old.slice(1, 5), [UPDATE, 0, 'broadcast', String(updates.old[5].rev)]);
  assert.deepEqual(Object.keys(updates.old[5]), ['type', 'userId', 'status', 'timestamp', 'lastSeen', 'deviceId', 'rev', 'reason']);
  assert.deepEqual([updates.packed, updates.json], [updates.old, updates.old]);

  viewers.packed.send(BINARY, pack([0, SUBSCRIBE, 'packed', 0, { batch: true }]));
  viewers.json.send(TEXT, JSON.stringify([0, SUBSCRIBE, 'json', 0, { batch: true }]));
  for (const name of ['packed', 'json']) assert.equal((await read[name]())[1], SNAPSHOT);
  for (const phone of phones.slice(1, 4)) phone.terminate();
  for (const name of ['packed', 'json']) {
    const seen = new Set();
    while (seen.size < 3) {
      const message = await read[name]();
      assert.deepEqual([message[1], message[3], message[4]], [BATCH, 'broadcast', String(message[5].rev)]);
      for (const update of message[5].updates) seen.add(update.userId);
    }
    assert.deepEqual([...seen].sort(), odd.slice(1, 4).sort());
  }
  for (let i = 0; i < 3; i++) assert.equal((await read.old())[1], UPDATE, 'no batch for who did not ask');
  assert.equal(phones[5].bytes.length, 0, 'a phone that says nothing new hears nothing new');
});

async function isClosed(s, [name, options, frames, code, reason = /^/]) {
  const raw = await connect(s, 'user1', options);
  raw.write(Buffer.concat(frames));
  const close = await raw.closing(name);
  assert.ok(close, `${name}: no close frame`);
  assert.equal(close.code, code, `${name}: ${close.reason}`);
  assert.match(close.reason || '', reason, name);
  raw.send(CLOSE, close.payload);
  await raw.gone(name);
  raw.terminate();
}

scenario('no message, too long, against the protocol: closed with its code, and the session ends', { env: EACH }, async (s) => {
  const server = s.servers[0];
  const rows = [...BROKEN, ...MALFORMED.map(([name, message]) => [name, {}, [frame(BINARY, message)], 1007, /Malformed/]),
    ...MALFORMED_JSON.map((message) => [String(message).slice(0, 60), { json: true }, [frame(TEXT, message)], 1007, /Malformed/])];
  await leavesNothing(server, async () => {
    for (let at = 0; at < rows.length; at += 32) await Promise.all(rows.slice(at, at + 32).map((row) => isClosed(s, row)));
    await until(async () => (await s.online()).length === 0, 'no session is left');
  });
  await wentOffline(s, 'user1', 'policy');
  assert.equal(await s.redis.hget('presence:meta:user1', 'metadata'), null, 'nothing of it was taken');
  const good = await connect(s, 'user1');
  good.write(Buffer.concat([frame(BINARY, beatBytes(4096)), frame(BINARY, wishBytes(65536))]));
  await alive(good, 'as long as allowed');
  good.terminate();
});

scenario('what is none of ours is skipped, however it looks and in whatever pieces it comes', { env: EACH }, async (s) => {
  const server = s.servers[0];
  const before = await skipped(server);
  const rows = [...OTHERS.map(([name, message]) => [name, BINARY, message]), ...OTHERS_JSON.map((text) => [text.slice(0, 60), TEXT, Buffer.from(text)])];
  const connections = [await connect(s, 'user1'), await connect(s, 'user1', { json: true }), await connect(s, 'boss', { role: 'web' })];
  let count = 0;
  for (const raw of connections) // each kind of frame on each kind of connection
    for (const [name, opcode, message] of rows) {
      raw.send(opcode, message);
      if (message.length > 1) raw.write(Buffer.concat(fragments(opcode, message, message.length < 600 ? 1 : 3000)));
      count += message.length > 1 ? 2 : 1;
      await alive(raw, name);
      assert.equal(await skipped(server), before + count, name);
    }
  assert.equal(await metric(server, 'presence_closed_total{reason="rule"}'), 0);
  assert.equal(await heard(server), 0);
  assert.deepEqual(await s.online(), ['user1']);
});

scenario('whole numbers as doubles, a byte order mark, huge numbers: still a heartbeat', { env: EACH }, async (s) => {
  const server = s.servers[0];
  const phone = await connect(s, 'user1'), json = await connect(s, 'user1', { json: true });
  let count = 0;
  for (const [raw, opcode, rows] of [[phone, BINARY, BEATS], [json, TEXT, BEATS_JSON.map((text) => [text.slice(0, 60), text])]])
    for (const [name, message] of rows) {
      raw.send(opcode, message);
      raw.write(Buffer.concat(fragments(opcode, Buffer.from(message), 1)));
      await alive(raw, name);
      assert.equal(await heard(server), count += 2, name);
    }
  const numbered = await connect(s, 42);
  numbered.send(BINARY, hex('95 00 1e cb4045000000000000 00 80')); // fromId 42.0
  await alive(numbered, 'from a double');
  assert.equal(await heard(server), count + 1);
  assert.equal(await refusedBeats(server), 0);
});

scenario("metadata that can't be kept is dropped and counted, and the beat is kept", { env: EACH }, async (s) => {
  const server = s.servers[0];
  const dropped = () => metric(server, 'presence_metadata_dropped_total');
  const phone = await connect(s, 'user1'), json = await connect(s, 'user1', { json: true });
  const stored = () => s.redis.hget('presence:meta:user1', 'metadata');
  phone.send(BINARY, pack([0, HEARTBEAT, 'user1', 0, { metadata: { kept: 1 } }]));
  await until(async () => await stored() === '{"kept":1}', 'metadata that is kept');
  let count = 0;
  for (const [raw, opcode, rows] of [[phone, BINARY, DROPPED], [json, TEXT, DROPPED_JSON.map((text) => [text.slice(0, 60), text])]])
    for (const [name, message] of rows) {
      raw.send(opcode, message);
      await alive(raw, name);
      assert.equal(await dropped(), ++count, name);
      assert.equal(await heard(server), count + 1, name);
    }
  assert.equal(await stored(), '{"kept":1}', 'the last that was kept');
  assert.deepEqual(await s.online(), ['user1']);
});

scenario('a frame without a mask harms nobody', { env: EACH }, async (s) => {
  const phone = await connect(s, 'user1'), other = await connect(s, 'user2');
  phone.send(BINARY, beatOf(hex('80')), { masked: false }).send(BINARY, hex('c1'), { masked: false });
  const close = await phone.closing();
  assert.ok([1002, 1007].includes(close.code), `${close.code}`);
  await alive(other, 'the other');
});

scenario('fragments down to one byte, with control frames between them', { env: EACH }, async (s) => {
  const server = s.servers[0];
  const metadata = { name: 'Jörg 🦊' };
  const message = [0, HEARTBEAT, 'user1', 0, { metadata }];
  const beats = { false: pack(message), true: Buffer.from(JSON.stringify(message)) };
  const opcode = (json) => (json ? TEXT : BINARY);
  const between = (frames, one) => frames.flatMap((f, i) => (i ? [one, f] : [f]));
  let count = 0;
  for (const json of [false, true]) {
    const phone = await connect(s, 'user1', { json });
    const beat = beats[json];
    const ways = [fragments(opcode(json), beat, 1), fragments(opcode(json), beat, 7),
      between(fragments(opcode(json), beat, 1), frame(PONG, 'unasked')),
      between(fragments(opcode(json), beat, 3), frame(PING, 'x'.repeat(125))),
      [frame(opcode(json), '', { fin: false }), frame(CONTINUATION, beat, { fin: false }), frame(CONTINUATION)],
      [frame(opcode(json), beat, { fin: false }), ...Array(80).fill(frame(CONTINUATION, '', { fin: false })),
        frame(CONTINUATION)]];
    for (const frames of ways) {
      await s.redis.hdel('presence:meta:user1', 'metadata');
      phone.write(Buffer.concat(frames.slice(0, -1)));
      assert.equal(await heard(server), count, 'not before its end');
      phone.write(frames.at(-1));
      await until(async () => await s.redis.hget('presence:meta:user1', 'metadata') === JSON.stringify(metadata), 'taken whole');
      assert.equal(await heard(server), ++count);
      await alive(phone, 'fragments');
    }
    for (const byte of Buffer.concat(fragments(opcode(json), beat, 1))) { // one byte a segment
      phone.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(async () => await heard(server) === count + 1, 'byte by byte');
    count++;
    phone.terminate();
  }
  await until(async () => await s.redis.zcard('presence:due') === 0, 'the phones are seen to be gone');
  const viewer = await connect(s, 'boss', { role: 'web' });
  assert.equal(codecs.notepack.decode(await viewer.message())[1], SNAPSHOT);
  const wish = pack([0, SUBSCRIBE, 'boss', 0, { users: Array.from({ length: 1000 }, (_, i) => `user${i}`) }]);
  viewer.write(Buffer.concat(fragments(BINARY, wish, 1)));
  assert.equal(codecs.notepack.decode(await viewer.message())[1], SNAPSHOT, 'the answer to 9 kB in bytes');
  await alive(viewer, 'viewer');
});

scenario('other types are skipped, whatever their size and number, and the connection stays', { env: EACH }, async (s) => {
  const server = s.servers[0];
  const voice = pack([1, PTT, 'user1', 'group1', Buffer.alloc(2 ** 20, 7)]);
  await leavesNothing(server, async () => {
    const before = await skipped(server), bytes = await metric(server, 'presence_messages_skipped_bytes_total');
    const speaker = await connect(s, 'user1');
    speaker.send(BINARY, voice);
    await alive(speaker, 'a frame of 1 MiB');
    speaker.terminate();
    assert.equal(await skipped(server), before + 1);
    assert.equal(await metric(server, 'presence_messages_skipped_bytes_total'), bytes + voice.length);
  });
  const phone = await connect(s, 'user1'), viewer = await connect(s, 'boss', { role: 'web', json: true });
  const many = Array.from({ length: 3000 }, (_, i) => frame(BINARY, pack([1, i % 29, 'user1', 'group1', Buffer.alloc(20)])));
  const odd = [[0, -1, 1, 2, 3], ...[31, 32, 34, 35].map((type) => [0, type, 'user1', 0, {}]), [0, 2 ** 40, null, null, null],
    [7, 0, 'someone else', {}, 1, 2]];
  const before = await skipped(server);
  phone.write(Buffer.concat([...many, ...odd.map((message) => frame(BINARY, pack(message))),
    ...fragments(BINARY, voice.subarray(0, 50000), 1000)]));
  viewer.send(TEXT, '[1,1,"boss","group1","not even closed').send(TEXT, `[ 1 , 2 , ${'['.repeat(50000)}`);
  await alive(phone, '3000 messages at once');
  await alive(viewer, 'a viewer that speaks');
  assert.equal(await skipped(server), before + many.length + odd.length + 3);
  const heardBefore = await heard(server);
  phone.send(BINARY, beatOf(hex('80')));
  await until(async () => await heard(server) === heardBefore + 1, 'a heartbeat behind all that');
  phone.write(Buffer.concat([frame(BINARY, hex('950001'), { says: 2n ** 62n }), Buffer.alloc(50000)]));
  await until(async () => await skipped(server) === before + many.length + odd.length + 4, 'it goes on for ever');
  assert.equal(phone.ended, false);
});
