// SPDX-License-Identifier: MIT
// Headers of the PROXY protocol, as bytes.
'use strict';
const net = require('node:net');

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const LOCAL = 0x20, PROXY = 0x21;
const UNSPEC = 0x00, TCP4 = 0x11, UDP4 = 0x12, TCP6 = 0x21, UNIX = 0x31;

const v1 = (client) => Buffer.from(`PROXY TCP${net.isIP(client)} ${client} ${net.isIP(client) === 4 ? '192.0.2.9' : '2001:db8::9'} 4711 80\r\n`);

// `says`: another length than the block has.
function raw2(command, family, block = Buffer.alloc(0), says = block.length) {
  const head = Buffer.from([command, family, says >> 8, says & 255]);
  return Buffer.concat([SIGNATURE, head, block]);
}

function v6bytes(address) {
  const [front, back = ''] = address.split('::').map((part) => part.split(':').filter(Boolean).map((group) => parseInt(group, 16)));
  const all = [...front, ...Array(8 - front.length - back.length).fill(0), ...back];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 255]));
}

// `tlvs`: bytes behind the addresses.
function v2(client, tlvs = Buffer.alloc(0)) {
  const ports = Buffer.from([0x12, 0x67, 0, 80]);
  if (net.isIP(client) === 6) return raw2(PROXY, TCP6, Buffer.concat([v6bytes(client), v6bytes('2001:db8::9'), ports, tlvs]));
  return raw2(PROXY, TCP4, Buffer.concat([Buffer.from(client.split('.').map(Number)), Buffer.from([192, 0, 2, 9]), ports, tlvs]));
}

module.exports = { v1, v2, raw2, SIGNATURE, LOCAL, PROXY, UNSPEC, TCP4, UDP4, TCP6, UNIX };
