// SPDX-License-Identifier: MIT
// Messages and frames that end a connection, and with which code (PROTOCOL.md).
'use strict';
const { frame, fragments, TEXT, BINARY, CONTINUATION, CLOSE, PING } = require('./raw');
const { HEARTBEAT, SUBSCRIBE } = require('./clients');
const { PTT, pack, hex, beatOf } = require('./frames');

const map = (count) => Buffer.concat([hex('85'), ...Array.from({ length: count }, () => hex('a161'))]);
// A message 33 of user1 around the bytes of a payload.
const wishOf = (...payload) => Buffer.concat([hex('95 00 21 a5'), Buffer.from('user1'), hex('00'), ...payload]);
// A heartbeat and an interest of that many bytes.
const padded = (size, make) => make('y'.repeat(2 * size - 64 - make('y'.repeat(size - 64)).length));
const beatBytes = (size) => padded(size, (x) => beatOf(pack({ x })));
const wishBytes = (size) => padded(size, (x) => wishOf(pack({ x })));
const deep = (opening, closing, levels) => opening.repeat(levels) + closing.repeat(levels);

// [what, message]: each ends a MessagePack phone's connection with 1007.
const MALFORMED = [
  ['a byte never used', hex('c1')], ['a byte never used as the channel', hex('95 c1 1e')], ['numbers in a row', Buffer.from('hello')],
  ['JSON', Buffer.from('[0,30,"user1",0,{}]')], ['a text cut short', hex('a568')], ['a map cut short', hex('81 00')],
  ['no elements and more behind them', hex('90 00')],
  ['two', pack([0, HEARTBEAT])], ['three', pack([0, SUBSCRIBE, 'user1'])], ['four', pack([0, HEARTBEAT, 'user1', 0])],
  ['seven', pack([0, HEARTBEAT, 'user1', 0, 1, 2, {}])], ['four, the type a double', hex('94 00 ca41f00000 a5 7573657231 00')],
  ['a lying array', hex('ddffffffff 00 1e')], ['channel a text', pack(['0', HEARTBEAT, 'user1', 0, {}])],
  ['channel nil', pack([null, SUBSCRIBE, 'user1', 0, {}])], ['channel 0.5', pack([0.5, HEARTBEAT, 'user1', 0, {}])],
  ['channel a list', pack([[0], HEARTBEAT, 'user1', 0, {}])], ['from 1.5', pack([0, HEARTBEAT, 1.5, 0, {}])], ['a cut head', hex('95 00')], ['a cut type', hex('95 00 cd 00')],
  ['a cut user', hex('95 00 1e a5 7573')], ['no payload', hex('95 00 1e a1 61 00')],
  ['more behind it', Buffer.concat([beatOf(hex('80')), hex('00')])],
  ['twice', Buffer.concat([beatOf(hex('80')), beatOf(hex('80'))])], ['from a map', pack([0, HEARTBEAT, {}, 0, {}])],
  ['from nil', pack([0, HEARTBEAT, null, 0, {}])], ['from true', pack([0, HEARTBEAT, true, 0, {}])],
  ['from bytes', pack([0, HEARTBEAT, Buffer.from('user1'), 0, {}])],
  ['to a list', pack([0, HEARTBEAT, 'user1', [], {}])], ['payload a list', pack([0, HEARTBEAT, 'user1', 0, []])],
  ['payload a number', pack([0, HEARTBEAT, 'user1', 0, 1])], ['payload a text', pack([0, HEARTBEAT, 'user1', 0, 'x'])],
  ['a map without its values', beatOf(map(5))], ['a lying map', beatOf(hex('dfffffffff'))],
  ['a lying map16', beatOf(hex('deffff'))],
  ['a lying text', beatOf(hex('81 dbffffffff'))], ['a lying list', beatOf(hex('81 a161 ddffffffff'))],
  ['lying bytes', beatOf(hex('81 a161 c6ffffffff'))],
  ['a lying extension', beatOf(hex('81 a161 c9ffffffff 00'))],
  ['a map within a map without end', beatOf(hex('81a161'.repeat(1000)))],
  ['lists without end', beatOf(Buffer.alloc(4000, 0x91))],
  ['deep lists', pack([0, HEARTBEAT, 'user1', 0, { a: JSON.parse(deep('[', ']', 40)) }])],
  ['a number as a key', beatOf(hex('81 01 01'))], ['a key nil', beatOf(hex('81 c0 01'))],
  ['interest nil', pack([0, SUBSCRIBE, 'user1', 0, null])], ['interest a list', pack([0, SUBSCRIBE, 'user1', 0, []])],
  ['groups a text', pack([0, SUBSCRIBE, 'user1', 0, { groups: 'red' }])],
  ['groups a map', pack([0, SUBSCRIBE, 'user1', 0, { groups: {} }])],
  ['a group that is empty', pack([0, SUBSCRIBE, 'user1', 0, { groups: [''] }])],
  ['257 groups', pack([0, SUBSCRIBE, 'user1', 0, { groups: Array(257).fill('a') }])],
  ['a user 1.5', pack([0, SUBSCRIBE, 'user1', 0, { users: [1.5] }])],
  ['a user nil', pack([0, SUBSCRIBE, 'user1', 0, { users: [null] }])],
  ['a user of 129 bytes', pack([0, SUBSCRIBE, 'user1', 0, { users: ['u'.repeat(129)] }])],
  ['4097 users', pack([0, SUBSCRIBE, 'user1', 0, { users: Array(4097).fill('a') }])],
  ['batch a text', pack([0, SUBSCRIBE, 'user1', 0, { batch: 'yes' }])],
  ['since a number', pack([0, SUBSCRIBE, 'user1', 0, { since: 5 }])],
  ['users twice', wishOf(hex('82'), pack('users'), hex('90'), pack('users'), hex('90'))],
  ['a lying list of users', wishOf(hex('81'), pack('users'), hex('ddffffffff'))],
];

// The same on a JSON phone.
const MALFORMED_JSON = [
  ' ', 'hello', 'nul', '"x', '{}x', '[]]', '\ufeff', '[0', '[0,30', '[0,30]', '[0,30.0]', '[0,33]', '[0,30,"user1",0]', '[0,30,"user1",0,1,2,{}]',
  '[0 30,"user1",0,{}]',
  '[,30,"user1",0,{}]', '["0",30,"user1",0,{}]', '[0.5,30,"user1",0,{}]', '[[0],33,"user1",0,{}]', '[99999999999999999999,30,"user1",0,{}]',
  '[00,30,"user1",0,{}]', '[0,+30,"user1",0,{}]', '[0,30.,"user1",0,{}]',
  '[0,30,"user1",0,{}', '[0,30,"user1",0,{}]]', '[0,30,"user1",0,{}] x',
  '[0,30,"user1",0,{},]', "[0,30,'user1',0,{}]",
  '[0,30,"user1",0,{a:1}]', '[0,30,"user1",0,{"a":NaN}]', '[0,30,"user1",0,{"a":1,"a":2}]',
  '[0,30,"user1",0,{"a":"\\ud800"}]',
  '[0,30,"user1",0,{"metadata":{a:1}}]', '[0,30,null,0,{}]',
  '[0,30,{},0,{}]', '[0,30,1.5,0,{}]',
  '[0,30,"user1",[],{}]', '[0,30,"user1",0,"x"]', '[0,30,"user1",0,[]]', '\ufeff\ufeff[0,30,"user1",0,{}]', '/**/[0,30,"user1",0,{}]',
  '[0,30,"user1",0,{}]\0',
  `[0,30,"user1",0,{"a":${deep('[', ']', 1000)}}]`, `[0,30,"user1",0,${'{"a":'.repeat(700)}`,
  Buffer.from('[0,30,"user1",0,{"a":"\xff"}]', 'latin1'), Buffer.from('[0,30,"user1",0,{"a":"\xc0\x80"}]', 'latin1'),
  '[0,33,"user1",0,null]', '[0,33,"user1",0,{"groups":[true]}]',
  `[0,33,"user1",0,{"users":${JSON.stringify(Array(4097).fill('a'))}}]`,
];

const NO_BEATS = /^Web clients cannot send heartbeat$/;

// [what, message]: none of presence's, so it is skipped and the connection stays (MessagePack, and the same in JSON below).
const OTHERS = [
  ['nothing', Buffer.alloc(0)], ["the SDK's greeting", hex('93 00 04 a5 75 73 65 72 31')], ["the SDK's end of talk", pack([1, 2, 'user1', '0'])],
  ['one element', pack([HEARTBEAT])], ['two elements', pack([0, 4])], ['seven elements', pack([0, PTT, 'user1', 0, 1, 2, {}])],
  ['a hundred elements', pack(Array(100).fill(7))], ['no elements', hex('90')], ['a lying array', hex('ddffffffff 00 01')],
  ['nil', hex('c0')], ['a number', hex('1e')], ['a text', pack('[0,30]')], ['bytes', pack(Buffer.alloc(3000))],
  ['a map', pack({ 0: 0, 1: HEARTBEAT })], ['an extension', hex('d4 05 00')], ['an extension as the channel', hex('93 d6 ff 00000000 04 00')],
  ['nested elements', pack([[{ a: [1] }, []], 4, { b: {} }, null])], ['nested without end', Buffer.concat([hex('92'), Buffer.alloc(300, 0x91), hex('00 04')])],
  ['channel nil', pack([null, 5, 'x'])], ['channel a long text', pack(['x'.repeat(3000), 5])], ['channel far too long', pack([Buffer.alloc(2 ** 16), HEARTBEAT])],
  ['a head too long, cut', Buffer.concat([hex('95 c6 00100000'), Buffer.alloc(9000)])],
  ['type a text', pack([0, '30', 'user1', 0, {}])], ['type nil', pack([0, null, 'user1', 0, {}])], ['type a list', pack([0, [30], 'user1', 0, {}])],
  ['type bytes', pack([0, Buffer.from([30]), 'user1'])], ['type true', pack([0, true])], ['type 30.5', pack([0, 30.5, 'user1', 0, {}])],
  ['type 4.0', hex('93 00 cb4010000000000000 c0')], ['type -1', hex('92 00 ff')], ['type 2^63', hex('92 00 cf8000000000000000')],
  ['type int64', hex('93 00 d3ffffffffffffff00 00')], ['type NaN', hex('92 00 ca7fc00000')], ['cut behind the type', hex('95 00 04 a5 7573')],
];
const OTHERS_JSON = [
  '', '[0,4,"user1"]', '[1,2,"user1","0"]', '[30]', '[0,4]', '[0,1,"user1",0,1,2,{}]', JSON.stringify(Array(100).fill(7)), '[]', ' [ ] ',
  'null', '30', '-1.5e3', '"x"', '{}', '{"type":"ping"}', '[[{"a":[1]},[]],4,{"b":{}},null]', `[${deep('[', ']', 300)},4]`, '[null,5]',
  JSON.stringify(['x'.repeat(3000), 5]), `["${'x'.repeat(2 ** 16)}",30]`, `[0,${' '.repeat(5000)}30,"user1",0,{}]`, '[0,"30","user1",0,{}]',
  '[0,null]', '[0,[30],"user1",0,{}]', '[0,true]', '[0,30.5,"user1",0,{}]', '[0,4.0]', '[0,-1]', '[0,99999999999999999999,"user1",0,{}]',
  '[0,1e400]', '[99999999999999999999,4]', '\ufeff[0,4]', '[0,4,"cut',
];
// Heartbeats whose metadata is dropped.
const DROPPED = [
  ['metadata a list', pack([0, HEARTBEAT, 'user1', 0, { metadata: [] }])],
  ['metadata a text', pack([0, HEARTBEAT, 'user1', 0, { metadata: '{}' }])],
  ['metadata over 1 KiB', pack([0, HEARTBEAT, 'user1', 0, { metadata: { x: 'y'.repeat(1017) } }])],
  ['metadata that grows', pack([0, HEARTBEAT, 'user1', 0, { metadata: { x: '\u0001'.repeat(300) } }])],
  ['metadata twice', Buffer.concat([beatOf(hex('82')), pack('metadata'), hex('80'), pack('metadata'), hex('80')])],
  ['a key twice in metadata', Buffer.concat([beatOf(hex('81')), pack('metadata'), hex('82 a16101 a16102')])],
  ['deep metadata', pack([0, HEARTBEAT, 'user1', 0, { metadata: { a: JSON.parse(deep('[', ']', 20)) } }])],
  ['metadata a number', pack([0, HEARTBEAT, 'user1', 0, { metadata: 7, timestamp: 1 }])],
  ['metadata of many items', pack([0, HEARTBEAT, 'user1', 0, { metadata: { x: Array(3500).fill(0) } }])],
  ['a key that is no UTF-8', Buffer.concat([beatOf(hex('81')), pack('metadata'), hex('81 a1ff 01')])],
  ['a key that is a number', Buffer.concat([beatOf(hex('81')), pack('metadata'), hex('81 01 01')])],
];
const DROPPED_JSON = [
  '[0,30,"user1",0,{"metadata":[]}]', '[0,30,"user1",0,{"metadata":5}]', `[0,30,"user1",0,{"metadata":{"x":"${'y'.repeat(1017)}"}}]`,
  `[0,30,"user1",0,{"metadata":{"a":${deep('[', ']', 1000)}}}]`, '[0,30,"user1",0,{"metadata":{"a":1,"a":2}}]',
  '[0,30,"user1",0,{"metadata":{"a":"\\u0000"}}]', '[0,30,"user1",0,{"metadata":{"a":"\\ud800"},"timestamp":1}]',
];
// Heartbeats of user1, written in other ways.
const BEATS = [
  ['float32', hex('95 ca00000000 ca41f00000 a5 7573657231 ca00000000 80')],
  ['float64', hex('95 cb0000000000000000 cb403e000000000000 a5 7573657231 00 c0')],
  ['array32 and int64', hex('dd00000005 d30000000000000000 d3000000000000001e a5 7573657231 00 80')],
  ['array16, uint16 and int8', hex('dc0006 cd0000 d01e a5 7573657231 00 00 80')],
];
const BEATS_JSON = [
  '[0,30.0,"user1",0,{}]', '[0.0,3e1,"user1",0,null]', '[-0,300E-1,"user1",0.0,{"timestamp":1.7e12}]', `[0,30.${'0'.repeat(200)},"user1",0,{}]`,
  '\ufeff[0,30,"user1",0,{}]', `[0,${' '.repeat(3000)}30,"user1",0,{}]`, '[0,30,"user1",0,{"timestamp":99999999999999999999}]',
  '[0,30,"user1",0,{"a":[1e400,-123456789012345678901234567890]}]',
];

// [what, options of connect, frames, code, reason]
const BROKEN = [
  ['text to MessagePack', {}, [frame(TEXT, '[0,30,"user1",0,{}]')], 1003, /speaks MessagePack/],
  ['text that is no JSON to MessagePack', {}, [frame(TEXT, 'hello')], 1003, /speaks MessagePack/],
  ['a subscription as text to MessagePack', {}, [frame(TEXT, '[0,33.0,"user1",0,{}]')], 1003, /speaks MessagePack/],
  ['binary to JSON', { json: true }, [frame(BINARY, beatOf(hex('80')))], 1003, /speaks JSON/],
  ['binary that is no MessagePack to JSON', { json: true }, [frame(BINARY, hex('c1'))], 1003, /speaks JSON/],
  ['text in fragments', {}, fragments(TEXT, '[0,30,', 1), 1003, /MessagePack/],
  ['a heartbeat of web', { role: 'web' }, [frame(BINARY, beatOf(hex('80')))], 1008, NO_BEATS],
  ['a heartbeat of a dashboard', { role: 'dashboard', json: true }, [frame(TEXT, '[0,30,"user1",0,{}]')], 1008, NO_BEATS],
  ['a heartbeat of web, its first bytes', { role: 'web' }, [frame(BINARY, beatOf(hex('8a')), { fin: false })], 1008, NO_BEATS],
  ['4097 bytes of heartbeat', {}, [frame(BINARY, beatBytes(4097))], 1009, /too big/],
  ['4097 bytes in fragments', {}, fragments(BINARY, beatBytes(4097), 100), 1009, /too big/],
  ['4097 bytes of JSON', { json: true }, [frame(TEXT, padded(4097, (x) => `[0,30,"user1",0,{"x":"${x}"}]`))], 1009, /too big/],
  ['a heartbeat of 2^62 bytes', {}, [frame(BINARY, beatOf(hex('80')), { says: 2n ** 62n })], 1009, /too big/],
  ['65537 bytes of interest', {}, [frame(BINARY, wishBytes(65537))], 1009, /too big/],
  ['interest of 2^62 bytes', { role: 'web' }, [frame(BINARY, wishOf(hex('80')), { says: 2n ** 62n })], 1009, /too big/],
  ['interest in fragments without end', { json: true },
    fragments(TEXT, `[0,33,"user1",0,{"x":"${'y'.repeat(70000)}"}]`, 4000), 1009, /too big/],
  ['2^63 bytes', {}, [Buffer.concat([hex('82 ff 8000000000000000'), Buffer.alloc(8)])], 1002],
  ['a reserved bit', {}, [frame(BINARY, beatOf(hex('80')), { rsv: 4 })], 1002], ['opcode 3', {}, [frame(3, 'x')], 1002],
  ['opcode 11', {}, [frame(11, 'x')], 1002],
  ['a continuation of nothing', {}, [frame(CONTINUATION, 'x')], 1002],
  ['a message within a message', {}, [frame(BINARY, hex('95'), { fin: false }), frame(BINARY, hex('95'))], 1002],
  ['a ping in fragments', {}, [frame(PING, 'x', { fin: false })], 1002],
  ['a ping of 126 bytes', {}, [frame(PING, 'x'.repeat(126))], 1002],
  ['a close of one byte', {}, [frame(CLOSE, 'x')], 1002], ['close 1005', {}, [frame(CLOSE, hex('03ed'))], 1002],
  ['close 5000', {}, [frame(CLOSE, hex('1388'))], 1002],
  ['a reason that is no UTF-8', {}, [frame(CLOSE, hex('03e8 c328'))], 1007], ['close', {}, [frame(CLOSE, hex('03e8'))], 1000],
  ['close 4999', {}, [frame(CLOSE, hex('1387 78'))], 4999],
  ['close without a code', {}, [frame(CLOSE)], undefined],
];

module.exports = { MALFORMED, MALFORMED_JSON, OTHERS, OTHERS_JSON, BEATS, BEATS_JSON, DROPPED, DROPPED_JSON, BROKEN, beatBytes, wishBytes };
