// SPDX-License-Identifier: MIT
// A real browser: new WebSocket(url, [jwt, deviceId]) as PROTOCOL.md promises, and the dashboard page.
'use strict';
const assert = require('node:assert');
const http = require('node:http');
const { scenario, until } = require('./lib/stack');
const { browser } = require('./lib/browser');

scenario('new WebSocket(url, [jwt, deviceId]) of a browser, with a token of 3 kB', {}, async (s, t) => {
  const site = http.createServer((request, response) => response.end('<!doctype html><title>phone</title>'));
  await new Promise((resolve) => site.listen(0, '127.0.0.1', resolve));
  t.after(() => site.close());
  const dashboard = await s.dashboard();
  const page = await (await browser(t)).newPage();
  await page.goto(`http://127.0.0.1:${site.address().port}/`);
  const token = s.token('browser1', 'mobile', { note: 'n'.repeat(2200) });
  assert.ok(token.length > 3000);
  const connect = ([url, protocols]) => new Promise((resolve) => {
    window.ws = new WebSocket(url, protocols);
    window.ws.onopen = () => resolve(`open ${window.ws.protocol}`);
    window.ws.onclose = (event) => resolve(`closed ${event.code}`);
  });
  assert.equal(await page.evaluate(connect, [`ws://127.0.0.1:${s.servers[0].port}/`, [token, 'browser-device']]), 'open browser-device');
  await until(() => dashboard.of('browser1').length === 1, 'online');
  assert.equal(dashboard.of('browser1')[0].deviceId, 'browser-device');
  await page.close();
  await until(() => dashboard.of('browser1').length === 2, 'offline with the tab');

  const stranger = await (await browser(t)).newPage();
  await stranger.goto(`http://localhost:${site.address().port}/`).catch(() => {});
  assert.match(await stranger.evaluate(connect, [`ws://127.0.0.1:${s.servers[0].port}/`, [token, 'browser-device']]), /^closed/,
    'another origin is refused');
});

async function openPage(s, t, options = {}) {
  const page = await (await browser(t)).newPage(options);
  page.errors = [];
  page.on('pageerror', (error) => page.errors.push(error.message));
  page.on('console', (message) => message.type() === 'error' && page.errors.push(message.text()));
  await page.goto(`${s.api.url}/#token=${s.token('admin', 'dashboard')}&ws=ws://127.0.0.1:${s.servers[0].port}/`);
  await page.locator('[data-testid=state][data-state=live]').waitFor();
  return page;
}

scenario('the page shows phones come and go, live', { api: true, env: { PRESENCE_ALLOWED_ORIGINS: '*' } }, async (s, t) => {
  const early = await s.phone('early<b>bold</b>');
  const page = await openPage(s, t);
  const count = page.locator('[data-testid=online-count]');
  await until(async () => (await count.textContent()) === '1', 'one online');
  assert.equal(await page.getByText('bold', { exact: true }).count(), 0, 'names are text');
  assert.ok(!page.url().includes('token'), 'the token is out of the address bar');
  const phones = await Promise.all([...Array(20).keys()].map((i) => s.phone(`user${i}`, { device: `d${i}` })));
  await until(async () => (await count.textContent()) === '21', 'all online');
  await page.locator('[data-testid=search]').fill('user7');
  await page.locator('[data-user=user7][data-status=online]').waitFor();
  assert.equal(await page.locator('[data-user]').count(), 1);
  await phones[7].close();
  await page.locator('[data-user=user7][data-status=offline]').waitFor();
  await page.locator('[data-user=user7]').click();
  await page.locator('[data-testid=history]').getByText('disconnected').first().waitFor();
  early.terminate();
  await page.locator('[data-testid=search]').fill('');
  await until(async () => (await count.textContent()) === '19', 'nineteen online');
  assert.deepEqual(page.errors, []);
});

scenario('the page survives its server and resumes', { api: true, env: { PRESENCE_ALLOWED_ORIGINS: '*' } }, async (s, t) => {
  const page = await openPage(s, t);
  const { port } = s.servers[0];
  await s.servers[0].kill();
  await page.locator('[data-testid=state]:not([data-state=live])').waitFor();
  const again = await s.startServer({ PRESENCE_WS_LISTEN: `127.0.0.1:${port}` });
  await s.phone('user1', { server: again });
  await page.locator('[data-testid=state][data-state=live]').waitFor();
  await page.locator('[data-user=user1][data-status=online]').waitFor();
});

scenario('the page on a phone: nothing stands out of the screen', { api: true, env: { PRESENCE_ALLOWED_ORIGINS: '*' } }, async (s, t) => {
  await s.phone(`user-with-a-long-name-${'x'.repeat(100)}`);
  for (const colorScheme of ['light', 'dark']) {
    const page = await openPage(s, t, { viewport: { width: 360, height: 640 }, colorScheme });
    await page.locator('[data-user]').first().waitFor();
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth));
    await page.close();
  }
});
