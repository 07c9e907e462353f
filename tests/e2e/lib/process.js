// SPDX-License-Identifier: MIT
// Child processes of a test: started, waited for, killed, and shown when the test fails.
'use strict';
const { spawn } = require('node:child_process');
const path = require('node:path');

const ROOT = path.join(__dirname, '..', '..', '..');
const BIN = path.resolve(ROOT, process.env.PRESENCE_BIN || 'build/bin');

// Resolves when `condition` gives something true; rejects after `ms` with what was waited for.
async function until(condition, what = 'a condition', ms = 10000) {
  const end = Date.now() + ms * (Number(process.env.PRESENCE_PATIENCE) || 1);
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

class Process {
  // options: those of spawn; `fds` are handed on as descriptors 3, 4 …
  constructor(command, args, { fds = [], ...options } = {}) {
    this.name = path.basename(command);
    this.output = '';
    this.child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe', ...fds] });
    this.exited = new Promise((resolve) => {
      this.child.on('exit', (code, signal) => resolve({ code, signal }));
      this.child.on('error', (error) => { this.output += error.message; resolve({ code: 127 }); });
    });
    this.exited.then((how) => { this.ended = how; });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream.on('data', (bytes) => { this.output += bytes; });
  }

  get pid() { return this.child.pid; }

  // The first match of `pattern` in what it printed.
  async printed(pattern, ms = 10000) {
    return until(() => {
      const match = pattern.exec(this.output);
      if (!match && this.ended) throw new Error(`${this.name} ended before ${pattern}: ${this.output}`);
      return match;
    }, `${this.name} prints ${pattern}`, ms);
  }

  signal(name) { if (!this.ended) this.child.kill(name); }

  async kill(name = 'SIGKILL') {
    this.signal('SIGCONT');
    this.signal(name);
    return this.exited;
  }

  // SIGTERM, and whether it ended well.
  async stop() { return this.kill('SIGTERM'); }
}

// Runs a program to its end: { code, stdout, stderr }.
function run(command, args, { env, input, timeout = 60000 } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: { ...process.env, ...env } });
    const out = { stdout: '', stderr: '' };
    const timer = setTimeout(() => child.kill('SIGKILL'), timeout);
    child.stdout.on('data', (bytes) => { out.stdout += bytes; });
    child.stderr.on('data', (bytes) => { out.stderr += bytes; });
    child.on('error', reject);
    child.on('close', (code, signal) => { clearTimeout(timer); resolve({ code, signal, ...out }); });
    child.stdin.end(input);
  });
}

module.exports = { ROOT, BIN, Process, run, until };
