// What clients send, well and badly (contract section 3): frames byte by byte against the real presence-ws.
'use strict';
const assert = require('node:assert');
const msgpack = require('@msgpack/msgpack');
const { scenario, until } = require('./lib/stack');
const { upgrade, frame, fragments, TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG } = require('./lib/raw');
const { metric, leavesNothing } = require('./lib/server');
const { codecs, HEARTBEAT, UPDATE, SNAPSHOT, SUBSCRIBE, BATCH, HELLO } = require('./lib/clients');

const EACH = { LOG_LEVEL: 'debug', PRESENCE_HEARTBEAT_MIN: '0' };
const PTT = 1; // any type that is not presence's
const pack = (value) => codecs.notepack.encode(value);
const hex = (text) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const skipped = (server) => metric(server, 'presence_messages_skipped_total');
const heard = (server) => metric(server, 'presence_heartbeat_received_total');
const refusedBeats = (server) => metric(server, 'presence_heartbeat_refused_total');

// A WebSocket of frames; options: role, claims, json, server, device, headers.
async function connect(s, user, { role = 'mobile', claims, json, server = s.servers[0], headers } = {}) {
  const raw = await upgrade(server, { token: s.token(user, role, claims), device_id: 'raw-1',
    'Sec-WebSocket-Protocol': json ? 'presence.v1.json' : undefined, ...headers });
  s.clients.push(raw);
  return raw;
}

// It is still there, and hears: the pong comes behind all that was answered before.
async function alive(raw, what) {
  raw.send(PING, 'there?');
  for (;;) {
    const got = await raw.frame();
    assert.ok(got && got.opcode !== CLOSE, `${what}: closed ${got && got.code} ${got && got.reason}`);
    if (got.opcode === PONG && String(got.payload) === 'there?') return;
  }
}

const wentOffline = (s, user, reason) => until(async () => {
  const meta = await s.redis.hgetall(`presence:meta:${user}`);
  return meta.status === 'offline' && meta.reason === reason;
}, `${user} is offline, ${reason}`);

scenario('five and six elements, in both encodings and by every codec, are a heartbeat', { env: EACH }, async (s) => {
  const server = s.servers[0];
  const payloads = [{ type: 'heartbeat', timestamp: 1702281234567 }, {}, null, { timestamp: 'soon' }, { timestamp: -1, more: [1.5, [{}]] }];
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
  wide.send(BINARY, Buffer.concat([hex('dd00000005 cf0000000000000000 d3000000000000001e db00000005'), Buffer.from('user1'), hex('c0 df00000000')]));
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
  phone.send(BINARY, Buffer.concat([hex('95001e a4'), Buffer.from('full'), hex('00 81'), pack('metadata'), hex('84 a161a2c328 a162c403010203 a163cb7ff8000000000000 a164d6ff00000000')]));
  await stored('full', { a: '\ufffd(', b: null, c: null, d: null }); // what JSON cannot carry
  phone.terminate();
});

// Nothing but nil, bool, unsigned integers, strings, arrays and maps with string keys; what `useBigInt64` shows as BigInt is a uint64.
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
  const phones = await Promise.all(odd.map((user) => connect(s, user, { headers: { device_id: user.length < 40 ? 'd' : 'd'.repeat(128) } })));
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
    assert.deepEqual(Object.keys(hello[5]), ['heartbeatInterval', 'ttl', 'serverTime', 'node']);
    assert.deepEqual([hello[5].heartbeatInterval, hello[5].ttl], [30000, 60000]);
    assert.ok(Math.abs(hello[5].serverTime - Date.now()) < 5000);
  }
  for (const name of Object.keys(viewers)) {
    const snapshot = await read[name]();
    assert.deepEqual([snapshot[1], snapshot[3], snapshot[4]], [SNAPSHOT, name, String(snapshot[5].rev)], 'a HELLO only to those who speak v1');
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

const map = (count) => Buffer.concat([hex('85'), ...Array.from({ length: count }, () => hex('a161'))]);
const beatOf = (payload) => Buffer.concat([hex('95 00 1e a5'), Buffer.from('user1'), hex('00'), payload]);
// A heartbeat and an interest of that many bytes.
const padded = (size, make) => make('y'.repeat(2 * size - 64 - make('y'.repeat(size - 64)).length));
const beatBytes = (size) => padded(size, (x) => beatOf(pack({ x })));
const wishBytes = (size) => padded(size, (x) => pack([0, SUBSCRIBE, 'user1', 0, { x }]));
const deep = (opening, closing, levels) => opening.repeat(levels) + closing.repeat(levels);

// [what, message]: each ends a MessagePack phone's connection with 1007.
const MALFORMED = [
  ['nothing', Buffer.alloc(0)], ['a byte never used', hex('c1')], ['nil', hex('c0')], ['a number', hex('1e')], ['a text', pack('[0,30]')],
  ['a map', pack({ 0: 0, 1: HEARTBEAT })], ['no elements', hex('90')], ['four', pack([0, HEARTBEAT, 'user1', 0])],
  ['seven', pack([0, HEARTBEAT, 'user1', 0, 1, 2, {}])], ['seven of another type', pack([0, PTT, 'user1', 0, 1, 2, {}])],
  ['a lying array', hex('ddffffffff 00 1e')], ['channel a text', pack(['0', HEARTBEAT, 'user1', 0, {}])],
  ['type a text', pack([0, '30', 'user1', 0, {}])], ['type nil', pack([0, null, 'user1', 0, {}])], ['type 30.5', pack([0, 30.5, 'user1', 0, {}])],
  ['type a list', pack([0, [30], 'user1', 0, {}])], ['a cut head', hex('95 00')], ['a cut type', hex('95 00 cd 00')],
  ['a cut user', hex('95 00 1e a5 7573')], ['no payload', hex('95 00 1e a1 61 00')], ['more behind it', Buffer.concat([beatOf(hex('80')), hex('00')])],
  ['twice', Buffer.concat([beatOf(hex('80')), beatOf(hex('80'))])], ['from a map', pack([0, HEARTBEAT, {}, 0, {}])],
  ['from nil', pack([0, HEARTBEAT, null, 0, {}])], ['from true', pack([0, HEARTBEAT, true, 0, {}])], ['from bytes', pack([0, HEARTBEAT, Buffer.from('user1'), 0, {}])],
  ['to a list', pack([0, HEARTBEAT, 'user1', [], {}])], ['payload a list', pack([0, HEARTBEAT, 'user1', 0, []])],
  ['payload a number', pack([0, HEARTBEAT, 'user1', 0, 1])], ['payload a text', pack([0, HEARTBEAT, 'user1', 0, 'x'])],
  ['a map without its values', beatOf(map(5))], ['a lying map', beatOf(hex('dfffffffff'))], ['a lying map16', beatOf(hex('deffff'))],
  ['a lying text', beatOf(hex('81 dbffffffff'))], ['a lying list', beatOf(hex('81 a161 ddffffffff'))], ['lying bytes', beatOf(hex('81 a161 c6ffffffff'))],
  ['a lying extension', beatOf(hex('81 a161 c9ffffffff 00'))], ['a map within a map without end', beatOf(hex('81a161'.repeat(1000)))],
  ['lists without end', beatOf(Buffer.alloc(4000, 0x91))], ['deep lists', pack([0, HEARTBEAT, 'user1', 0, { a: JSON.parse(deep('[', ']', 40)) }])],
  ['a number as a key', beatOf(hex('81 01 01'))], ['a key nil', beatOf(hex('81 c0 01'))], ['metadata a list', pack([0, HEARTBEAT, 'user1', 0, { metadata: [] }])],
  ['metadata a text', pack([0, HEARTBEAT, 'user1', 0, { metadata: '{}' }])], ['metadata over 1 KiB', pack([0, HEARTBEAT, 'user1', 0, { metadata: { x: 'y'.repeat(1017) } }])],
  ['metadata that grows', pack([0, HEARTBEAT, 'user1', 0, { metadata: { x: '\u0001'.repeat(300) } }])],
  ['metadata twice', Buffer.concat([beatOf(hex('82')), pack('metadata'), hex('80'), pack('metadata'), hex('80')])],
  ['a key twice in metadata', Buffer.concat([beatOf(hex('81')), pack('metadata'), hex('82 a16101 a16102')])],
  ['deep metadata', pack([0, HEARTBEAT, 'user1', 0, { metadata: { a: JSON.parse(deep('[', ']', 20)) } }])],
  ['interest nil', pack([0, SUBSCRIBE, 'user1', 0, null])], ['interest a list', pack([0, SUBSCRIBE, 'user1', 0, []])],
  ['groups a text', pack([0, SUBSCRIBE, 'user1', 0, { groups: 'red' }])], ['groups a map', pack([0, SUBSCRIBE, 'user1', 0, { groups: {} }])],
  ['a group that is empty', pack([0, SUBSCRIBE, 'user1', 0, { groups: [''] }])], ['257 groups', pack([0, SUBSCRIBE, 'user1', 0, { groups: Array(257).fill('a') }])],
  ['a user 1.5', pack([0, SUBSCRIBE, 'user1', 0, { users: [1.5] }])], ['a user nil', pack([0, SUBSCRIBE, 'user1', 0, { users: [null] }])],
  ['a user of 129 bytes', pack([0, SUBSCRIBE, 'user1', 0, { users: ['u'.repeat(129)] }])],
  ['4097 users', pack([0, SUBSCRIBE, 'user1', 0, { users: Array(4097).fill('a') }])], ['batch a text', pack([0, SUBSCRIBE, 'user1', 0, { batch: 'yes' }])],
  ['since a number', pack([0, SUBSCRIBE, 'user1', 0, { since: 5 }])], ['users twice', Buffer.concat([hex('95 00 21 a5'), Buffer.from('user1'), hex('00 82'), pack('users'), hex('90'), pack('users'), hex('90')])],
  ['a lying list of users', Buffer.concat([hex('95 00 21 a5'), Buffer.from('user1'), hex('00 81'), pack('users'), hex('ddffffffff')])],
];

// The same on a JSON phone.
const MALFORMED_JSON = [
  '', ' ', 'null', '30', '"x"', '{}', '[]', '[0', '[0,30', '[0,30]', '[0,30,"user1",0]', '[0,30,"user1",0,1,2,{}]', '[0 30,"user1",0,{}]',
  '[,30,"user1",0,{}]', '["0",30,"user1",0,{}]', '[0,"30","user1",0,{}]', '[0,30.5,"user1",0,{}]', '[0,3e1,"user1",0,{}]', '[0,030,"user1",0,{}]', '[0,+30,"user1",0,{}]',
  '[0,99999999999999999999,"user1",0,{}]', '[0,30,"user1",0,{}', '[0,30,"user1",0,{}]]', '[0,30,"user1",0,{}] x', '[0,30,"user1",0,{},]', "[0,30,'user1',0,{}]",
  '[0,30,"user1",0,{a:1}]', '[0,30,"user1",0,{"a":NaN}]', '[0,30,"user1",0,{"a":1e400}]', '[0,30,"user1",0,{"a":1,"a":2}]', '[0,30,"user1",0,{"a":"\\ud800"}]',
  '[0,30,"user1",0,{"metadata":[]}]', `[0,30,"user1",0,{"metadata":{"x":"${'y'.repeat(1017)}"}}]`, '[0,30,null,0,{}]', '[0,30,{},0,{}]', '[0,30,1.5,0,{}]',
  '[0,30,"user1",[],{}]', '[0,30,"user1",0,"x"]', '[0,30,"user1",0,[]]', '\ufeff[0,30,"user1",0,{}]', '/**/[0,30,"user1",0,{}]', '[0,30,"user1",0,{}]\0',
  `[0,30,"user1",0,{"a":${deep('[', ']', 1000)}}]`, `[0,30,"user1",0,${'{"a":'.repeat(700)}`,
  Buffer.from('[0,30,"user1",0,{"a":"\xff"}]', 'latin1'), Buffer.from('[0,30,"user1",0,{"a":"\xc0\x80"}]', 'latin1'), '[0,33,"user1",0,null]', '[0,33,"user1",0,{"groups":[true]}]',
  `[0,33,"user1",0,{"users":${JSON.stringify(Array(4097).fill('a'))}}]`,
];

// [what, options of connect, frames, code, reason]
const BROKEN = [
  ['text to MessagePack', {}, [frame(TEXT, '[0,30,"user1",0,{}]')], 1003, /speaks MessagePack/], ['empty text', {}, [frame(TEXT)], 1003, /speaks MessagePack/],
  ['binary to JSON', { json: true }, [frame(BINARY, beatOf(hex('80')))], 1003, /speaks JSON/], ['a first fragment', {}, [frame(TEXT, '[', { fin: false })], 1003, /MessagePack/],
  ['a heartbeat of web', { role: 'web' }, [frame(BINARY, beatOf(hex('80')))], 1008, /^Web clients cannot send heartbeat$/],
  ['a heartbeat of a dashboard', { role: 'dashboard', json: true }, [frame(TEXT, '[0,30,"user1",0,{}]')], 1008, /^Web clients cannot send heartbeat$/],
  ['a heartbeat of web, its first bytes', { role: 'web' }, [frame(BINARY, beatOf(hex('8a')), { fin: false })], 1008, /^Web clients cannot send heartbeat$/],
  ['4097 bytes of heartbeat', {}, [frame(BINARY, beatBytes(4097))], 1009, /too big/],
  ['4097 bytes in fragments', {}, fragments(BINARY, beatBytes(4097), 100), 1009, /too big/],
  ['4097 bytes of JSON', { json: true }, [frame(TEXT, padded(4097, (x) => `[0,30,"user1",0,{"x":"${x}"}]`))], 1009, /too big/],
  ['a heartbeat of 2^62 bytes', {}, [frame(BINARY, beatOf(hex('80')), { says: 2n ** 62n })], 1009, /too big/],
  ['65537 bytes of interest', {}, [frame(BINARY, wishBytes(65537))], 1009, /too big/],
  ['interest of 2^62 bytes', { role: 'web' }, [frame(BINARY, pack([0, SUBSCRIBE, 'user1', 0, {}]), { says: 2n ** 62n })], 1009, /too big/],
  ['interest in fragments without end', { json: true }, fragments(TEXT, `[0,33,"user1",0,{"x":"${'y'.repeat(70000)}"}]`, 4000), 1009, /too big/],
  ['2^63 bytes', {}, [Buffer.concat([hex('82 ff 8000000000000000'), Buffer.alloc(8)])], 1002],
  ['a reserved bit', {}, [frame(BINARY, beatOf(hex('80')), { rsv: 4 })], 1002], ['opcode 3', {}, [frame(3, 'x')], 1002], ['opcode 11', {}, [frame(11, 'x')], 1002],
  ['a continuation of nothing', {}, [frame(CONTINUATION, 'x')], 1002], ['a message within a message', {}, [frame(BINARY, hex('95'), { fin: false }), frame(BINARY, hex('95'))], 1002],
  ['a ping in fragments', {}, [frame(PING, 'x', { fin: false })], 1002], ['a ping of 126 bytes', {}, [frame(PING, 'x'.repeat(126))], 1002],
  ['a close of one byte', {}, [frame(CLOSE, 'x')], 1002], ['close 1005', {}, [frame(CLOSE, hex('03ed'))], 1002], ['close 5000', {}, [frame(CLOSE, hex('1388'))], 1002],
  ['a reason that is no UTF-8', {}, [frame(CLOSE, hex('03e8 c328'))], 1007], ['close', {}, [frame(CLOSE, hex('03e8'))], 1000], ['close 4999', {}, [frame(CLOSE, hex('1387 78'))], 4999],
  ['close without a code', {}, [frame(CLOSE)], undefined],
];

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

scenario('what is no message, what is too long, what breaks the protocol: closed with its code, and the session ends', { env: EACH }, async (s) => {
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
  const beats = { false: pack([0, HEARTBEAT, 'user1', 0, { metadata }]), true: Buffer.from(JSON.stringify([0, HEARTBEAT, 'user1', 0, { metadata }])) };
  const opcode = (json) => (json ? TEXT : BINARY);
  const between = (frames, one) => frames.flatMap((f, i) => (i ? [one, f] : [f]));
  let count = 0;
  for (const json of [false, true]) {
    const phone = await connect(s, 'user1', { json });
    const beat = beats[json];
    const ways = [fragments(opcode(json), beat, 1), fragments(opcode(json), beat, 7), between(fragments(opcode(json), beat, 1), frame(PONG, 'unasked')),
      between(fragments(opcode(json), beat, 3), frame(PING, 'x'.repeat(125))), [frame(opcode(json), '', { fin: false }), frame(CONTINUATION, beat, { fin: false }), frame(CONTINUATION)],
      [frame(opcode(json), beat, { fin: false }), ...Array(200).fill(frame(CONTINUATION, '', { fin: false })), frame(CONTINUATION)]];
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
  const odd = [[0, -1, 1, 2, 3], [0, 31, 'user1', 0, {}], [0, 32, 'user1', 0, {}], [0, 34, 'user1', 0, {}], [0, 35, 'user1', 0, {}], [0, 2 ** 40, null, null, null],
    [7, 0, 'someone else', {}, 1, 2]];
  const before = await skipped(server);
  phone.write(Buffer.concat([...many, ...odd.map((message) => frame(BINARY, pack(message))), ...fragments(BINARY, voice.subarray(0, 50000), 1000)]));
  viewer.write(Buffer.concat([frame(TEXT, '[1,1,"boss","group1","not even closed'), frame(TEXT, `[ 1 , 2 , ${'['.repeat(50000)}`)]));
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

scenario('too many bytes of others: 1008', { servers: 0, env: EACH }, async (s) => {
  const slow = await s.startServer({ PRESENCE_MAX_BYTE_RATE: '16k' });
  const free = await s.startServer({ PRESENCE_MAX_BYTE_RATE: '0' });
  const voice = frame(BINARY, pack([1, PTT, 'user1', 'group1', Buffer.alloc(5000)]));
  const phone = await connect(s, 'user1', { server: slow }), loud = await connect(s, 'user2', { server: free });
  phone.write(Buffer.concat(Array(4).fill(voice)));
  await alive(phone, 'a burst');
  phone.write(Buffer.concat(Array(40).fill(voice)));
  const close = await phone.closing();
  assert.deepEqual([close.code, close.reason], [1008, 'Too many bytes']);
  for (let i = 0; i < 4; i++) loud.write(Buffer.concat(Array(200).fill(voice)));
  await alive(loud, 'any rate');
  assert.equal(await metric(slow, 'presence_closed_total{reason="rate"}'), 1);
});

scenario('more than 10 messages a second for 5 s: 1008; a few bursts, and 7 a second, stay', { env: EACH }, async (s) => {
  const [spam, bursts, steady, viewer] = await Promise.all([connect(s, 'user1'), connect(s, 'user1'), connect(s, 'user1'),
    connect(s, 'boss', { role: 'web' })]);
  const beat = frame(BINARY, beatOf(hex('80')));
  const wish = frame(BINARY, pack([0, SUBSCRIBE, 'boss', 0, { users: [] }]));
  const started = Date.now();
  bursts.write(Buffer.concat(Array(300).fill(beat)));
  const timers = [setInterval(() => { if (!spam.ended) spam.write(Buffer.concat(Array(6).fill(beat))); }, 200),
    setInterval(() => { if (!viewer.ended) viewer.write(Buffer.concat(Array(6).fill(wish))); }, 200),
    setInterval(() => steady.write(beat), 150)];
  try {
    for (const raw of [spam, viewer]) {
      const close = await raw.closing();
      assert.deepEqual([close.code, close.reason], [1008, 'Too many messages']);
      assert.ok(Date.now() - started > 3500, 'not at once');
    }
    await alive(steady, 'seven a second');
    await alive(bursts, 'one burst');
  } finally {
    for (const timer of timers) clearInterval(timer);
  }
  assert.equal(await metric(s.servers[0], 'presence_closed_total{reason="rate"}'), 2);
});

scenario('who it is comes from the token alone; 7 and "7" are one', { env: EACH }, async (s) => {
  const server = s.servers[0];
  const phone = await connect(s, 'user1');
  const foreign = ['user2', 'USER1', 'user1 ', '', 0, 1, -7];
  for (const from of foreign) phone.send(BINARY, pack([0, HEARTBEAT, from, 0, { metadata: { by: 'another' }, userId: 'user1' }]));
  await alive(phone, 'refused, not closed');
  assert.equal(await refusedBeats(server), foreign.length);
  phone.send(BINARY, pack([0, HEARTBEAT, 'user1', 'user2', { userId: 'user2', deviceId: 'x', metadata: { by: 'itself' } }]));
  await until(async () => await s.redis.hget('presence:meta:user1', 'metadata') === '{"by":"itself"}', 'its own is taken');
  assert.equal(await s.redis.hget('presence:meta:user1', 'deviceId'), 'raw-1');
  assert.deepEqual(await s.online(), ['user1']);
  for (const [uid, json] of [[7, false], ['7', false], [7, true], ['7', true]]) {
    const seven = await connect(s, uid, { json });
    for (const from of [7, '7']) seven.send(json ? TEXT : BINARY, json ? JSON.stringify([0, HEARTBEAT, from, 0, null]) : pack([0, HEARTBEAT, from, 0, null]));
    seven.send(json ? TEXT : BINARY, json ? '[0,30,"07",0,{}]' : pack([0, HEARTBEAT, '07', 0, null]));
    await alive(seven, 'seven');
    seven.terminate();
  }
  assert.equal(await refusedBeats(server), foreign.length + 4);
  assert.equal(await heard(server), foreign.length + 1 + 12);
  assert.deepEqual((await s.redis.keys('presence:meta:*')).sort(), ['presence:meta:7', 'presence:meta:user1']);
});

scenario('a token that expires closes with 4401, a kick with 4403', { env: EACH }, async (s) => {
  const server = s.servers[0];
  const exp = Math.floor(Date.now() / 1000) + 2;
  const soon = await Promise.all([connect(s, 'brief', { claims: { exp } }), connect(s, 'boss', { role: 'web', claims: { exp } })]);
  const kick = (more) => s.redis.publish('presence:control', JSON.stringify({ cmd: 'kick', ...more }));
  const phones = await Promise.all(['a', 'b'].map((device) => connect(s, 'user1', { headers: { device_id: device } })));
  const viewer = await connect(s, 'user1', { role: 'web' }), other = await connect(s, 'user2');
  await until(async () => await s.redis.hlen('presence:sessions:user1') === 2 && (await s.online()).length === 3, 'all are online');

  for (const text of ['', 'x', '[]', '{}', '{"cmd":"kick"}', '{"cmd":"kick","userId":7}', '{"cmd":"kick","userId":"user1","db":5}', '{"cmd":"dance","userId":"user1"}'])
    await s.redis.publish('presence:control', text);
  await kick({ userId: 'user1', deviceId: 'a' });
  const first = await phones[0].closing();
  assert.deepEqual([first.code, first.reason], [4403, 'Kicked']);
  for (const raw of [phones[1], viewer, other]) await alive(raw, 'not meant');
  assert.equal((await s.redis.hgetall('presence:meta:user1')).status, 'online');
  await kick({ userId: 'user1' });
  for (const raw of [phones[1], viewer]) assert.equal((await raw.closing()).code, 4403);
  await wentOffline(s, 'user1', 'kicked');
  await alive(other, 'another user');
  assert.equal(await metric(server, 'presence_closed_total{reason="kicked"}'), 3);

  for (const raw of soon) {
    const close = await raw.closing();
    assert.deepEqual([close.code, close.reason], [4401, 'Token expired']);
    assert.ok(Date.now() >= exp * 1000, 'not before');
  }
  await wentOffline(s, 'brief', 'token_expired');
  assert.equal(await metric(server, 'presence_closed_total{reason="token_expired"}'), 2);
});

scenario('no pong: the connection is given up, its session has its TTL', { expiryds: 1,
  env: { ...EACH, PRESENCE_PING_INTERVAL: '200ms', PRESENCE_PONG_TIMEOUT: '200ms', PRESENCE_TTL: '2500ms', PRESENCE_HOLDBACK: '0' } }, async (s) => {
  const server = s.servers[0];
  const talking = await s.phone('talking');
  const dead = await connect(s, 'dead'), viewer = await connect(s, 'boss', { role: 'web' });
  const busy = await connect(s, 'busy');
  const timer = setInterval(() => busy.send(BINARY, beatOf(hex('80'))), 100); // no pong either, but it is heard
  try {
    await Promise.all([dead.gone('the dead phone'), viewer.gone('the dead viewer')]);
    assert.equal(await metric(server, 'presence_closed_total{reason="no_pong"}'), 2);
    const pings = [];
    for (let got = await dead.frame(); got; got = await dead.frame()) pings.push(got.opcode);
    assert.deepEqual(pings, [PING], 'no close frame for who is not there');
    assert.ok((await s.online()).includes('dead'), 'it keeps its session');
    await wentOffline(s, 'dead', 'expired');
    const meta = await s.redis.hgetall('presence:meta:dead');
    assert.ok(meta.since - meta.lastSeen >= 2500, `${meta.since - meta.lastSeen} ms`);
    assert.equal(talking.close_code, undefined, 'who answers stays connected');
    assert.equal(busy.ended, false);
    await wentOffline(s, 'talking', 'expired'); // a pong is no heartbeat
  } finally {
    clearInterval(timer);
  }
});

scenario('PRESENCE_REFRESH_ON_PONG: a pong is a heartbeat, also of a phone that talks all the time', { expiryds: 1,
  env: { ...EACH, PRESENCE_REFRESH_ON_PONG: 'true', PRESENCE_PING_INTERVAL: '200ms', PRESENCE_PONG_TIMEOUT: '1s', PRESENCE_TTL: '1s', PRESENCE_HOLDBACK: '0' } },
async (s) => {
  const dashboard = await s.dashboard();
  const quiet = await s.phone('quiet'), loud = await s.phone('loud', { device: 'd' });
  const seldom = await s.startServer({ PRESENCE_PING_INTERVAL: '1h', PRESENCE_TTL: '2500ms' });
  await s.phone('late', { server: seldom });
  await until(() => dashboard.online.length === 3, 'all are online');
  const timer = setInterval(() => loud.send([1, PTT, 'loud', 'group1', Buffer.alloc(100)]), 50);
  await sleep(3000);
  clearInterval(timer);
  assert.deepEqual(dashboard.online, ['late', 'loud', 'quiet']);
  assert.equal(dashboard.updates.length, 3, JSON.stringify(dashboard.updates));
  quiet.terminate();
  await until(() => dashboard.online.length === 2, 'offline');
});

scenario('the peer says goodbye, half of it, or nothing: offline at once', { env: EACH }, async (s) => {
  const endings = {
    close: (raw) => raw.send(CLOSE, hex('03e9')), fin: (raw) => raw.end(), reset: (raw) => raw.socket.resetAndDestroy(),
    'fin-in-a-frame': (raw) => { raw.write(frame(BINARY, hex('950001'), { says: 100 })); raw.end(); },
    'reset-in-a-message': (raw) => { raw.write(frame(BINARY, hex('95001e'), { fin: false })); raw.socket.resetAndDestroy(); },
  };
  await leavesNothing(s.servers[0], async () => {
    for (const [user, end] of Object.entries(endings)) {
      const raw = await connect(s, user);
      await until(async () => (await s.online()).includes(user), `${user} is online`);
      end(raw);
      await wentOffline(s, user, 'disconnected');
      if (!user.startsWith('reset')) await raw.gone(user);
      raw.terminate();
    }
  });
});

scenario('PRESENCE_ENABLED=false: clients are held, presence messages ignored', { env: { ...EACH, PRESENCE_ENABLED: 'false' } }, async (s) => {
  const server = s.servers[0];
  const phone = await connect(s, 'user1'), viewer = await connect(s, 'boss', { role: 'web', json: true });
  phone.write(Buffer.concat([frame(BINARY, beatOf(hex('80'))), frame(BINARY, pack([0, SUBSCRIBE, 'user1', 0, 'anything']))]));
  viewer.send(TEXT, '[0,33,"boss",0,{"users":["user1"]}]').send(TEXT, '[0,30,"boss",0,{}]');
  assert.equal(JSON.parse(await viewer.message())[1], HELLO);
  await alive(phone, 'phone');
  await alive(viewer, 'viewer');
  assert.equal(await skipped(server), 4);
  assert.deepEqual(await s.redis.keys('presence:*'), []);
  assert.equal((await fetch(`http://127.0.0.1:${server.port}/healthz`)).status, 200);
  const ready = await fetch(`http://127.0.0.1:${server.port}/readyz`);
  assert.deepEqual([ready.status, (await ready.json()).success], [503, false]);
});
