// SPDX-License-Identifier: MIT
// The completions that tests/tools/completions.js makes of --help, tried in the shells themselves; those of the tree are what it makes.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');
const { execFileSync, spawnSync } = require('node:child_process');
const { describe, bash, fish, zsh } = require('../tools/completions');

const COMMON = `
Shared:
      --redis-host HOST         where Redis is
                                [SAMPLE_HOST; default localhost]
  -l, --log-level error|warn|info|debug
                                what to [log]: the user's choice
                                [SAMPLE_LEVEL; default info]
      SAMPLE_SECRET             signs tokens
                                [SAMPLE_SECRET]

Everywhere:
      --config FILE             read settings from a file of KEY=value lines
  -h, --help                    show this help
`;
const HELP = {
  '': `Usage: sample-ctl [OPTION]... COMMAND [ARGUMENT]...
Asks.

Commands (sample-ctl COMMAND --help tells more):
  status USER...                ask after users
  wait USER online|offline      wait for a status: really
  run FILE                      play a scenario
`,
  status: 'Usage: sample-ctl status [OPTION]... USER...\nask after users\n',
  wait: `Usage: sample-ctl wait [OPTION]... USER online|offline
wait for a status: really

Waiting:
  -j, --json                    for programs
  -t, --timeout DURATION        how long to wait
                                [default 10s]
      --out FILE                where to write
      --name TEXT               whom to wait for (may be repeated)
`,
  run: 'Usage: sample-ctl run [OPTION]... FILE\nplay a scenario\n',
};
const withCommands = describe('sample-ctl', (command = '') => HELP[command] + COMMON);
const withoutCommands = describe('sample-ws', () => `Usage: sample-ws [OPTION]...\nServes.\n${COMMON}`);

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'completion-'));
test.after(() => fs.rmSync(folder, { recursive: true }));
const have = (shell) => spawnSync(shell, ['-c', 'exit 0']).status === 0;

function scriptFile(text) {
  const file = path.join(folder, 'script');
  fs.writeFileSync(file, text);
  return file;
}

test('the completions of the tree are made of the --help of the programs', () => {
  const bin = process.env.PRESENCE_BIN ?? 'build/bin';
  execFileSync('node', [path.join(__dirname, '../tools/completions.js'), '--check', bin], { stdio: 'inherit' });
});

// The words as bash splits them: '=' stands alone. The last is the one to complete.
test('bash offers what fits', () => {
  const file = scriptFile(bash(withCommands));
  for (const [words, expected] of [
    ["''", 'status wait run'],
    ['w', 'wait'],
    ["-l debug ''", 'status wait run'],
    ['--log-level = debug r', 'run'],
    ["--redis-host wait ''", 'status wait run'],
    ['--l', '--log-level'],
    ["--log-level ''", 'error warn info debug'],
    ['--log-level =', 'error warn info debug'],
    ['--log-level = d', 'debug'],
    ['-l w', 'warn'],
    ['status --t', ''],
    ['wait --t', '--timeout'],
    ["wait --timeout ''", ''],
    ["wait ''", ''],
    ["wait user ''", 'online offline'],
    ['wait --timeout 5s user of', 'offline'],
    ['wait --json user of', 'offline'],
    ['wait -t 5s --json = false user on', 'online'],
    ['status user of', ''],
    ['run /dev/nul', '/dev/null'],
    ['--config /dev/nul', '/dev/null'],
    ['wait --out /dev/nul', '/dev/null'],
    ['run x /dev/nul', ''],
    ['status --out /dev/nul', ''],
  ]) {
    const command = `. ${file}; set -- ${words}; COMP_WORDS=(sample-ctl "$@"); COMP_CWORD=$#; _sample_ctl; echo "\${COMPREPLY[*]}"`;
    assert.equal(execFileSync('bash', ['--norc', '-c', command], { encoding: 'utf8' }).trim(), expected, words);
  }
});

// Nothing typed is part of another word: fish 4 offers those too. fish leaves a history and more in its home.
test('fish offers what fits', { skip: !have('fish') }, () => {
  const file = scriptFile(fish(withCommands));
  for (const [line, expected] of [
    ['sample-ctl w', 'wait\twait for a status: really\n'],
    ['sample-ctl --log-level d', "debug\twhat to [log]: the user's choice\n"],
    ['sample-ctl wait --timeo', '--timeout\thow long to wait\n'],
    ['sample-ctl status --timeo', ''],
    ['sample-ctl wait user of', 'offline\n'],
    ['sample-ctl status /dev/nul', ''],
    ['sample-ctl run /dev/nul', '/dev/null\n'],
  ]) {
    const command = `source ${file}; complete -C "${line}"`;
    const env = { ...process.env, HOME: folder };
    assert.equal(spawnSync('fish', ['--no-config', '-c', command], { env, encoding: 'utf8' }).stdout, expected, line);
  }
});

test('zsh reads them', { skip: !have('zsh') }, () => {
  for (const program of [withCommands, withoutCommands])
    assert.equal(execFileSync('zsh', ['-n', scriptFile(zsh(program))], { encoding: 'utf8' }), '');
});

test('their texts', () => {
  const texts = { bash: bash(withCommands), zsh: zsh(withCommands), fish: fish(withCommands) };
  for (const [shell, says] of [
    ['bash', 'complete -F _sample_ctl sample-ctl\n'],
    ['bash', "*:--log-level | *:-l) mapfile -t COMPREPLY < <(compgen -W 'error warn info debug'"],
    ['bash', 'wait:--timeout | wait:-t) ((i++)) ;;'],
    ['zsh', '#compdef sample-ctl\n'],
    ['zsh', "'(-l --log-level)'{-l+,--log-level=}'[what to \\[log\\]\\: the user'\\''s choice]:log-level:(error warn info debug)'\n"],
    ['zsh', "'--redis-host=[where Redis is]:HOST:_hosts'\n"],
    ['zsh', "'*--name=[whom to wait for]:TEXT: '\n"],
    ['zsh', "'wait:wait for a status\\: really'\n"],
    ['zsh', "'2:choice:(online offline)'\n"],
    ['zsh', "'*:USER: '\n"],
    ['zsh', "'1:FILE:_files'\n"],
    ['fish', "complete -c sample-ctl -s l -l log-level -x -a 'error warn info debug' -d 'what to [log]: the user\\'s choice'\n"],
    ['fish', "complete -c sample-ctl -n '__fish_seen_subcommand_from wait' -s t -l timeout -x "],
    ['fish', "complete -c sample-ctl -n '__fish_seen_subcommand_from run' -F\n"],
  ]) assert.ok(texts[shell].includes(says), `no '${says}' in:\n${texts[shell]}`);
  for (const text of Object.values(texts)) assert.ok(!text.includes('SECRET') && !text.includes('secret'));
});
