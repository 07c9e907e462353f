#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// Compares PROTOCOL.md and HTTP.md with the sources: message types and their keys, close codes, refusals, reasons, routes and parameters
// must stand in both. Prints what differs; exit 1 when something does.
'use strict';
const fs = require('node:fs');
const path = require('node:path');

const ROOT = path.join(__dirname, '..', '..');
const PROTOCOL = 'lib/wire/PROTOCOL.md', HTTP = 'cmd/presence-api/HTTP.md';
const NOT_OURS = ['1000', '1001', '1002', '1006']; // close codes that clients see and presence-ws does not choose

const read = (file) => fs.readFileSync(path.join(ROOT, file), 'utf8');
const all = (text, pattern) => [...text.matchAll(pattern)].map((match) => match.slice(1));
const ticked = (text) => all(text.replace(/^```[^]*?^```$/gm, ''), /`([^`]+)`/g).flat();
// Of C: adjacent literals are one.
const joined = (source) => source.replace(/"\s*\n?\s*"/g, '');
const literals = (text) => all(text, /"((?:[^"\\]|\\.)*)"/g).flat();
const body = (source, name) => new RegExp(`\\b${name}\\([^;{]*\\)\\s*\\{([\\s\\S]*?)\\n\\}`).exec(source)?.[1] ?? '';

function sourcesOf(reader, folder) {
  return fs.readdirSync(path.join(ROOT, folder)).filter((name) => name.endsWith('.c')).sort()
    .map((name) => joined(reader(`${folder}/${name}`))).join('\n');
}

// The rows of the first table below a heading, as arrays of cells.
function table(text, heading) {
  const section = text.split(/^(?=#+ )/m).find((part) => part.startsWith(`${heading}\n`));
  if (!section) return [];
  const lines = section.split('\n'), first = lines.findIndex((line) => line.startsWith('|'));
  const end = lines.findIndex((line, i) => i > first && !line.startsWith('|'));
  return lines.slice(first + 2, end < 0 ? undefined : end).map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim()));
}

class Comparison {
  constructor() { this.complaints = []; }

  // Each item a text that stands for itself.
  same(what, code, document, file) {
    if (code.length === 0) this.complaints.push(`${what}: none found in the sources`);
    for (const item of new Set(code)) if (!document.includes(item)) this.complaints.push(`${what} "${item}" is not in ${file}`);
    for (const item of new Set(document)) if (!code.includes(item)) this.complaints.push(`${what} "${item}" of ${file} is not in the sources`);
  }

  // Likewise, with formats of printf among those of the code.
  alike(what, code, document, file) {
    const fits = (format, text) => new RegExp(`^${format.split(/%(?:\.\*)?[sd]|%zu/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.+')}$`).test(text);
    if (code.length === 0) this.complaints.push(`${what}: none found in the sources`);
    for (const item of new Set(code)) if (!document.some((text) => fits(item, text))) this.complaints.push(`${what} "${item}" is not in ${file}`);
    for (const item of new Set(document)) if (!code.some((format) => fits(format, item))) this.complaints.push(`${what} "${item}" of ${file} is not in the sources`);
  }
}

function messageTypes(reader) {
  const code = all(reader('lib/wire/message.h'), /\bMESSAGE_([A-Z]+) = (\d\d),/g).map(([name, number]) => `${number} ${name}`);
  const document = table(reader(PROTOCOL), '# Messages').map(([number, name]) => `${number} ${name.replace('PRESENCE_', '')}`);
  return [code, document];
}

// "31 userId", and for a map within a message "33 since.epoch".
function messageKeys(reader) {
  const writer = reader('lib/wire/message_write.c'), status = body(writer, 'put_status');
  const written = (name) => all(body(writer, name).replace(/\bput_status\(.*/g, status), /\bencoder_\w+\(&?e, "(\w+)"/g).flat();
  const code = {
    30: all(reader('lib/wire/heartbeat.c'), /\bmp_reader_is_text\(&key, SPAN\("(\w+)"\)/g).flat(),
    31: written('put_change'),
    32: [...['head', 'tail_begin', 'tail_end'].flatMap((part) => written(`message_write_snapshot_${part}`)), ...written('put_user').map((key) => `users.${key}`)],
    33: all(reader('lib/wire/subscribe.c'), /\bjson_object_get\((shape\.payload|value), "(\w+)"\)/g).map(([map, key]) => (map === 'value' ? `since.${key}` : key)),
    34: written('put_batch'),
    35: written('message_write_hello'),
  };
  // The columns that name the keys of a map within a message.
  const within = { '32 users': 2, '33 since': 1 }, document = [];
  for (const [number, name] of table(reader(PROTOCOL), '# Messages'))
    for (const row of table(reader(PROTOCOL), `## ${number} ${name}`))
      for (const key of ticked(row[0])) {
        const inner = within[`${number} ${key}`] ? ticked(row[within[`${number} ${key}`]].replace(/\(.*?\)/g, '')) : [];
        document.push(`${number} ${key}`, ...inner.map((name) => `${number} ${key}.${name}`));
      }
  return [Object.entries(code).flatMap(([number, keys]) => keys.map((key) => `${number} ${key}`)), document];
}

function closeCodes(reader) {
  const source = sourcesOf(reader, 'cmd/presence-ws');
  const numbers = Object.fromEntries(all(source, /#define (CLOSE_[A-Z_]+)\s+(\d{4})\b/g));
  const code = Object.values(numbers);
  for (const [statement, name] of all(source, /(\b(?:connection_close|say_goodbye|break_rule)\((?:[^;"]|"(?:[^"\\]|\\.)*")*?\b(CLOSE_[A-Z_]+)\b(?:[^;"]|"(?:[^"\\]|\\.)*")*;)/g))
    for (const text of literals(statement)) if (/^[A-Z]/.test(text)) code.push(`${numbers[name]} ${text}`);
  // Functions that close with one code, whatever the reason.
  for (const [wrapper, inside] of all(source, /static void (\w+)\(struct client \*c, const char \*reason\)\s*\{([^]*?)\n\}/g)) {
    const name = /\bCLOSE_[A-Z_]+/.exec(inside)?.[0];
    for (const [text] of all(source, new RegExp(`\\b${wrapper}\\(c, "([^"]+)"\\)`, 'g'))) if (name) code.push(`${numbers[name]} ${text}`);
  }
  const document = [];
  for (const [codes, reasons] of table(reader(PROTOCOL), '# Close codes'))
    for (const number of codes.split(', ')) {
      if (NOT_OURS.includes(number)) continue;
      document.push(number, ...ticked(reasons).map((reason) => `${number} ${reason}`));
    }
  return [code, document];
}

function resumeReasons(reader) {
  return [literals(body(reader('lib/fanout/subscriber.c'), 'subscriber_resume_reason')), table(reader(PROTOCOL), '## Resume').flatMap(([reason]) => ticked(reason))];
}

function changeReasons(reader) {
  const story = reader('cmd/presence-ctl/explanation.c');
  const code = all(story, /\{"([a-z_]+)", (true|false),/g).map(([reason, online]) => `${reason} ${online === 'true' ? 'online' : 'offline'}`);
  if (/!t->online && span_equal\(t->reason, SPAN\("expired"\)\)/.test(story)) code.push('expired offline');
  const [joins, leaves] = all(reader('lib/fanout/regroup.c'), /\? SPAN\("([a-z_]+)"\) : SPAN\("([a-z_]+)"\)/g)[0] ?? [];
  code.push(`${joins} online`, `${leaves} offline`);
  const document = table(reader(PROTOCOL), '## Reasons')
    .flatMap(([reasons, statuses]) => ticked(reasons).flatMap((reason) => statuses.split(', ').map((status) => `${reason} ${status}`)));
  return [code, document];
}

// The labels of reasons, by the names of their enumerators.
function reasonLabels(reader) {
  const [, list] = /#define GATE_REASONS\(X, \.\.\.\)((?:.*\\\n)*.*)/.exec(reader('lib/http/gate.h')) ?? ['', ''];
  return Object.fromEntries(all(list, /X\((\w+), "(\w+)"/g));
}

// What the gate refuses with: "status counter retry: text".
function gateRefusals(reader) {
  const labels = reasonLabels(reader);
  const source = ['lib/http/gate.c', 'lib/http/gate_request.c'].map((file) => joined(reader(file))).join('\n');
  const code = [];
  for (const [status, reason, text, retry] of all(source,
    /\bgate_answer_set\(\s*&?answer,\s*(\d+|status),\s*GATE_REASON_(\w+),\s*"([^"]*)"[^;]*;(?:\s*answer(?:\.|->)retry_after_s = (\d+))?/g))
    if (text !== '%s') code.push(`${status === 'status' ? statusOf(text) : status} ${labels[reason]} ${retry ?? ''}: ${text}`);
  for (const [reason, text] of all(source, /\brefuse_token\(answer, GATE_REASON_(\w+), "([^"]*)"\)/g)) code.push(`401 ${labels[reason]} : ${text}`);
  const admission = ['admission', 'handoff'].map((name) => joined(reader(`cmd/presence-ws/${name}.c`))).join('\n');
  for (const [status, text, reason, retry] of all(admission, /\{(\d+), "([^"]*)",\s*GATE_REASON_(\w+),\s*(\w+)\}/g))
    code.push(`${status} ${labels[reason]} ${/^\d/.test(retry) ? retry : 'varies'}: ${text}`);
  const document = table(reader(PROTOCOL), '## Refusals').flatMap(([status, errors, retry, reason]) =>
    sentences(errors).map((text) => `${status} ${ticked(reason)} ${retry}: ${text}`));
  return [code, document.filter((line) => !tokenSentences(reader).some((text) => line.endsWith(`: ${text}`)))];
}

// The gate's answers to what is no request take their status from the parser.
function statusOf(text) {
  return { 'The request head is too large': 431, 'Only HTTP/1.1 is spoken here': 505, 'Malformed HTTP request': 400 }[text];
}

// Those in a cell that are sentences, not names of settings or paths.
const sentences = (cell) => ticked(cell).filter((text) => !/^[A-Z_]+(=\w+)?$|^\//.test(text));

const tokenSentences = (reader) => all(reader('lib/auth/token.c'), /case TOKEN_(\w+): return "([^"]*)";/g).filter(([name]) => name !== 'OK').map(([, text]) => text);

function tokenRefusals(reader) {
  const section = reader(PROTOCOL).split(/^## Refusals$/m)[1].split(/^#/m)[0];
  const told = ticked(section).filter((text) => /^(Token|Malformed token|The keys)/.test(text) && text !== 'Token revoked');
  return [tokenSentences(reader), told];
}

function gateLabels(reader) {
  return [Object.values(reasonLabels(reader)), table(reader(PROTOCOL), '## Refusals').flatMap((row) => ticked(row[3]))];
}

function gateParameters(reader) {
  const code = all(reader('lib/http/gate_request.c'), /\bfrom_query\(head, "([a-z_]+)"/g).flat();
  return [code, table(reader(PROTOCOL), '## What a request says').flatMap((row) => ticked(row[3]))];
}

function apiParameters(reader) {
  const code = all(sourcesOf(reader, 'cmd/presence-api'), /\b(?:read_number\(c|gate_query_get\(c->request->query), "([a-z_]+)"/g).flat();
  return [code, table(reader(HTTP), '# Lists').flatMap(([name]) => ticked(name))];
}

function routes(reader) {
  const reach = { REACH_KNOWN: 'known', REACH_ALL: 'all', REACH_NOBODY: '' };
  const code = all(reader('cmd/presence-api/counters.h'), /^ +X\(\w+, "\w+", "(\/[^"]*)", HTTP_([A-Z]+), (REACH_\w+),/gm)
    .map(([route, method, who]) => `${method} ${route} ${reach[who] ?? who}`);
  const plain = literals(body(reader('lib/http/gate_request.c'), 'is_plain_path')).map((route) => `GET ${route} `);
  const document = table(reader(HTTP), '# Description').map(([request, who]) => `${ticked(request)[0].replace(/\{\w+\}$/, '')} ${who}`);
  return [[...code, ...plain], document];
}

// "status: text"; whether a 400 stands in the table or beside its path does not matter.
function apiRefusals(reader) {
  const source = sourcesOf(reader, 'cmd/presence-api');
  const code = [];
  for (const [statement, status] of all(source, /(\bcall_refuse\(\s*&?c,\s*(\d+),(?:[^;"]|"(?:[^"\\]|\\.)*")*;)/g))
    for (const text of literals(statement)) if (text) code.push(`${status}: ${text}`);
  for (const [text] of all(source, /\bcall_refuse_for_now\(c, "([^"]*)"\)/g)) code.push(`503: ${text}`);
  for (const [text] of all(source, /\bfailure = [^;"]*"([^"]*)"/g)) code.push(`503: ${text}`);
  for (const [text] of all(source, /\bfail\(w, "([^"]*)"\)/g)) code.push(`503: ${text}`);
  for (const [text] of all(source, /\bfail\(f, "([^"]*)"\)/g)) code.push(`400: ${text}`);
  for (const [statement] of all(source, /(\bsay_last\((?:[^;"]|"(?:[^"\\]|\\.)*")*;)/g)) {
    const texts = literals(statement).filter((text) => text && !text.endsWith('\\n')), isStatus = (text) => /^\d{3} /.test(text);
    for (const status of texts.filter(isStatus)) for (const text of texts) if (!isStatus(text)) code.push(`${status.slice(0, 3)}: ${text}`);
  }
  code.push(...all(reader('lib/wire/status.c'), /\bstrcpy\(error, "(Invalid [^"]*)"\)/g).map(([text]) => `400: ${text}`));
  const document = table(reader(HTTP), '# Refusals').flatMap(([status, errors]) => sentences(errors).map((text) => `${status}: ${text}`));
  const elsewhere = ticked(reader(HTTP)).filter((text) => /^Invalid \w+$/.test(text)).map((text) => `400: ${text}`);
  const tokens = tokenSentences(reader);
  return [code, [...document, ...elsewhere].filter((line) => !tokens.includes(line.slice(5)))];
}

// What may be wrong with a list of ids.
function idFaults(reader) {
  const isFault = (text) => /^(is|must|contains|the) /.test(text);
  const section = reader(HTTP).split(/^# The status of users$/m)[1]?.split(/^# /m)[0] ?? '';
  return [literals(reader('lib/wire/status.c')).filter(isFault), ticked(section).filter(isFault)];
}

function readiness(reader) {
  const code = [];
  for (const program of ['presence-api', 'presence-expiryd'])
    code.push(...all(body(joined(reader(`cmd/${program}/health.c`)), 'what_is_missing'), /return "([^"]+)"/g).flat());
  for (const file of ['health', 'redis_glue'])
    code.push(...all(joined(reader(`cmd/presence-ws/${file}.c`)), /missing = [^;"]*"([^"]+)"/g).flat());
  const document = table(reader(HTTP), '# Health').flatMap((row) => ticked(`${row[0]} ${row[2]}`)).filter((text) => !text.startsWith('presence-ctl'));
  return [code, document];
}

// What differs, a sentence each. `reader` gives the text of a file.
function compare(reader = read) {
  const c = new Comparison();
  c.same('message type', ...messageTypes(reader), PROTOCOL);
  c.same('key of message', ...messageKeys(reader), PROTOCOL);
  c.same('close code', ...closeCodes(reader), PROTOCOL);
  c.same('refusal of a since', ...resumeReasons(reader), PROTOCOL);
  c.same('reason of a change', ...changeReasons(reader), PROTOCOL);
  c.alike('refusal of the gate', ...gateRefusals(reader), PROTOCOL);
  c.same('refusal of a token', ...tokenRefusals(reader), PROTOCOL);
  c.same('label of refusals', ...gateLabels(reader), PROTOCOL);
  c.same('query parameter', ...gateParameters(reader), PROTOCOL);
  c.same('query parameter', ...apiParameters(reader), HTTP);
  c.same('route', ...routes(reader), HTTP);
  c.same('refusal of presence-api', ...apiRefusals(reader), HTTP);
  c.same('fault of userIds', ...idFaults(reader), HTTP);
  c.same('error of /readyz', ...readiness(reader), HTTP);
  return c.complaints;
}

module.exports = { compare, read };

if (require.main === module) {
  const complaints = compare();
  for (const complaint of complaints) console.error(`documents: ${complaint}`);
  process.exitCode = complaints.length > 0 ? 1 : 0;
}
