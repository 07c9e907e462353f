// SPDX-License-Identifier: MIT
// The dashboard page when things are not well: what it says, what it does not claim to know, and that it fits the screen.
'use strict';
const assert = require('node:assert');
const jwt = require('jsonwebtoken');
const { scenario, until } = require('./lib/stack');
const { browser } = require('./lib/browser');

const OPEN = { api: true, env: { PRESENCE_ALLOWED_ORIGINS: '*', PRESENCE_REDIS_TIMEOUT: '300ms', PRESENCE_HOLDBACK: '500ms' } };
const id = (name) => `[data-testid=${name}]`;
const state = (name) => `[data-testid=state][data-state=${name}]`;

const address = (s, { token, port = s.servers[0]?.port, user } = {}) =>
  `${s.api.url}/#token=${token ?? s.token('admin', 'dashboard')}&ws=ws://127.0.0.1:${port}/${user ? `&user=${user}` : ''}`;

// A page in a browser context of its own; options: of the context, and what address() takes.
async function open(s, t, options = {}) {
  t.chromium ??= await browser(t);
  const page = await t.chromium.newPage(options);
  await page.bringToFront(); // one in the background gets no frames and no keys
  page.errors = [];
  page.sockets = 0;
  page.on('pageerror', (error) => page.errors.push(error.message));
  page.on('websocket', () => { page.sockets++; });
  await page.goto(options.url ?? address(s, options));
  return page;
}

async function live(s, t, options) {
  const page = await open(s, t, options);
  await page.locator(state('live')).waitFor();
  return page;
}

const text = (page, name) => page.locator(id(name)).textContent();
const numbers = (page) => Promise.all(['online-count', 'change-rate', 'offline-count'].map((name) => text(page, name)));
const UNKNOWN = ['–', '–', '–'];

async function claimsNothing(page, title) {
  await page.waitForFunction((wanted) => document.title === wanted, title);
  assert.deepEqual(await numbers(page), UNKNOWN);
  const colours = await page.evaluate(() => ['online', 'rate'].map((name) => getComputedStyle(document.getElementById(name)).color));
  assert.equal(colours[0], colours[1], 'what is not known is not green');
}

scenario('the store is lost: the page says so, claims no number, and stands still; so does one that is opened then', OPEN, async (s, t) => {
  await s.phone('user1');
  const page = await live(s, t);
  await page.locator('[data-user=user1][data-status=online]').waitFor();
  await until(async () => (await text(page, 'online-count')) === '1', 'one online');
  await s.loseRedis();
  await page.locator(state('store-lost')).waitFor();
  assert.match(await text(page, 'notice'), /^The server has lost its store since \d\d:\d\d:\d\d; what you see is from before\.$/);
  await claimsNothing(page, 'Store lost · Presence');
  assert.match(await text(page, 'shown'), /^1 user, as known at \d\d:\d\d:\d\d$/);
  const row = page.locator('[data-user=user1]');
  const shown = await row.textContent();
  assert.match(shown, /Was online/);
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 2100))); // two of the page's ticks
  assert.equal(await row.textContent(), shown, 'its duration is frozen');
  await page.locator('[data-user=user1]').click();
  await until(async () => /Was online at \d\d:\d\d:\d\d/.test(await text(page, 'detail-status')), 'the details too');
  await page.locator('#live').getByText(/can’t answer at the moment/).waitFor();

  const late = await open(s, t);
  await late.locator(state('store-lost')).waitFor();
  await late.locator('[data-user=user1]').waitFor();
  await claimsNothing(late, 'Store lost · Presence');
  await s.startRedis();
  for (const each of [page, late]) {
    await each.locator(state('live')).waitFor();
    await until(async () => (await text(each, 'online-count')) === '1', 'it knows again');
    assert.equal(await each.locator(id('notice')).isVisible(), false);
    assert.deepEqual(each.errors, []);
  }
});

scenario('a page that was never connected, and one that lost its server, claim nothing', { ...OPEN, servers: 1 }, async (s, t) => {
  await s.phone('user1');
  const page = await live(s, t);
  await page.locator('[data-user=user1]').click();
  await until(async () => /^Online for/.test(await text(page, 'detail-status')), 'online');
  await s.servers[0].kill();
  await page.locator(state('reconnecting')).waitFor();
  await claimsNothing(page, 'Not connected · Presence');
  assert.match(await text(page, 'notice'), /^The list shows what was known at \d\d:\d\d:\d\d\./);
  await until(async () => /^Reconnecting in \d+ s$/.test(await text(page, 'state')), 'it says when it tries again');
  await page.waitForFunction(() => document.getElementById('announcements').textContent === 'Connection lost. Trying again.');
  // The API knows better than the list.
  await s.ctl('offline', 'user1');
  await page.locator('#live-refresh').click();
  await until(async () => /^Offline, last seen/.test(await text(page, 'detail-status')), 'the newer answer wins');
  assert.match(await page.locator('#detail-facts').textContent(), /forced/);

  const fresh = await open(s, t);
  await fresh.locator(state('reconnecting')).waitFor();
  await claimsNothing(fresh, 'Not connected · Presence');
  await until(async () => /^Trying again in \d+ s$/.test(await text(fresh, 'state')), 'it says when it tries again');
  await fresh.waitForFunction(() => document.getElementById('announcements').textContent === 'The server can’t be reached. Trying again.');
  await fresh.waitForFunction(() => /API of this page answers, but the server at 127\.0\.0\.1:\d+/.test(document.getElementById('notice').textContent));
  const off = await s.startServer({ PRESENCE_ENABLED: 'false' });
  const idle = await open(s, t, { port: off.port });
  await idle.locator(state('off')).waitFor();
  assert.match(await text(idle, 'notice'), /switched off on this server \(PRESENCE_ENABLED=false\)/);
  await claimsNothing(idle, 'Presence');
});

scenario('a refused token is called refused within three tries, with the reason', { ...OPEN, env: { ...OPEN.env, PRESENCE_API_AUTH: 'jwt' } }, async (s, t) => {
  const signature = jwt.sign({ uid: 'admin', role: 'dashboard' }, 'another-secret-than-the-server-has!!');
  const denied = async (token, wanted, sockets) => {
    const page = await open(s, t, { token });
    await page.locator(state('no-permission')).waitFor();
    assert.match(await text(page, 'problem'), wanted);
    assert.ok(page.sockets <= sockets, `${page.sockets} tries`);
    assert.ok(await page.locator('#access').isVisible());
    await page.waitForFunction(() => document.getElementById('announcements').textContent === `No permission. ${document.getElementById('access-problem').textContent}`);
    await page.close();
  };
  await denied(signature, /^The server refuses this token\. .*signature/i, 3);
  await s.ctl('kick', 'gone', '--revoke');
  await denied(s.token('gone', 'dashboard', { iat: Math.floor(Date.now() / 1000) - 10 }), /refuses this token\. .*revoked/i, 3);
  await denied(s.token('late', 'dashboard', {}, { expiresIn: -3600 }), /expired/, 3);
  await denied(s.token('u', 'mobile'), /^This token is for a phone; a dashboard needs/, 0);
  await denied(s.token('u', 'admin'), /^This token’s role is “admin”; a dashboard needs/, 0);
  await denied(s.token('u', ['a', 'b']), /^This token’s role is “a”, “b”;/, 0);
  await denied(s.token('u', undefined), /^This token has no role/, 0);
  await denied(s.token('u', undefined, { aud: 'web' }), /^This token has no role/, 0);
  const other = await open(s, t, { token: s.token('u', undefined, { realm_role: ['dashboard'] }) });
  await until(() => other.sockets > 0, 'a role in another claim is for the server to judge');
});

scenario('what else keeps a page out is told apart, as far as the API tells', { ...OPEN, servers: 0 }, async (s, t) => {
  const closed = { port: 1, token: s.token('admin', 'dashboard') };
  const cases = [
    [401, 'Token revoked', 'problem', /^The server refuses this token\. Token revoked\.$/],
    [403, 'not for phones', 'problem', /^The server refuses this token\. Not for phones\.$/],
    [429, 'slow down', 'notice', /too many connections from here\. Slow down\./],
    [503, 'Redis can’t be reached', 'notice', /can’t say who is online at the moment\. Redis can’t be reached\./],
    [404, '', 'notice', /answers with status 404/],
    [0, '', 'notice', /^Neither the server nor the API/],
  ];
  await Promise.all(cases.map(async ([status, error, where, wanted]) => {
    t.chromium ??= browser(t);
    const page = await (await t.chromium).newPage();
    await page.route('**/api/presence/count', (route) => (status ? route.fulfill({ status, json: { success: false, error } }) : route.abort()));
    await page.goto(address(s, closed));
    await page.waitForFunction(([name, pattern]) => new RegExp(pattern).test(document.querySelector(`[data-testid=${name}]`).textContent), [where, wanted.source]);
    assert.equal(await page.locator('#access').isVisible(), where === 'problem');
  }));
  const page = await (await t.chromium).newPage();
  const asked = [];
  page.on('request', (request) => asked.push(request.headers().authorization));
  await page.goto(`${s.api.url}/#token=${closed.token}&ws=ws://localhost:1/&user=bob`);
  await page.waitForFunction(() => /^The server at localhost:1 can’t be reached, or refuses this page or the token\.$/.test(document.getElementById('notice').textContent));
  await page.locator('#detail-user').getByText('bob').waitFor();
  assert.deepEqual(asked.filter((header) => header), [], 'the API of another host is not given the token');
});

scenario('who is not in the list is asked for; a link names a user; "back" closes the details', OPEN, async (s, t) => {
  await s.ctl('online', 'Bob');
  await s.ctl('offline', 'Bob');
  await s.phone('user1');
  const page = await live(s, t);
  await page.locator('[data-user=user1]').waitFor();
  await page.locator(id('search')).fill('Bob');
  await page.getByText('No user of this list matches the search.', { exact: true }).first().waitFor();
  await page.getByRole('button', { name: 'Ask the server about “Bob”' }).click();
  await until(async () => /^Offline, last seen/.test(await text(page, 'detail-status')), 'Bob was seen');
  assert.match(page.url(), /#user=Bob$/);
  assert.equal(await page.locator('#detail-user').textContent(), 'Bob');
  await page.goBack();
  await page.locator(id('detail')).waitFor({ state: 'hidden' });
  assert.match(page.url(), /\/$/);
  await page.locator(id('search')).fill('nobody ever');
  await page.locator(id('ask')).click();
  await until(async () => (await text(page, 'detail-status')) === 'Never seen', 'nobody was not');
  await s.phone('nobody ever');
  await until(async () => /^Online for/.test(await text(page, 'detail-status')), 'now in the list');
  await page.keyboard.press('Escape');
  await page.locator(id('detail')).waitFor({ state: 'hidden' });
  await page.locator(id('search')).fill('');
  await page.locator('[data-user=user1]').click();
  assert.match(page.url(), /#user=user1$/);
  await page.reload();
  await page.locator(state('live')).waitFor();
  await until(async () => /^Online for/.test(await text(page, 'detail-status')), 'a reloaded page has the details still');

  const linked = await live(s, t, { user: encodeURIComponent('Bob') });
  await until(async () => /^Offline, last seen/.test(await text(linked, 'detail-status')), 'by a link');
  assert.match(linked.url(), /#user=Bob$/);
  assert.ok(!linked.url().includes('token'));
  for (const each of [page, linked]) assert.deepEqual(each.errors, []);
});

scenario('numbers that add up, and a reader of the screen hears each row', OPEN, async (s, t) => {
  const phones = await Promise.all([...Array(60).keys()].map((i) => s.phone(`user${i}`)));
  const page = await live(s, t);
  await until(async () => (await text(page, 'online-count')) === '60', 'all online');
  assert.match(await page.locator('#rate-title').textContent(), /^Changes in \d+ s$/);
  const sums = [];
  for (const phone of phones.slice(0, 20)) {
    phone.terminate();
    sums.push(await page.evaluate(() => [...document.querySelectorAll('#online, #offline, #shown')].map((e) => parseInt(e.textContent, 10))));
  }
  for (const [online, offline, all] of sums) assert.equal(online + offline, all);
  await until(async () => (await text(page, 'offline-count')) === '20', 'twenty went');
  assert.match(await page.locator('#offline-title').textContent(), /^Went offline since \d\d:\d\d$/);
  const active = () => page.evaluate(() => {
    const name = document.getElementById('list').getAttribute('aria-activedescendant');
    return [name, document.getElementById(name)?.dataset.user];
  });
  await page.locator('[data-user][data-status=online]').first().waitFor();
  await page.locator('[data-user][data-status=offline]').first().waitFor({ state: 'detached' }); // the list has taken its order
  await page.locator(id('list')).focus();
  const heard = [];
  for (const key of ['Home', 'End', 'Home', 'End', 'PageUp', 'PageUp', 'PageDown', 'Home']) {
    const before = await active();
    await until(async () => { // a busy browser may drop one
      await page.keyboard.press(key);
      const [, user] = await active();
      return user && user !== before[1];
    }, `${key} moves`);
    heard.push([before, await active()]);
  }
  for (const [before, after] of heard) assert.notEqual(before[0], after[0], 'another row is another element');
});

scenario('nothing stands out of a small screen, in any state, with text of any size', OPEN, async (s, t) => {
  await s.phone(`user-${'x'.repeat(100)}`);
  const pages = [];
  for (const width of [320, 390]) for (const size of ['100%', '200%']) {
    const page = await live(s, t, { viewport: { width, height: 700 } });
    await page.evaluate((value) => { document.documentElement.style.fontSize = value; }, size);
    pages.push([`${width} px, ${size}`, page]);
  }
  const fits = async (what, name) => {
    for (const [size, page] of pages) {
      if (name) await page.locator(state(name)).waitFor();
      const wide = await page.evaluate(() => [document.documentElement, document.getElementById('main'), document.getElementById('top')]
        .filter((e) => e.scrollWidth > Math.min(e.clientWidth, window.innerWidth)).map((e) => `${e.tagName} ${e.scrollWidth}`));
      assert.deepEqual(wide, [], `${what}, ${size}`);
    }
  };
  const each = (act) => Promise.all(pages.map(([, page]) => act(page)));
  await fits('live', 'live');
  await each((page) => page.locator(id('search')).fill('y'.repeat(128)));
  await fits('nobody matches');
  await each((page) => page.locator(id('search')).fill(''));
  await each((page) => page.locator('[data-user]').first().click());
  await fits('details');
  await each((page) => page.locator('#detail-close').click());
  await s.loseRedis();
  await fits('store lost', 'store-lost');
  await s.servers[0].kill();
  await each((page) => page.waitForFunction(() => /PRESENCE_ALLOWED|at the moment/.test(document.getElementById('notice').textContent)));
  await fits('reconnecting');
  await each((page) => page.locator('#leave').click());
  await fits('token needed', 'needs-token');
  await each((page) => page.locator('#access-token').fill(s.token('u', 'admin-with-a-very-long-name-of-a-role')));
  await each((page) => page.locator('#access button').click());
  await fits('no permission', 'no-permission');
});
