// SPDX-License-Identifier: MIT
// The manual pages and the other documents named below say what the code has, and nothing else: exit 1, and a line for each setting,
// metric, command, exit code, word of scenarios, key, channel, script or alert that stands on one side only. Files, folders and functions that
// lib/ARCHITECTURE.md names must be there; it names each layer, and the files that include a foreign library.
// node tests/tools/documents_pages.js [DIRECTORY OF THE SOURCE]
'use strict';
const fs = require('fs');
const path = require('path');

const root = path.resolve(process.argv[2] || path.join(__dirname, '../..'));
const daemons = ['presence-ws', 'presence-api', 'presence-expiryd'];
const programs = [...daemons, 'presence-ctl', 'presence-sim'];
const pages = Object.fromEntries(programs.map((p) => [p, `cmd/${p}/${p}.${daemons.includes(p) ? 8 : 1}.md`]));
// Every document that is a manual page, and its name as one.
const documents = {
  ...Object.fromEntries(programs.map((p) => [pages[p], `${p}(${daemons.includes(p) ? 8 : 1})`])),
  'lib/ARCHITECTURE.md': 'presence-architecture(7)',
  'lib/store/KEYS.md': 'presence-keys(7)',
  'lib/wire/PROTOCOL.md': 'presence-protocol(7)',
  'cmd/presence-api/HTTP.md': 'presence-http(7)',
  'cmd/presence-sim/SCENARIOS.md': 'presence-scenarios(5)',
  'examples/OPERATIONS.md': 'presence-operations(7)',
};
let bad = 0;

function complain(line) {
  console.log(line);
  bad = 1;
}

function read(file) {
  return fs.readFileSync(path.join(root, file), 'utf8');
}

function files(directory, end) {
  return fs.readdirSync(path.join(root, directory)).filter((f) => f.endsWith(end)).sort().map((f) => `${directory}/${f}`);
}

function sources(directory) {
  return files(directory, '.c').map(read).join('\n');
}

// What the pattern's first group catches, each time.
function all(text, pattern) {
  return [...text.matchAll(pattern)].map((m) => m[1]);
}

// The first catch of a pattern, which must be there: a place in the code that has become another is no reason to be silent.
function one(what, text, pattern) {
  const m = text.match(pattern);
  if (!m) complain(`${what} is not found in the code any more: tests/tools/documents_pages.js must learn where it is`);
  return m ? m[1] : '';
}

function same(what, document, code, described) {
  if (code.length === 0) complain(`${document}: no ${what} is found in the code any more: tests/tools/documents_pages.js must learn where it is`);
  for (const word of new Set(code)) if (!described.includes(word)) complain(`${document}: the ${what} ${word} is not described`);
  for (const word of new Set(described)) if (!code.includes(word)) complain(`${document}: the ${what} ${word} is not in the code`);
}

// What stands below a heading, up to the next one of its level or above.
function part(document, heading) {
  const lines = read(document).split('\n');
  const begin = lines.indexOf(heading);
  if (begin < 0) {
    complain(`${document}: the section "${heading}" is missing`);
    return '';
  }
  const level = heading.indexOf(' ');
  const end = lines.findIndex((l, i) => i > begin && /^#+ /.test(l) && l.indexOf(' ') <= level);
  return lines.slice(begin + 1, end < 0 ? undefined : end).join('\n');
}

// Words in backticks of one column of all tables whose head begins with these cells.
function column(text, head, number) {
  const words = [];
  let inside = false;
  for (const line of text.split('\n')) {
    if (!line.startsWith('|')) inside = false;
    else if (line.startsWith(`| ${head} |`)) inside = true;
    else if (inside) words.push(...all(line.split('|')[number] || '', /`([^`]+)`/g));
  }
  return words;
}

// Settings: the tables of rows in a program's own files, and those of lib that it names.
function settingsOf(program) {
  const own = sources(`cmd/${program}`) + files(`cmd/${program}`, '.h').map(read).join('\n');
  const shared = fs.readdirSync(path.join(root, 'lib')).filter((d) => fs.statSync(path.join(root, 'lib', d)).isDirectory())
    .flatMap((d) => files(`lib/${d}`, '.c').map(read))
    .filter((text) => all(text, /^const struct setting (\w+)\[/gm).some((name) => new RegExp(`\\b${name}\\b`).test(own)));
  return all([own, ...shared].join('\n'), /(?:\.env(?:_alt)? = |SETTING_SECRET\(\s*|SETTING_[A-Z]+\(\s*(?:"[^"]*"|NULL), )"([^"]+)"/g);
}

function settings(program) {
  const lists = all(read(pages[program]), /<!-- settings[^>]*: begin[^>]*-->([^]*?)<!-- settings[^>]*: end/g).join('\n');
  const heads = all(lists, /^- (\*\*.*?)(?: \(.*?\))?: /gm);
  same('setting', pages[program], settingsOf(program),
    heads.flatMap((head) => all(head, /(?:^\*\*`|, `| or )([A-Z][A-Z0-9_]+)/g)));
}

// The rows of metrics.def: METRIC(field, KIND, "name", labels, …) and METRICS(field, KIND, "name", "label", LIST, …), where the values of
// the label stand in a macro LIST(X, ...) of a header. Metrics that no row can hold are written by counters.c.
function metricRows(program) {
  return [...read(`cmd/${program}/metrics.def`).matchAll(/^METRICS?\(\w+, (\w+), "(\w+)", (?:"\w+", ([A-Z_]+)|NULL|((?:"(?:[^"\\]|\\.)*"|[A-Z_ ])+)), /gm)]
    .map(([, kind, name, list, labels = '']) => ({ kind, name, values: list ? listed(program, list) : all(labels, /=\\"([a-z_]+)\\"/g) }));
}

function listed(program, list) {
  const headers = ['lib/http', `cmd/${program}`].flatMap((d) => files(d, '.h')).map(read).join('\n');
  const rows = one(`the list ${list}`, headers, new RegExp(`#define ${list}\\(X, \\.\\.\\.\\)((?:.*\\\\\\n)*.*)`));
  const of = all(rows, /\b([A-Z]\w+)\(\w+, X, __VA_ARGS__\)/g); // a list may be made of another's rows
  return [...of.flatMap((other) => listed(program, other)), ...all(rows, /X\(\w+, "(\w+)"/g)];
}

function metrics(program) {
  const rows = metricRows(program);
  if (rows.length !== all(read(`cmd/${program}/metrics.def`), /^(METRICS?\()/gm).length) complain(`cmd/${program}/metrics.def: a row is not understood by tests/tools/documents_pages.js`);
  const sources = ['lib/http', `cmd/${program}`].flatMap((d) => files(d, '.c')).map(read).join('\n');
  for (const [, field] of read(`cmd/${program}/metrics.def`).matchAll(/^METRICS?\((\w+)/gm))
    if (!new RegExp(`\\bcounters(\\.|->)${field}\\b|_counters(\\.|->)${field}\\b`).test(sources)) complain(`cmd/${program}/metrics.def: nothing counts ${field}`);
  const text = part(pages[program], '# Metrics');
  same('metric', pages[program], [...rows.map((row) => row.name), ...all(read(`cmd/${program}/counters.c`), /"# TYPE (\w+)/g)],
    all(text, /^- \*\*`(\w+)`\*\*/gm));
  for (const value of new Set(rows.flatMap((row) => row.values)))
    if (!text.includes(`\`${value}\``)) complain(`${pages[program]}: the label value ${value} is not described`);
  for (const [, name, kind] of text.matchAll(/^- \*\*`(\w+)`\*\* \((\w+)/gm)) {
    const histogram = rows.some((row) => row.name === name && row.kind === 'HISTOGRAM');
    if (histogram !== (kind === 'histogram')) complain(`${pages[program]}: ${name} is ${histogram ? 'a' : 'no'} histogram`);
  }
}

function commands(program, code) {
  const described = all(part(pages[program], '# Commands'), /^## ([a-z]+)/gm);
  same('command', pages[program], code, described);
}

function exitCodes(program) {
  const numbers = Object.fromEntries([...read('lib/base/program.h').matchAll(/^ +(EXIT_\w+) = (\d+)/gm)].map((m) => [m[1], m[2]]));
  const used = all(sources(`cmd/${program}`) + read('lib/base/program.c'), /\b(EXIT_[A-Z]+)\b/g);
  same('exit code', pages[program], used.map((name) => numbers[name]), all(part(pages[program], '# Exit codes'), /^\| (\d+) \|/gm));
}

function scenarios() {
  const document = 'cmd/presence-sim/SCENARIOS.md';
  const text = read(document);
  const [statements, actors, expect, actions, processes] = ['statements', 'actors', 'expect', 'actions', 'processes'].map((f) => read(`cmd/presence-sim/scenario_${f}.c`));
  const table = one('the table of statements', statements, /statements\[\] = \{([^]*?)\n\};/);
  const texts = one('the table of options', actors, /\} texts\[\] = \{([^]*?)\};/);
  same('statement', document, [...all(table, /\{"([a-z-]+)"/g), ...all(read('cmd/presence-sim/script.c'), /SPAN\("(include)"\)/g)],
    [...column(text, 'statement', 1), ...all(text, /^`(expect)` /gm)]);
  same('option', document, [...all(texts, /\{"([a-z-]+)"/g), ...all(actors, /scenario_option\(word, "([a-z-]+)"/g)],
    column(text, 'option', 1).map((word) => word.replace(/=.*/, '')));
  const expectations = part(document, '# Expectations');
  same('expectation', document, all(one('the table of questions', expect, /questions\[\] = \{([^]*?)\};/), /\{"([a-z]+)"/g),
    [...column(expectations, 'WHAT', 1), ...all(expectations, /Also `([a-z]+)`/g)]);
  same('fault', document, all(one('the table of faults', read('cmd/presence-sim/view_checker.c'), /fault_names\[FAULTS\] = \{([^]*?)\};/), /"([a-z-]+)"/g),
    column(text, 'fault', 1));
  same('rule', document, [...all(one('the table of rules', statements, /names\[\] = \{([^]*?)\};/), /\{"([a-z-]+)"/g), ...all(statements, /"(late)"/g)],
    column(text, 'rule', 1));
  // Of words that other statements take it is enough that they are there.
  for (const word of [...all(actions, /scenario_option\([^,]+, "([a-z]+)"/g), ...all(processes, /scenario_option\([^,]+, "([a-z]+)"/g)])
    if (!text.includes(`[${word}=`) && !text.includes(` ${word}=`)) complain(`${document}: the option ${word} is not described`);
  for (const word of all(one('the table of signals', processes, /signals\[\] = \{([^]*?)\};/), /\{"([A-Z0-9]+)"/g))
    if (!text.includes(`\`${word}\``)) complain(`${document}: the signal ${word} is not described`);
}

function store() {
  const document = 'lib/store/KEYS.md';
  const text = read(document);
  const keys = read('lib/store/keys.c');
  const scripts = files('lib/store/scripts', '.lua');
  const lua = scripts.map(read).join('\n');
  const names = [...keys.matchAll(/\[(KEY|CHANNEL)_\w+\] = "([a-z]+)"/g)];
  const ofUsers = all(keys, /\[USER_KEY_\w+\] = "([a-z]+):"/g);
  const inScripts = all(lua, /PREFIX \.\. '([a-z]+):?'/g).filter((name) => name !== 'updates');
  const described = (head) => column(text, head, 1).filter((word) => word.startsWith('presence:')).map((word) => word.split(':')[1]);
  same('key', document, [...names.filter((m) => m[1] === 'KEY').map((m) => m[2]), ...ofUsers,
    ...inScripts.filter((name) => !names.some((m) => m[1] === 'CHANNEL' && m[2] === name))], described('key | type'));
  same('channel', document, [...names.filter((m) => m[1] === 'CHANNEL').map((m) => m[2]),
    ...all(read('lib/store/reads.c'), /"%s([a-z]+):%s"/g)], described('channel'));
  same('script', document, scripts.map((f) => path.basename(f)), all(text, /^## ([a-z]+\.lua)$/gm));
  same('message of presence:control', document,
    [...all(lua, /"cmd":"([a-z]+)"/g), ...all(read('lib/wire/control.c'), /"cmd", "([a-z]+)"/g)], column(text, '`cmd`', 1));
  same('error', document, [...all(lua, /error_reply\('([A-Z]+)/g), 'NOSCRIPT', 'READONLY'],
    column(text, 'error', 1).map((word) => word.split(' ')[0]));
  same('field of a node', document, all(one('the record of a node', read('lib/store/scripts/node.lua'), /function describe\(\)([^]*?)\nend/), /"(\w+)":/g),
    column(part(document, '# Keys of the installation'), 'field', 1));
}

// One line of access control, in two places.
function permissions() {
  const line = one('the user of examples/redis.conf', read('examples/redis.conf'), /^# (user presence .*)$/m);
  if (!read('lib/store/KEYS.md').includes(`\n${line}\n`)) complain('lib/store/KEYS.md: the access control list is not that of examples/redis.conf');
}

// The metrics that alerts name, the pages that pages name, and the names of pages.
function references() {
  const counters = daemons.map((p) => read(`cmd/${p}/metrics.def`) + read(`cmd/${p}/counters.c`)).join('\n');
  for (const name of new Set(all(read('examples/OPERATIONS.md'), /\b(presence_[a-z_]+?)(?:_(?:bucket|count|sum))?\b/g)))
    if (!counters.includes(name)) complain(`examples/OPERATIONS.md: there is no metric ${name}`);
  for (const [file, name] of Object.entries(documents)) {
    if (!fs.existsSync(path.join(root, file))) continue;
    const text = read(file);
    if (!text.startsWith(`title: ${name.slice(0, -3)}\nsection: ${name.slice(-2, -1)}\n\n`)) complain(`${file}: does not begin with the title and section of ${name}`);
    for (const other of new Set(all(text, /\b(presence-[a-z]+\([1-8]\))/g)))
      if (!Object.values(documents).includes(other)) complain(`${file}: there is no page ${other}`);
  }
}

// The rules of alerts.yml are the rows of the table: name, expression and how long it must hold.
function alerts() {
  const rules = [...read('examples/alerts.yml').matchAll(/^ +- alert: (\w+)\n +expr: (.*)\n(?: +for: (\w+)\n)?/gm)]
    .map(([, name, condition, time]) => `${name}: ${condition}${time ? ` for ${time}` : ''}`);
  const rows = [...part('examples/OPERATIONS.md', '# What to watch').matchAll(/^\| `(Presence\w+)` \| `(.*?)`(?: for (\d+) ([sm])\w*)? \|/gm)]
    .map(([, name, condition, time, unit]) => `${name}: ${condition}${time ? ` for ${time}${unit}` : ''}`);
  same('alert', 'examples/OPERATIONS.md', rules, rows);
}

function tree(directory) {
  return fs.readdirSync(path.join(root, directory), { withFileTypes: true })
    .flatMap((e) => (e.isDirectory() ? tree(`${directory}/${e.name}`) : [`${directory}/${e.name}`]));
}

// Whether a file is what a name means: the file itself, a folder that it lies in, or a pattern of either.
function means(name, file) {
  const pattern = name.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '[^/]*');
  return new RegExp(`^(?:.*/)?${pattern}(?:/.*)?$`).test(file);
}

// The files and functions that the ways through the source name.
function architecture() {
  const document = 'lib/ARCHITECTURE.md';
  const names = all(read(document), /`([^`\s<]+)`/g).filter((name) => !name.startsWith('tests/'));
  const there = ['lib', 'cmd'].flatMap(tree);
  const code = there.filter((f) => /\.(c|h|lua)$/.test(f)).map(read).join('\n');
  for (const name of new Set(names)) {
    const what = /\.(c|h|lua)$/.test(name) ? 'file' : /^(?:lib|cmd)\/|^[a-z_]+\*$/.test(name) ? 'file or folder' : '';
    if (what && !there.some((f) => means(name, f))) complain(`${document}: there is no ${what} ${name}`);
    if (/^[a-z]+(_[a-z0-9]+)+$/.test(name) && !new RegExp(`\\b${name}\\b`).test(code)) complain(`${document}: ${name} is not in the code`);
  }
  foreignLibraries(document, there.filter((f) => /\.[ch]$/.test(f)));
}

// The rows of the table of folders are the layers of the Makefile, in its order.
function layers() {
  const document = 'lib/ARCHITECTURE.md';
  const code = one('the list of layers', read('Makefile'), /^LAYERS := (.*)$/m).split(' ').map((layer) => `lib/${layer}`);
  const described = column(part(document, '# Layers and folders'), 'folder, lowest first', 1).filter((name) => name.startsWith('lib/'));
  same('layer', document, code, described);
  if (code.length === described.length && code.join() !== described.join()) complain(`${document}: the layers are not in the order of the Makefile`);
}

// A clause of the paragraph names the files that include a library, and no others.
function foreignLibraries(document, code) {
  const headers = { libuv: 'uv.h', libwebsockets: 'libwebsockets.h', libcurl: 'curl/', hiredis: 'hiredis/', 'msgpack-c': 'msgpack.h', jansson: 'jansson.h',
    libjwt: 'jwt.h', OpenSSL: 'openssl/', libmicrohttpd: 'microhttpd.h' };
  const clauses = one('the paragraph on foreign libraries', read(document).replace(/\n(?!\n)/g, ' '), /Foreign libraries: (.*)/).split('; ');
  for (const [library, header] of Object.entries(headers)) {
    const named = all(clauses.filter((clause) => clause.startsWith(`${library} in `)).join(), /`([^`]+)`/g);
    const users = code.filter((f) => read(f).includes(`\n#include <${header}`));
    for (const file of users) if (!named.some((name) => means(name, file))) complain(`${document}: ${library} is not said to be in ${file}`);
    for (const name of named) if (!users.some((f) => means(name, f))) complain(`${document}: ${library} is not in ${name}`);
  }
}

programs.forEach(settings);
programs.forEach(exitCodes);
daemons.forEach(metrics);
commands('presence-ctl', all(read('cmd/presence-ctl/commands.h'), /\bX\(([a-z]+)\)/g));
commands('presence-sim', all(one('the commands of presence-sim', read('cmd/presence-sim/options.c'), /commands\[\w*\] = \{([^]*?)\n\};/), /"([a-z]+)", "[A-Z.\[\]]*"/g));
scenarios();
store();
permissions();
architecture();
layers();
references();
alerts();
process.exit(bad);
