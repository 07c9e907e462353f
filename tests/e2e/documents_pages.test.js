// SPDX-License-Identifier: MIT
// tests/tools/documents_pages.js sees a difference between the code and the documents, of each kind and on either side; and the scenario
// that SCENARIOS.md shows can be played.
'use strict';
const assert = require('node:assert');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test, before, after } = require('node:test');
const { ROOT, BIN, run } = require('./lib/process');

const WS = 'cmd/presence-ws/presence-ws.8.md';
const CTL = 'cmd/presence-ctl/presence-ctl.1.md';
const SIM = 'cmd/presence-sim/presence-sim.1.md';
const SCENARIOS = 'cmd/presence-sim/SCENARIOS.md';
const KEYS = 'lib/store/KEYS.md';

// What is changed, in which file, from what to what, and a line that must come of it.
const planted = [
  ['a setting of a program', 'cmd/presence-ws/config.c', '"PRESENCE_RING_SIZE"', '"PRESENCE_RINGS"', `${WS}: the setting PRESENCE_RINGS is not described`],
  ['a setting of all', 'lib/store/policy_settings.c', '"PRESENCE_TTL"', '"PRESENCE_TTLS"', `${CTL}: the setting PRESENCE_TTLS is not described`],
  ['a setting of a command', 'cmd/presence-ctl/watch.c', '"PRESENCE_CTL_SINCE"', '"PRESENCE_CTL_FROM"', `${CTL}: the setting PRESENCE_CTL_FROM is not described`],
  ['a described setting', SIM, '`PRESENCE_SIM_SEED`', '`PRESENCE_SIM_SEEDS2`', `${SIM}: the setting PRESENCE_SIM_SEEDS2 is not in the code`],
  ['a metric', 'cmd/presence-api/metrics.def', 'presence_api_ids_total', 'presence_api_users_total', 'cmd/presence-api/presence-api.8.md: the metric presence_api_users_total is not described'],
  ['a described metric', WS, '- **`presence_roster_loads_total`**', '- **`presence_loads_total`**', `${WS}: the metric presence_loads_total is not in the code`],
  ['the value of a label', 'cmd/presence-ws/metrics.def', 'reason=\\"stuck\\"', 'reason=\\"jammed\\"', `${WS}: the label value jammed is not described`],
  ['the value of a label from a list', 'lib/http/gate.h', '"hasty"', '"eager"', `${WS}: the label value eager is not described`],
  ['the kind of a metric', WS, '`presence_update_latency_seconds`** (histogram)', '`presence_update_latency_seconds`** (gauge)', `${WS}: presence_update_latency_seconds is a histogram`],
  ['a command', 'cmd/presence-ctl/commands.h', 'X(count)', 'X(total)', `${CTL}: the command total is not described`],
  ['a command of presence-sim', 'cmd/presence-sim/options.c', '{"load", ""', '{"stress", ""', `${SIM}: the command stress is not described`],
  ['a described command', CTL, '## repair', '## cure', `${CTL}: the command cure is not in the code`],
  ['an exit code', 'lib/base/program.h', 'EXIT_TIMEOUT = 5', 'EXIT_TIMEOUT = 6', `${CTL}: the exit code 6 is not described`],
  ['a described exit code', WS, '| 3 | bad', '| 1 | no |\n| 3 | bad', `${WS}: the exit code 1 is not in the code`],
  ['a statement', 'cmd/presence-sim/scenario_statements.c', '{"thaw", 1', '{"warm", 1', `${SCENARIOS}: the statement warm is not described`],
  ['a described statement', SCENARIOS, '| `thaw` NAMES', '| `melt` NAMES', `${SCENARIOS}: the statement melt is not in the code`],
  ['an option of phones', 'cmd/presence-sim/scenario_actors.c', '{"device", &call', '{"machine", &call', `${SCENARIOS}: the option machine is not described`],
  ['an option of a statement', 'cmd/presence-sim/scenario_processes.c', '"contains"', '"matches"', `${SCENARIOS}: the option matches is not described`],
  ['an expectation', 'cmd/presence-sim/scenario_expect.c', '{"heard", 5', '{"told", 5', `${SCENARIOS}: the expectation told is not described`],
  ['a fault of the judge', 'cmd/presence-sim/view_checker.c', '"ghost"', '"phantom"', `${SCENARIOS}: the fault phantom is not described`],
  ['a rule', 'cmd/presence-sim/scenario_statements.c', '{"skew", &rules', '{"drift", &rules', `${SCENARIOS}: the rule drift is not described`],
  ['a key', 'lib/store/keys.c', '"revoked"', '"banned"', `${KEYS}: the key banned is not described`],
  ['a key in a script', 'lib/store/scripts/apply.lua', "PREFIX .. 'refused'", "PREFIX .. 'rejected'", `${KEYS}: the key rejected is not described`],
  ['a described key', KEYS, '| `presence:fence` |', '| `presence:wall` |', `${KEYS}: the key wall is not in the code`],
  ['a channel', 'lib/store/keys.c', '"offline"', '"gone"', `${KEYS}: the channel gone is not described`],
  ['a described channel', KEYS, '| `presence:updates` |', '| `presence:news` |', `${KEYS}: the channel news is not in the code`],
  ['a described script', KEYS, '## audit.lua', '## count.lua', `${KEYS}: the script audit.lua is not described`],
  ['a control message', 'lib/store/scripts/node.lua', '"cmd":"node"', '"cmd":"daemon"', `${KEYS}: the message of presence:control daemon is not described`],
  ['an error', 'lib/store/scripts/apply.lua', "error_reply('STALE", "error_reply('OLD", `${KEYS}: the error OLD is not described`],
  ['a field of a node', 'lib/store/scripts/node.lua', '"said":', '"spoke":', `${KEYS}: the field of a node spoke is not described`],
  ['the access control list', 'examples/redis.conf', '+xadd ', '', `${KEYS}: the access control list is not that of examples/redis.conf`],
  ['a function that is named', 'lib/ARCHITECTURE.md', '`handle_change`', '`handle_changes`', 'lib/ARCHITECTURE.md: handle_changes is not in the code'],
  ['a file that is named', 'lib/ARCHITECTURE.md', 'lib/store/roster_sync.c', 'lib/store/leader.c', 'lib/ARCHITECTURE.md: there is no file lib/store/leader.c'],
  ['a folder that is named', 'lib/ARCHITECTURE.md', '`cmd/*`', '`cmd/programs`', 'lib/ARCHITECTURE.md: there is no file or folder cmd/programs'],
  ['a pattern of files that is named', 'lib/ARCHITECTURE.md', '(`websocket*`)', '(`socket*`)', 'lib/ARCHITECTURE.md: there is no file or folder socket*'],
  ['a layer', 'Makefile', 'LAYERS := base', 'LAYERS := base core', 'lib/ARCHITECTURE.md: the layer lib/core is not described'],
  ['a described layer', 'lib/ARCHITECTURE.md', '| `lib/http` |', '| http |', 'lib/ARCHITECTURE.md: the layer lib/http is not described'],
  ['the order of the layers', 'Makefile', 'LAYERS := base presence', 'LAYERS := presence base', 'lib/ARCHITECTURE.md: the layers are not in the order of the Makefile'],
  ['a file that includes a library', 'lib/http/jwks_fetch.c', '#include "', '#include <curl/curl.h>\n#include "',
    'lib/ARCHITECTURE.md: libcurl is not said to be in lib/http/jwks_fetch.c'],
  ['a file that is said to include a library', 'lib/ARCHITECTURE.md', 'OpenSSL in `lib/auth`', 'OpenSSL in `lib/wire`', 'lib/ARCHITECTURE.md: OpenSSL is not in lib/wire'],
  ['an alert', 'examples/alerts.yml', 'alert: PresenceLogLost', 'alert: PresenceLogGone',
    'examples/OPERATIONS.md: the alert PresenceLogGone: increase(presence_log_lines_dropped_total[10m]) > 0 is not described'],
  ['how long the condition of an alert holds', 'examples/OPERATIONS.md', '`presence_redis_up == 0` for 15 s', '`presence_redis_up == 0` for 1 min',
    'examples/OPERATIONS.md: the alert PresenceRedisAway: presence_redis_up == 0 for 1m is not in the code'],
  ['the metric of an alert', 'examples/OPERATIONS.md', 'presence_sweeps_total', 'presence_looks_total', 'examples/OPERATIONS.md: there is no metric presence_looks_total'],
  ['a page that is named', KEYS, 'presence-ctl(1)', 'presence-cli(1)', `${KEYS}: there is no page presence-cli(1)`],
  ['the title of a page', SCENARIOS, 'title: presence-scenarios', 'title: scenarios', `${SCENARIOS}: does not begin with the title and section of presence-scenarios(5)`],
];

let copy;

before(() => {
  copy = fs.mkdtempSync(path.join(os.tmpdir(), 'presence-documents-'));
  for (const part of ['Makefile', 'lib', 'cmd', 'examples/OPERATIONS.md', 'examples/alerts.yml', 'examples/redis.conf'])
    fs.cpSync(path.join(ROOT, part), path.join(copy, part), { recursive: true });
});

after(() => fs.rmSync(copy, { recursive: true, force: true }));

function check() {
  const { status, stdout } = spawnSync(process.execPath, [path.join(ROOT, 'tests/tools/documents_pages.js'), copy], { encoding: 'utf8' });
  return { status, lines: stdout.split('\n').filter(Boolean) };
}

test('code and documents agree', () => {
  assert.deepStrictEqual(check(), { status: 0, lines: [] });
});

for (const [what, file, from, to, line] of planted)
  test(`a difference is seen: ${what}`, () => {
    const whole = path.join(copy, file);
    const text = fs.readFileSync(whole, 'utf8');
    assert.ok(text.includes(from), `${file} has ${from}`);
    fs.writeFileSync(whole, text.replaceAll(from, to));
    const { status, lines } = check();
    fs.writeFileSync(whole, text);
    assert.strictEqual(status, 1);
    assert.ok(lines.includes(line), lines.join('\n'));
  });

test('the scenario that is shown can be played', async () => {
  const [, scenario] = /```\n(# A phone[^]*?)```/.exec(fs.readFileSync(path.join(ROOT, SCENARIOS), 'utf8'));
  const { code, stdout, stderr } = await run(path.join(BIN, 'presence-sim'), ['run', '-'], { input: scenario });
  assert.strictEqual(code, 0, stdout + stderr);
});
