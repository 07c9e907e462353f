// SPDX-License-Identifier: MIT
// Can the hunt find bugs? Each file of bugs/ breaks one rule of the sources by an exact replacement; the simulation is built with it and
// hunts. Every one must be caught, and the unbroken build must be clean. planted.js [name …]; PLANTED_SEEDS: how many seeds at most.
// A bug that only one kind of play can show names it.
'use strict';
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const ROOT = path.join(__dirname, '..', '..');
const BUGS = path.join(__dirname, 'bugs');
const SEEDS = process.env.PLANTED_SEEDS || '120';
const MINUTES = '10';

// The reason, "play: …" if there is one, "file: …", then the old lines behind "---" and the new ones behind "+++", once or several times.
function read(name) {
  const [head, ...places] = fs.readFileSync(path.join(BUGS, name), 'utf8').split(/^---\n/m);
  const [, why, play, file] = /^([^]*?)(?:^play: (\S+)\n)?^file: (\S+)\n$/m.exec(head);
  return { name, why: why.trim(), play, file, edits: places.map((place) => place.split('+++\n')) };
}

function run(command, args, cwd) {
  return spawnSync(command, args, { cwd, encoding: 'utf8', maxBuffer: 1 << 26 });
}

function must(result, what) {
  if (result.status !== 0) throw new Error(`${what}: ${result.stderr}${result.stdout}`);
}

// A copy with the objects, so that only what is broken is built again.
function copyTree() {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'presence-planted-'));
  fs.mkdirSync(path.join(dir, 'tests'));
  fs.mkdirSync(path.join(dir, 'build'));
  must(run('cp', ['-a', 'lib', 'cmd', 'Makefile', dir], ROOT), 'copy');
  must(run('cp', ['-a', 'tests/tools', 'tests/simulation', path.join(dir, 'tests')], ROOT), 'copy');
  must(run('cp', ['-a', ...['obj', 'lib', 'gen', 'bin'].map((part) => `build/${part}`), path.join(dir, 'build')], ROOT), 'copy');
  return dir;
}

function build(dir) {
  must(run('make', ['-j2', '--no-print-directory', 'build/bin/simulate'], dir), 'build');
}

function hunt(dir, play) {
  const kind = play ? ['--play', play] : [];
  return run('build/bin/simulate', ['--seed', '1', '--seeds', SEEDS, '--minutes', MINUTES, '--quiet', ...kind], dir);
}

function plant(dir, bug) {
  const file = path.join(dir, bug.file), text = fs.readFileSync(file, 'utf8');
  let broken = text;
  for (const [old, fresh] of bug.edits) {
    const places = broken.split(old).length - 1;
    if (places !== 1) throw new Error(`${bug.name}: its old lines stand in ${bug.file} ${places} times, not once`);
    broken = broken.replace(old, () => fresh);
  }
  fs.writeFileSync(file, broken);
  build(dir);
  const result = hunt(dir, bug.play);
  fs.writeFileSync(file, text);
  return result;
}

// The first seed that fails, and how.
const verdict = (result) => /^seed (\d+) fails: (.*)$/m.exec(result.stdout) || [null, '–', `ended by ${result.signal || result.status}`];

function main(names) {
  const dir = copyTree();
  let caught = 0, missed = 0;
  try {
    build(dir);
    for (const name of names) {
      const bug = read(name), result = plant(dir, bug), found = result.status !== 0;
      const [, seed, how] = verdict(result);
      console.log(found ? `caught  ${name}: seed ${seed}: ${how}` : `MISSED  ${name}: ${bug.why}`);
      if (found) caught++; else missed++;
    }
    build(dir);
    const clean = hunt(dir);
    if (clean.status !== 0) { console.log(`the unbroken build fails: ${clean.stdout}`); missed++; }
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
  console.log(`${caught} passed, ${missed} failed`);
  process.exitCode = missed || !caught ? 1 : 0;
}

main(process.argv.length > 2 ? process.argv.slice(2) : fs.readdirSync(BUGS).sort());
