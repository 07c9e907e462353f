// SPDX-License-Identifier: MIT
// What presence and its strongest peers can't do, tried: each side plays the same stories, with short deadlines. Nothing here is asserted:
// a peer that can do more tomorrow is shown so.
'use strict';
const { performance } = require('node:perf_hooks');
const { median, quantile } = require('./measure');
const { openAll } = require('./pace');
const { populate, ageIndex, swept } = require('./population');
const { sleep, using } = require('./rig');
const { SIDES, COLUMNS } = require('./sides');

const TTL_S = 4;
const PHONES = 50, OTHERS = 10000;
const LATEST_MS = 15000; // who is not told by then is not waited for
const MOMENT_MS = 1000;

const phoneName = (i) => `phone${i}`;

// Whether it listens for WebSockets: { can, why not }.
async function webSocket(rig) {
  try {
    await rig.startForBrowsers();
    return { can: 'yes' };
  } catch (error) {
    return { can: 'no', why: /Error: .*|$/.exec(error.message)[0] || error.message };
  }
}

// Beside the phones 10,000 users live on in the store.
async function amongOthers(rig) {
  if (rig.redis) await populate(rig, OTHERS);
  await ageIndex(rig, OTHERS);
  await rig.startTwo();
  await swept(rig);
}

// Phones whose connection stays, but from which nothing comes any more: how late a dashboard is told, and how often.
async function silent(rig) {
  const deadlines = new Map(), lags = new Map();
  let told = 0;
  await amongOthers(rig);
  const watcher = await rig.watch((user, online) => {
    if (online || !deadlines.has(user)) return;
    told++;
    if (!lags.has(user)) lags.set(user, performance.now() - deadlines.get(user));
  });
  const phones = await openAll(PHONES, PHONES / TTL_S, async (i) => {
    const user = phoneName(i), phone = await rig.phone(user, { keepAlive: TTL_S });
    deadlines.set(user, performance.now() + rig.patience(TTL_S));
    phone.freeze();
    return phone;
  });
  for (const end = performance.now() + rig.patience(TTL_S) + LATEST_MS; lags.size < PHONES && performance.now() < end;) await sleep(20);
  await sleep(MOMENT_MS);
  watcher.end();
  for (const phone of phones) phone.end();
  const late = [...lags.values()];
  return { unheard: PHONES - late.length, p50: median(late), max: quantile(late, 1), times: late.length ? told / late.length : undefined };
}

// Everything but the store, by kill -9.
async function killServers(rig) {
  const alive = rig.children.filter((child) => child.pid !== rig.pids.redis && !rig.ended(child));
  await Promise.all(alive.map((child) => new Promise((resolve) => { child.on('exit', resolve); child.kill('SIGKILL'); })));
  rig.port = undefined;
}

// The servers die, then the phones, and the servers come back when all is long over: who is announced offline, by the store's channel or
// to a dashboard, and who is shown online to a dashboard that comes after that.
async function killed(rig) {
  const view = new Map(), announced = new Set();
  const told = (user, online) => { if (!online) announced.add(user); };
  await rig.startLasting();
  const processes = Object.keys(rig.pids).length, listener = await rig.listen(told);
  const phones = await openAll(PHONES, 500, (i) => rig.phone(phoneName(i), { keepAlive: TTL_S }));
  await sleep(2 * MOMENT_MS);
  await killServers(rig);
  for (const phone of phones) phone.end();
  await sleep(rig.patience(TTL_S) + MOMENT_MS);
  await rig.startLasting();
  const watcher = await rig.watch((user, online) => { view.set(user, online); told(user, online); });
  await sleep(rig.patience(TTL_S) + MOMENT_MS);
  watcher.end();
  listener.end();
  return { processes, silence: PHONES - announced.size, ghosts: [...view.values()].filter(Boolean).length };
}

// Users with two phones, where there are two servers one at each; one phone closes its connection in good order.
async function twoPhones(rig) {
  const offline = new Set();
  const second = await rig.startTwo(), users = Array.from({ length: PHONES }, (_, i) => phoneName(i));
  const watcher = await rig.watch((user, online) => (online ? offline.delete(user) : offline.add(user)));
  const firsts = await Promise.all(users.map((user) => rig.phone(user)));
  const others = await Promise.all(users.map((user) => rig.phone(user, { device: 'phone-2', port: second })));
  for (const phone of firsts) phone.close();
  await sleep(MOMENT_MS);
  const wrong = offline.size;
  for (const client of [watcher, ...others]) client.end();
  return { wrong };
}

// All sides play a story at the same time: it is mostly waiting.
const each = (story) => Promise.all(SIDES.map((Side) => using(Side, story, TTL_S)));

async function limits() {
  const reached = await each(webSocket), silence = await each(silent), death = await each(killed), pairs = await each(twoPhones);
  const rows = [
    ['listens for WebSockets', '', reached.map((r) => r.can)],
    ['a silent phone: told after its deadline, p50', 'ms', silence.map((r) => r.p50)], ['  the last that was told', 'ms', silence.map((r) => r.max)],
    [`  of ${PHONES} not told within ${LATEST_MS / 1000} s`, '', silence.map((r) => String(r.unheard))],
    ['  times a dashboard is told of one', '', silence.map((r) => r.times)],
    [`servers killed, ${PHONES} phones gone meanwhile: nobody announced`, '', death.map((r) => String(r.silence))],
    ['  still shown online after as long again', '', death.map((r) => String(r.ghosts))],
    [`${PHONES} users with two phones, one closes: shown offline`, '', pairs.map((r) => String(r.wrong))],
    ['processes that must run', '', death.map((r) => String(r.processes))]];
  return { grid: { title: "what each can't do", columns: COLUMNS, rows: rows.map(([name, unit, values]) => ({ name, unit, values })) },
    notes: reached.flatMap(({ why }, i) => (why ? [`${COLUMNS[i]} with a WebSocket listener: ${why}`] : [])) };
}

module.exports = { limits };
