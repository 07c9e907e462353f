// SPDX-License-Identifier: MIT
// The figures of the house: lines, circles of files, large structs, prototypes without the prefix of their module or folder. figures.js [--list]
// Text heuristics, good to a few per cent: a file calls another when it names a function that the other defines.
'use strict';
const { execFileSync } = require('child_process');
const fs = require('fs');
const path = require('path');

process.chdir(path.join(__dirname, '../..'));
const list = process.argv.includes('--list');
const files = execFileSync('git', ['ls-files', 'lib', 'cmd'], { encoding: 'utf8' }).split('\n').filter((f) => /\.(c|h|lua)$/.test(f) && fs.existsSync(f));
const text = new Map(files.map((f) => [f, fs.readFileSync(f, 'utf8')]));
const bare = (s) => s.replace(/\/\*[^]*?\*\//g, (c) => c.replace(/[^\n]/g, '')).replace(/"(\\.|[^"\\\n])*"/g, '""');
const part = (f) => f.split('/').slice(0, 2).join('/');

function lines() {
  const counts = {};
  for (const f of files) counts[part(f)] = (counts[part(f)] || 0) + text.get(f).split('\n').length - 1;
  const total = Object.values(counts).reduce((a, b) => a + b, 0);
  console.log(`lines of the product: ${total}`);
  if (list) for (const [name, count] of Object.entries(counts)) console.log(`  ${name} ${count}`);
}

// The global functions of each file: a definition begins in the first column and its body in a line of its own.
function definitions() {
  const defined = new Map();
  for (const f of files.filter((n) => n.endsWith('.c'))) {
    for (const m of bare(text.get(f)).matchAll(/^(?!static|typedef|#|\s)[a-z][\w\s*]*?\b([a-z_]\w*)\([^;{}]*\)\s*\n\{/gm)) {
      if (!defined.has(m[1])) defined.set(m[1], []);
      defined.get(m[1]).push(f);
    }
  }
  return defined;
}

function calls() {
  const defined = definitions();
  const edges = new Map();
  for (const f of files.filter((n) => n.endsWith('.c'))) {
    const body = bare(text.get(f));
    const own = new Set([...body.matchAll(/^(?:static )?[a-z][\w\s*]*?\b([a-z_]\w*)\([^;{}]*\)\s*\n\{/gm)].map((m) => m[1]));
    const to = new Set();
    for (const [, name] of body.matchAll(/(?:[=,{(]\s*&?|\b)([a-z_]\w+)(?=\s*\(|\s*[,;})])/g)) {
      if (own.has(name) || !defined.has(name)) continue;
      const called = new RegExp(`\\b${name}\\s*\\(|[=,{]\\s*&?${name}\\s*[,;})]`).test(body);
      const home = defined.get(name).find((g) => part(g) === part(f)) || defined.get(name).find((g) => g.startsWith('lib/'));
      if (called && home && home !== f) to.add(home);
    }
    edges.set(f, to);
  }
  return edges;
}

// Tarjan's strongly connected components with more than one file.
function circles(edges) {
  const index = new Map();
  const low = new Map();
  const stack = [];
  const found = [];
  const visit = (v) => {
    index.set(v, index.size);
    low.set(v, index.get(v));
    stack.push(v);
    for (const w of edges.get(v) || []) {
      if (!index.has(w)) visit(w);
      if (stack.includes(w)) low.set(v, Math.min(low.get(v), low.get(w)));
    }
    if (low.get(v) !== index.get(v)) return;
    const members = stack.splice(stack.indexOf(v));
    if (members.length > 1) found.push(members.sort());
  };
  for (const v of edges.keys()) if (!index.has(v)) visit(v);
  return found;
}

// Fields of the structs that headers show, and those of them that two source files or more touch: the struct is shared as far as that.
// Settings and metrics have a field for each row of their table, so theirs are left out.
function structs() {
  const found = [];
  const sources = files.filter((n) => n.endsWith('.c')).map((n) => bare(text.get(n)));
  const headers = files.filter((n) => n.endsWith('.h')).map((n) => bare(text.get(n))).join('\n');
  const all = (where, pattern) => [...where.matchAll(pattern)].map((found) => found[1]);
  for (const f of files.filter((n) => n.endsWith('.h'))) {
    for (const m of bare(text.get(f)).matchAll(/^struct (\w+) \{\n([^]*?)^\}/gm)) {
      if (/config|counters|settings|options/.test(m[1])) continue;
      const flat = m[2].replace(/\{[^{}]*\}/g, '').replace(/\(\*(\w+)\)\s*\([^()]*\)/g, '$1').replace(/\([^()]*\)/g, '');
      const names = flat.split(';').slice(0, -1).flatMap((field) => field.split(',')).map((field) => /(\w+)\s*(\[[^\]]*\]\s*)*(:\s*\d+)?\s*$/.exec(field)?.[1]);
      const declared = (where) => all(where, new RegExp(`struct ${m[1]} \\**(\\w+)`, 'g'));
      const members = declared(headers).filter((name) => name.length > 1);
      const touches = (source, name) => new RegExp(`\\b(${[...declared(source), ...members, '-'].join('|')})(->|\\.)${name}\\b`).test(source);
      const shared = names.filter((name) => sources.filter((source) => touches(source, name)).length > 1);
      found.push({ fields: names.length, shared: shared.length, name: `${f} struct ${m[1]}` });
    }
  }
  return found;
}

function foreign() {
  const found = [];
  let all = 0;
  for (const f of files.filter((n) => n.endsWith('.h'))) {
    let depth = 0;
    const flat = bare(text.get(f)).split('\n').filter((line) => {
      const outside = depth === 0 && !line.startsWith('#');
      depth += line.split('{').length - line.split('}').length;
      return outside;
    }).join(' ');
    const stem = path.basename(f, '.h').replace(/_inner$/, '');
    const folder = path.basename(path.dirname(f)).replace(/^presence-/, '');
    const starts = [stem.split('_')[0], stem.split('_')[0].replace(/s$/, ''), stem.replace(/s$/, ''), `${folder}_`];
    for (const m of flat.matchAll(/[A-Za-z_][\w\s*]*?\b([a-z_]\w*)\s*\([^;{]*\)\s*(?:__attribute__\(\([^;]*\)\))?\s*;/g)) {
      if (m[0].trim().startsWith('typedef')) continue;
      all++;
      if (!starts.some((s) => m[1].startsWith(s))) found.push(`${f} ${m[1]}`);
    }
  }
  return { found, all };
}

lines();
const rings = circles(calls());
console.log(`circles of files: ${rings.length}`);
if (list) for (const ring of rings) console.log(`  ${ring.join(' ')}`);
for (const [what, key] of [['largest struct in a header', 'fields'], ['most fields that two files or more touch', 'shared']]) {
  const largest = structs().sort((a, b) => b[key] - a[key]);
  console.log(`${what}: ${largest[0][key]}, ${largest[0].name}`);
  if (list) for (const s of largest.slice(1, 12)) console.log(`  ${s[key]} ${s.name}`);
}
const { found, all } = foreign();
console.log(`prototypes without the prefix of their module or folder: ${found.length} of ${all}`);
if (list) for (const name of found) console.log(`  ${name}`);
console.log(`texts that cite a contract section: ${[...text.values()].filter((t) => /contract section/i.test(t)).length}`);
