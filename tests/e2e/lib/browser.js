// SPDX-License-Identifier: MIT
// Chromium of Debian, headless, without a word to the outside.
'use strict';
const { chromium } = require('playwright-core');

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) => require('node:fs').existsSync(path));

async function browser(t) {
  const b = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
  });
  t.after(() => b.close());
  return b;
}

module.exports = { browser };
