// Messages and frames that end a connection, and with which code (contract section 3).
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
  ['nothing', Buffer.alloc(0)], ['a byte never used', hex('c1')], ['nil', hex('c0')], ['a number', hex('1e')],
  ['a text', pack('[0,30]')],
  ['a map', pack({ 0: 0, 1: HEARTBEAT })], ['no elements', hex('90')], ['four', pack([0, HEARTBEAT, 'user1', 0])],
  ['seven', pack([0, HEARTBEAT, 'user1', 0, 1, 2, {}])], ['seven of another type', pack([0, PTT, 'user1', 0, 1, 2, {}])],
  ['a lying array', hex('ddffffffff 00 1e')], ['channel a text', pack(['0', HEARTBEAT, 'user1', 0, {}])],
  ['type a text', pack([0, '30', 'user1', 0, {}])], ['type nil', pack([0, null, 'user1', 0, {}])],
  ['type 30.5', pack([0, 30.5, 'user1', 0, {}])],
  ['type a list', pack([0, [30], 'user1', 0, {}])], ['a cut head', hex('95 00')], ['a cut type', hex('95 00 cd 00')],
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
  ['metadata a list', pack([0, HEARTBEAT, 'user1', 0, { metadata: [] }])],
  ['metadata a text', pack([0, HEARTBEAT, 'user1', 0, { metadata: '{}' }])],
  ['metadata over 1 KiB', pack([0, HEARTBEAT, 'user1', 0, { metadata: { x: 'y'.repeat(1017) } }])],
  ['metadata that grows', pack([0, HEARTBEAT, 'user1', 0, { metadata: { x: '\u0001'.repeat(300) } }])],
  ['metadata twice', Buffer.concat([beatOf(hex('82')), pack('metadata'), hex('80'), pack('metadata'), hex('80')])],
  ['a key twice in metadata', Buffer.concat([beatOf(hex('81')), pack('metadata'), hex('82 a16101 a16102')])],
  ['deep metadata', pack([0, HEARTBEAT, 'user1', 0, { metadata: { a: JSON.parse(deep('[', ']', 20)) } }])],
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
  '', ' ', 'null', '30', '"x"', '{}', '[]', '[0', '[0,30', '[0,30]', '[0,30,"user1",0]', '[0,30,"user1",0,1,2,{}]',
  '[0 30,"user1",0,{}]',
  '[,30,"user1",0,{}]', '["0",30,"user1",0,{}]', '[0,"30","user1",0,{}]', '[0,30.5,"user1",0,{}]', '[0,3e1,"user1",0,{}]',
  '[0,030,"user1",0,{}]', '[0,+30,"user1",0,{}]',
  '[0,99999999999999999999,"user1",0,{}]', '[0,30,"user1",0,{}', '[0,30,"user1",0,{}]]', '[0,30,"user1",0,{}] x',
  '[0,30,"user1",0,{},]', "[0,30,'user1',0,{}]",
  '[0,30,"user1",0,{a:1}]', '[0,30,"user1",0,{"a":NaN}]', '[0,30,"user1",0,{"a":1e400}]', '[0,30,"user1",0,{"a":1,"a":2}]',
  '[0,30,"user1",0,{"a":"\\ud800"}]',
  '[0,30,"user1",0,{"metadata":[]}]', `[0,30,"user1",0,{"metadata":{"x":"${'y'.repeat(1017)}"}}]`, '[0,30,null,0,{}]',
  '[0,30,{},0,{}]', '[0,30,1.5,0,{}]',
  '[0,30,"user1",[],{}]', '[0,30,"user1",0,"x"]', '[0,30,"user1",0,[]]', '\ufeff[0,30,"user1",0,{}]', '/**/[0,30,"user1",0,{}]',
  '[0,30,"user1",0,{}]\0',
  `[0,30,"user1",0,{"a":${deep('[', ']', 1000)}}]`, `[0,30,"user1",0,${'{"a":'.repeat(700)}`,
  Buffer.from('[0,30,"user1",0,{"a":"\xff"}]', 'latin1'), Buffer.from('[0,30,"user1",0,{"a":"\xc0\x80"}]', 'latin1'),
  '[0,33,"user1",0,null]', '[0,33,"user1",0,{"groups":[true]}]',
  `[0,33,"user1",0,{"users":${JSON.stringify(Array(4097).fill('a'))}}]`,
];

const NO_BEATS = /^Web clients cannot send heartbeat$/;

// [what, options of connect, frames, code, reason]
const BROKEN = [
  ['text to MessagePack', {}, [frame(TEXT, '[0,30,"user1",0,{}]')], 1003, /speaks MessagePack/],
  ['empty text', {}, [frame(TEXT)], 1003, /speaks MessagePack/],
  ['binary to JSON', { json: true }, [frame(BINARY, beatOf(hex('80')))], 1003, /speaks JSON/],
  ['a first fragment', {}, [frame(TEXT, '[', { fin: false })], 1003, /MessagePack/],
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

module.exports = { MALFORMED, MALFORMED_JSON, BROKEN, beatBytes, wishBytes };
