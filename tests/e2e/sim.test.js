// SPDX-License-Identifier: MIT
// presence-sim: the scenarios of examples/, and that it can fail, repeat itself and say why it ended.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const { ROOT, BIN, run } = require('./lib/process');

const SIM = path.join(BIN, 'presence-sim');
const SCENARIOS = path.join(ROOT, 'examples', 'scenarios');
const TTL = '1s';
const STAGE = `
process redis ready=unix:$TMP/redis.sock redis-server --port 0 --unixsocket $TMP/redis.sock --dir $TMP --save ''
process ws ready=unix:$TMP/ws.sock REDIS_URL=unix://$TMP/redis.sock PRESENCE_TTL=${TTL} $BIN/presence-ws --listen unix:$TMP/ws.sock
start redis ws
server ws unix:$TMP/ws.sock
dashboard d
connect d
expect d counts 0
phone alice
`;

const sim = (args, options = {}) => run(SIM, args, { timeout: 180000, ...options });

async function play(text, args = [], env = {}) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'sim-test-'));
  try {
    fs.writeFileSync(path.join(dir, 'x.scenario'), text);
    return await sim(['run', ...args, path.join(dir, 'x.scenario')], { env: { ...env, TMPDIR: dir } });
  } finally {
    fs.rmSync(dir, { recursive: true });
  }
}

test('scenarios', { concurrency: 4 }, async (t) => {
  const files = fs.readdirSync(SCENARIOS).filter((name) => name.endsWith('.scenario'));
  assert.ok(files.length >= 8);
  await Promise.all(files.map((name) => t.test(name, async () => {
    const { code, stdout, stderr } = await sim(['run', path.join(SCENARIOS, name)]);
    assert.equal(code, 0, stdout + stderr);
  })));
});

test('exit codes', { concurrency: 2 }, async (t) => {
  const cases = [
    ['an expectation that does not hold', `${STAGE}expect d sees alice online within 200ms`, [], 1, /d shows alice offline, after/],
    ['an expectation that holds too early', `${STAGE}connect alice\nexpect d sees alice online after 60s`, [], 1, /too early/],
    ['what must never be', `${STAGE}never alice online\nconnect alice\nwait 10s`, [], 1, /shows alice online, which must never be/],
    ['a ghost', `${STAGE}rule late 500ms\nconnect alice\nexpect alice open\nsilent alice\nwait 10s`, [], 1, /fault late: d, alice/],
    ['a process that dies', 'process p sleep 0.3\nstart p\nwait 10s', [], 1, /p ended by itself, with 0/],
    ['a command that fails', 'run exit=3 sh -c "exit 4"', [], 1, /ended with 4, not 3/],
    ['an unknown statement', 'wait 1s\nfly away', [], 3, /:2: fly away\n.*no such statement/],
    ['an unknown phone', `${STAGE}connect bob`, [], 3, /nobody is called bob/],
    ['an unknown variable', 'say $NOTHING', [], 3, /no such variable: NOTHING/],
    ['a process that does not come up', 'process p ready=127.0.0.1:1 false\nstart p', [], 4, /before it was ready/],
    ['too long', 'wait 1m', ['--timeout', '200ms'], 5, /longer than --timeout/],
  ];
  await Promise.all(cases.map(([name, text, args, expected, why]) => t.test(name, async () => {
    const { code, stdout, stderr } = await play(text, args);
    assert.equal(code, expected, stdout + stderr);
    assert.match(stderr, why);
  })));
  await t.test('usage', async () => assert.equal((await sim(['run'])).code, 2));
  await t.test('no secret', async () => {
    assert.equal((await sim(['mobile'], { env: { SECRET_KEY: '', JWT_SECRET: '' } })).code, 3);
  });
  await t.test('no server', async () => {
    const env = { SECRET_KEY: 'x'.repeat(40) };
    const args = ['--server', 'unix:/nowhere.sock', '--connect-timeout', '200ms'];
    for (const command of ['mobile', 'web', 'load']) assert.equal((await sim([command, ...args], { env })).code, 4, command);
  });
});

test('--set wins over the file, and a scenario sees none of the caller\'s settings', async () => {
  const text = 'set X file\nrun contains=<flag-> sh -c "echo \\"<$X-\\$PRESENCE_TTL>\\""';
  const { code, stderr } = await play(text, ['--set', 'X=flag'], { PRESENCE_TTL: '7s' });
  assert.equal(code, 0, stderr);
});

test('a crowd agrees with its dashboards, and decides the same with the same seed', async () => {
  const decisions = [];
  for (let i = 0; i < 2; i++) {
    const text = `${STAGE}run contains='"agreeing":2' $BIN/presence-sim mobile -n 20 --churn 1s --silent 0 --dashboards 2 -d 3s \
--json --seed 11 --server unix:$TMP/ws.sock --history ${os.tmpdir()}/sim-${process.pid}-${i}.jsonl`;
    const { code, stderr } = await play(text);
    assert.equal(code, 0, stderr);
    const file = path.join(os.tmpdir(), `sim-${process.pid}-${i}.jsonl`);
    const history = fs.readFileSync(file, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
    fs.unlinkSync(file);
    assert.equal(history[0].event, 'begin');
    assert.deepEqual(history.at(-1).exit, 0);
    const left = (phone) => history.filter((e) => e.phone === phone && ['close', 'drop', 'abort', 'roam'].includes(e.event));
    // The last decision of a run may fall on either side of its end.
    decisions.push(Array.from({ length: 20 }, (_, n) => left(`user${n + 1}`).map((e) => e.event)));
  }
  const [a, b] = decisions;
  assert.ok(a.flat().length > 20);
  a.forEach((of, n) => {
    const common = Math.min(of.length, b[n].length);
    assert.ok(Math.abs(of.length - b[n].length) <= 1);
    assert.deepEqual(of.slice(0, common), b[n].slice(0, common));
  });
});

test('load: every update is delivered and counted', async () => {
  const text = `${STAGE}run contains='"delivered":500,"expected":500' $BIN/presence-sim load -n 50 --rate 100 --dashboards 5 \
--changes 50 -d 2s --json --server unix:$TMP/ws.sock`;
  const { code, stderr } = await play(text);
  assert.equal(code, 0, stderr);
});
