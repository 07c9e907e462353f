// SPDX-License-Identifier: MIT
// Everything with its defaults where containers run it: no IPv6, no capabilities, nothing to write but /tmp.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');
const { BIN, ROOT, run } = require('./lib/process');

const LIB = path.join(__dirname, 'lib');
const CANNOT = 77; // of bare.sh

// What the other user may read, in a directory that it may write.
function prepare() {
  const dir = fs.mkdtempSync('/tmp/presence-bare-');
  fs.chmodSync(dir, 0o777);
  fs.mkdirSync(`${dir}/bin`);
  for (const name of fs.readdirSync(BIN)) fs.copyFileSync(path.join(BIN, name), `${dir}/bin/${name}`);
  fs.cpSync(path.join(ROOT, 'examples', 'demo'), `${dir}/demo`, { recursive: true });
  for (const name of ['bare.sh', 'bare_house.sh']) fs.copyFileSync(path.join(LIB, name), `${dir}/${name}`);
  // As Debian and Docker write it.
  fs.writeFileSync(`${dir}/hosts`, '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n');
  return dir;
}

function logs(dir) {
  return fs.readdirSync(dir).filter((name) => name.endsWith('.log'))
    .map((name) => `--- ${name}\n${fs.readFileSync(path.join(dir, name), 'utf8')}`).join('\n');
}

// `wrap`: what runs the house. The environment is this alone: no setting but the key.
async function house(t, wrap) {
  if (os.userInfo().uid === 0 && process.env.PRESENCE_SANITIZED === 'valgrind')
    return t.skip('valgrind writes its findings where another user may not');
  const dir = prepare();
  try {
    const env = { PATH: process.env.PATH, HOME: '/var', SECRET_KEY: 'a-key-for-a-bare-house-of-32-bytes',
      ASAN_OPTIONS: process.env.ASAN_OPTIONS || '' };
    const wrapped = await wrap(dir);
    const ran = await run('env', ['-i', ...Object.entries(env).map(([name, value]) => `${name}=${value}`), 'bash', `${dir}/bare.sh`,
      `${dir}/hosts`, ...wrapped, 'bash', `${dir}/bare_house.sh`, dir], { timeout: 110000 });
    if (ran.code === CANNOT) return t.skip(`no namespaces here: ${ran.stderr.trim()}`);
    assert.equal(ran.code, 0, `${ran.stdout}${ran.stderr}\n${logs(dir)}`);
    assert.match(ran.stdout, /the house stands\n$/);
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

test('IPv6 is switched off, as by Docker', { timeout: 120000 }, (t) => house(t, () => []));

test('the kernel has no IPv6', { timeout: 120000 }, (t) => house(t, async (dir) => {
  const built = await run('cc', ['-std=gnu11', '-D_GNU_SOURCE', '-Wall', '-o', `${dir}/no_ipv6`, path.join(LIB, 'no_ipv6.c'),
    path.join(LIB, '../../unit/support/lose_family.c')]);
  assert.equal(built.code, 0, built.stderr);
  return [`${dir}/no_ipv6`];
}));
