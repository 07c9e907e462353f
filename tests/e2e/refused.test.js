// SPDX-License-Identifier: MIT
// Heartbeats that come and do not count: seen in the log, by presence-ctl and by the API, also when the session has expired.
'use strict';
const assert = require('node:assert');
const { scenario, until } = require('./lib/stack');

const json = (text) => text.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
const UPPER = 'E621E1F8-C36C-495A-93FC-0C247A3E6E5F', USER = UPPER.toLowerCase();
const OPTIONS = { expiryds: 1, api: true, env: { PRESENCE_TTL: '1500ms', PRESENCE_HEARTBEAT_MIN: '200ms' } };

async function findings(s) {
  return json((await s.ctl('doctor', '--json')).stdout).filter((f) => f.check === 'refused');
}

scenario('a UUID in upper case: the phone is connected, its user expires, and everybody who is asked says why', OPTIONS, async (s, t) => {
  assert.deepEqual((await findings(s)).map((f) => f.verdict), ['ok']);
  const phone = await s.phone(USER, { device: 'swift' });
  const beat = () => phone.send([0, 30, UPPER, 0, { type: 'heartbeat', timestamp: Date.now() }]);
  const timer = setInterval(beat, 100);
  t.after(() => clearInterval(timer));
  const online = await until(async () => json((await s.ctl('sessions', USER, '--json')).stdout).find((row) => row.refused), 'the living session shows it');
  assert.deepEqual([online.refused.reason, online.refused.fromId, online.refused.session], ['from', UPPER, online.session]);
  assert.match((await s.ctl('sessions', USER)).stdout, /\d+ heartbeats? refused: fromId is not the token's user .* by \S+\/\d+, the last \d+ ms ago/);
  await until(async () => (await s.ctl('status', USER)).code === 1, 'offline');
  await new Promise((resolve) => setTimeout(resolve, 300));
  clearInterval(timer);

  const told = new RegExp(`\\d+ heartbeats refused: fromId is not the token's user \\(token "${USER}", heartbeat "${UPPER}"\\)`);
  const why = (await s.ctl('why', USER)).stdout;
  assert.match(why, /is offline since[^]*Heartbeats came all the same, and were refused\.[^]*heartbeats refused[^]*the last came .* ago, to presence-ws/);
  assert.match(why, told);
  const [{ refused }] = json((await s.ctl('why', USER, '--json')).stdout);
  assert.ok(refused.count > 5 && refused.text.includes(UPPER) && Math.abs(Date.now() - refused.last) < 20000, JSON.stringify(refused));
  assert.match((await s.ctl('status', USER)).stdout, new RegExp(`^${USER}: ${told.source}$`, 'm'));
  assert.equal(json((await s.ctl('status', USER, '--json')).stdout)[0].refused.fromId, UPPER);
  const sessions = await s.ctl('sessions', USER);
  assert.equal(sessions.code, 1);
  assert.match(sessions.stdout, told);
  const [fault] = await findings(s);
  assert.equal(fault.verdict, 'fault');
  assert.match(fault.text, new RegExp(`^heartbeats of 1 user were refused in the last hour .* ago: ${USER}: ${told.source}$`));
  assert.match(fault.mend, /send the token's uid as fromId/);
  const api = await (await fetch(`${s.api.url}/api/presence/users/${USER}`)).json();
  assert.equal(api.status, 'offline');
  assert.deepEqual([api.refused.reason, api.refused.fromId, typeof api.refused.count, typeof api.refused.node], ['from', UPPER, 'number', 'string']);

  const lines = s.servers[0].output.split('\n').filter((line) => line.includes('heartbeat_refused'));
  assert.equal(lines.length, 1, 'one line for the connection');
  assert.match(lines[0], new RegExp(` info presence-ws heartbeat_refused user=${USER} from=${UPPER} reason="fromId is not the token's user" count=1 peer=`));
});

scenario('what was held back is told when the connection closes, and a counting beat goes on', { api: true, env: { PRESENCE_HEARTBEAT_MIN: '25s' } }, async (s) => {
  const phone = await s.phone('user1'), other = await s.phone('user1', { device: 'second' });
  const stored = async () => ((await s.redis.hget('presence:meta:user1', 'refused')) || '').split('\t');
  for (let i = 0; i < 3; i++) phone.send([0, 30, 'User1', 0, {}]);
  await until(async () => (await stored())[0] > 0, 'the first is told at once');
  for (let i = 0; i < 4; i++) phone.send([0, 30, 'USER1', 0, {}]);
  phone.beat();
  await phone.close();
  await until(async () => (await stored())[0] === '7', 'all are told with the end');
  const [count, reason, at, session, from] = await stored();
  assert.deepEqual([count, reason, from], ['7', 'from', 'USER1']);
  assert.ok(Math.abs(Date.now() - Number(at)) < 20000 && /^\w+\/\d+$/.test(session));
  assert.equal((await s.ctl('status', 'user1')).code, 0, 'the other phone keeps the user online');
  assert.match((await s.ctl('why', 'user1')).stdout, /7 heartbeats refused/);
  other.beat();
  assert.deepEqual((await fetch(`${s.api.url}/api/presence/users/user2`).then((r) => r.json())).refused, null);
});

scenario('odd fromIds: bounded, escaped, and a token stands nowhere', { api: true, env: { PRESENCE_HEARTBEAT_MIN: '0' } }, async (s) => {
  const cases = [
    ['x'.repeat(2000), 'x'.repeat(128)],
    ['é'.repeat(100), 'é'.repeat(64)],
    ['a\tb\nc\u001b[31m', 'a\tb\nc\u001b[31m'],
    ['', null],
    [4711, '4711'],
    [s.token('odd', 'mobile'), '(a token)'],
    [`Bearer ${s.token('odd', 'mobile')}`, '(a token)'],
  ];
  for (const [i, [sent, kept]] of cases.entries()) {
    const phone = await s.phone('odd', { device: `d${i}` });
    await s.redis.hdel('presence:meta:odd', 'refused');
    phone.send([0, 30, sent, 0, {}]);
    const refused = await until(async () => (await (await fetch(`${s.api.url}/api/presence/users/odd`)).json()).refused, `${i} is remembered`);
    assert.equal(refused.fromId, kept);
    assert.doesNotMatch((await s.ctl('status', 'odd')).stdout, /\u001b/);
    assert.equal(JSON.parse((await s.ctl('status', 'odd', '--json')).stdout).refused.fromId, kept);
    await phone.close();
  }
  assert.doesNotMatch(await s.redis.hget('presence:meta:odd', 'refused'), /eyJ/);
});

scenario('keys of another type: the beats that they cost are told', { env: { PRESENCE_HEARTBEAT_MIN: '0' } }, async (s) => {
  const phone = await s.phone('user1');
  await s.redis.del('presence:sessions:user1', 'presence:user:user1');
  await s.redis.set('presence:sessions:user1', 'rubbish');
  await until(async () => { phone.beat(); return /type/.test(await s.redis.hget('presence:meta:user1', 'refused')); }, 'remembered');
  await s.servers[0].printed(/ info presence-ws heartbeat_refused user=user1 from="?"? reason="keys of this user hold other types" count=1 /);
  assert.match((await s.ctl('why', 'user1')).stdout, /heartbeats? refused: presence's keys of this user hold other types/);
  const [fault] = await findings(s);
  assert.match(fault.mend, /find the program that writes keys of other types/);
});
