// SPDX-License-Identifier: MIT
// Examples in the project's documents: fenced blocks by their info string, and what of a message or an answer differs from run to run.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { ROOT } = require('./process');

// In order: { info, text, line }.
function examples(file) {
  const blocks = [];
  let block;
  fs.readFileSync(path.join(ROOT, file), 'utf8').split('\n').forEach((line, i) => {
    if (line.startsWith('```')) {
      if (block) blocks.push(block);
      block = block ? undefined : { info: line.slice(3), text: '', line: i + 1 };
    } else if (block) {
      block.text += `${line}\n`;
    }
  });
  return blocks;
}

// The text of the one block with that info string.
function example(file, info) {
  const found = examples(file).filter((block) => block.info === info);
  if (found.length !== 1) throw new Error(`${file} has ${found.length} examples "${info}"`);
  return found[0].text.trim();
}

const TIMES = ['timestamp', 'lastSeen', 'lastHeartbeat', 'since', 'deadline', 'connectedAt', 'rev', 'serverTime', 'storeSince'];
const AGES = ['sweepAge', 'heldBack'];
const NAMES = ['epoch', 'node'];

// JSON as it was sent, its values that differ from run to run replaced: order, spaces, types and all else count. A 0 stays.
function normalJson(text) {
  return text.replace(new RegExp(`"(${TIMES.join('|')})":\\d{13,16}(?=[,}])`, 'g'), '"$1":<time>')
    .replace(new RegExp(`"(${AGES.join('|')})":\\d+`, 'g'), '"$1":<ms>')
    .replace(new RegExp(`"(${NAMES.join('|')})":"[0-9a-f-]+"`, 'g'), '"$1":<id>')
    .replace(/^(\[\d+,\d+,\d+,"[^"]*",)"\d{16}"/, '$1<rev>');
}

class Walk {
  constructor(bytes) { this.bytes = bytes; this.at = 0; this.out = []; }

  take(count) { this.at += count; return this.bytes.subarray(this.at - count, this.at); }

  put(shown) { this.out.push(shown); }

  text(length, head, replace) {
    const text = this.take(length).toString();
    this.put(replace ? `<${replace}>` : `${head}:${text}`);
    return text;
  }

  // One value; returns its text when it is a string. `key`: under which it stands in a map.
  value(key) {
    const tag = this.take(1)[0], varies = TIMES.includes(key) ? 'time' : NAMES.includes(key) ? 'id' : '';
    if (tag >= 0xa0 && tag <= 0xbf) {
      const revision = !key && this.depth === 1 && tag === 0xb0;
      return this.text(tag & 0x1f, tag.toString(16), varies || (revision && 'rev'));
    }
    if (tag === 0xcf) {
      const number = this.take(8).readBigUInt64BE();
      this.put(varies && number > 0n ? 'cf<time>' : `cf:${number}`);
    } else if (tag >= 0x80 && tag <= 0x8f) this.map(tag);
    else if (tag >= 0x90 && tag <= 0x9f) this.array(tag);
    else if (tag < 0x80 || [0xc0, 0xc2, 0xc3].includes(tag)) this.put(tag.toString(16));
    else throw new Error(`no value of a message begins with ${tag.toString(16)}`);
    return undefined;
  }

  map(tag) {
    this.put(tag.toString(16));
    this.depth++;
    for (let i = tag & 0xf; i > 0; i--) this.value(this.value());
    this.depth--;
  }

  array(tag) {
    this.put(tag.toString(16));
    this.depth = (this.depth || 0) + 1;
    for (let i = tag & 0xf; i > 0; i--) this.value();
    this.depth--;
  }
}

// Likewise MessagePack: first bytes of values count, and the bytes of all that does not differ.
function normalMsgpack(bytes) {
  const walk = new Walk(bytes);
  walk.value();
  if (walk.at !== bytes.length) throw new Error('bytes behind the message');
  return walk.out.join(' ');
}

module.exports = { examples, example, normalJson, normalMsgpack };
