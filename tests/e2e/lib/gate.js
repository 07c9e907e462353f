// SPDX-License-Identifier: MIT
// What the tests of the gate share: how a refusal looks, and who came in.
'use strict';
const assert = require('node:assert');
const { until } = require('./process');
const { ask, upgrade } = require('./raw');

const DEBUG = { LOG_LEVEL: 'debug' };
const HS256 = { alg: 'HS256', typ: 'JWT' };
const JWT = /eyJ[\w-]+\.[\w-]+\.[\w-]+/;

// The form of every refusal.
function refused(name, response, status, error, headers = {}) {
  assert.ok(response, `${name}: no answer`);
  assert.equal(response.status, status, `${name}: ${response.body}`);
  assert.deepEqual(Object.keys(response.json || {}), ['success', 'error'], name);
  assert.equal(response.json.success, false, name);
  assert.match(response.json.error, error, name);
  assert.doesNotMatch(response.body, JWT, name);
  assert.equal(response.rest.length, 0, `${name}: bytes behind the body`);
  const expected = { connection: status === 426 ? 'close, Upgrade' : 'close', 'cache-control': 'no-store', ...headers };
  for (const [key, value] of Object.entries(expected)) assert.equal(response.headers[key], value, `${name}: ${key}`);
}

async function allRefused(target, rows) {
  for (const [name, bytes, status, error, headers] of rows) refused(name, await ask(target, bytes), status, error, headers);
}

// As upgrade(), and ended with the test.
async function enter(s, target, headers, options) {
  const raw = await upgrade(target, headers, options);
  s.clients.push(raw);
  return raw;
}

// The device that Redis holds for a user, once it holds one.
const deviceOf = (s, user) => until(() => s.redis.hget(`presence:meta:${user}`, 'deviceId'), `${user} is online`);

module.exports = { DEBUG, HS256, refused, allRefused, enter, deviceOf };
