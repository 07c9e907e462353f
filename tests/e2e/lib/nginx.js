// SPDX-License-Identifier: MIT
// A real nginx in front of a stack, configured by examples/nginx.conf: only where it listens, where it writes and whom it asks is
// changed, and that each of these was found is checked.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { freePort } = require('./ports');
const { ROOT, run, until } = require('./process');

const EXAMPLE = path.join(ROOT, 'examples', 'nginx.conf');

function answers(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('connect', () => { socket.destroy(); resolve(true); });
    socket.on('error', () => resolve(false));
  });
}

class Config {
  constructor() { this.text = fs.readFileSync(EXAMPLE, 'utf8'); }

  swap(pattern, replacement) {
    assert.match(this.text, pattern);
    this.text = this.text.replace(pattern, replacement);
  }

  // Other servers in place of those that an upstream names.
  upstream(name, addresses) {
    this.swap(new RegExp(`upstream ${name} \\{[^}]*\\}`), (block) => {
      const [, parameters] = /server \S+?( .*?)?;/.exec(block);
      const servers = addresses.map((address) => `server ${address}${parameters || ''};`).join(' ');
      return block.replace(/.*\bserver .*;.*\n/g, '').replace('\n', `\n${servers}\n`);
    });
  }

  writeTo(dir) {
    this.swap(/user .*;/, `user ${os.userInfo().username};`);
    this.swap(/worker_rlimit_nofile .*;/, '');
    this.swap(/worker_connections .*;/, 'worker_connections 1024;');
    this.swap(/pid .*;/, `pid ${dir}/nginx.pid; daemon off;`);
    this.swap(/error_log .*;/, 'error_log stderr;');
    this.swap(/access_log \S+/, `access_log ${dir}/access.log`);
    const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
    this.swap(/http \{/, `http { ${kinds.map((kind) => `${kind}_temp_path ${dir}/nginx-${kind};`).join(' ')}`);
  }

  listen(port) {
    this.swap(/listen 80;/, `listen 127.0.0.1:${port};`);
  }

  // The lines that stand there as comments.
  listenTls(port, dir) {
    this.swap(/# listen 443 ssl;\s*# listen \[::\]:443 ssl;/, `listen 127.0.0.1:${port} ssl;`);
    this.swap(/# ssl_certificate .*;/, `ssl_certificate ${dir}/certificate.pem;`);
    this.swap(/# ssl_certificate_key .*;/, `ssl_certificate_key ${dir}/key.pem;`);
    this.swap(/# ssl_/g, 'ssl_');
  }
}

async function makeCertificate(dir) {
  const made = await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
    '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', `${dir}/key.pem`,
    '-out', `${dir}/certificate.pem`]);
  assert.equal(made.code, 0, made.stderr);
}

async function attempt(s, { tls = false, port, change = () => {} }) {
  const dir = path.join(s.dir, 'nginx');
  const config = new Config();
  const ports = { port: port || await freePort(), tlsPort: tls && await freePort() };
  fs.mkdirSync(dir, { recursive: true });
  config.upstream('voiceping_backend', s.servers.map((server) => `127.0.0.1:${server.port}`));
  config.upstream('presence_api', s.apis.length ? s.apis.map((api) => `127.0.0.1:${api.port}`) : ['127.0.0.1:1']);
  config.writeTo(dir);
  config.listen(ports.port);
  if (tls) {
    await makeCertificate(dir);
    config.listenTls(ports.tlsPort, dir);
  }
  change(config);
  fs.writeFileSync(`${dir}/nginx.conf`, config.text);
  const nginx = Object.assign(s.start('nginx', ['-p', dir, '-c', `${dir}/nginx.conf`, '-e', 'stderr']), ports, { dir });
  await until(async () => nginx.ended || await answers(ports.port), 'nginx listens');
  return nginx;
}

// nginx before the stack's servers and its presence-api: a process with port, tlsPort, ca and dir. It has what a server of the
// stack has, so phones and dashboards connect with { server: nginx }. `port`: this one, of an nginx before; `change` may swap lines of
// the configuration.
async function startNginx(s, options = {}) {
  for (let tries = 0; tries < 5; tries++) {
    const nginx = await attempt(s, options);
    if (!nginx.ended) {
      if (options.tls) nginx.ca = fs.readFileSync(`${nginx.dir}/certificate.pem`);
      return nginx;
    }
    if (!/Address already in use/.test(nginx.output)) throw new Error(`nginx does not start: ${nginx.output}`);
  }
  throw new Error('nginx found no free port');
}

// SIGKILL for its master and all workers at once: no process of it says goodbye to anybody.
async function killNginx(nginx) {
  const workers = fs.readFileSync(`/proc/${nginx.pid}/task/${nginx.pid}/children`, 'utf8').trim().split(' ').map(Number);
  nginx.signal('SIGKILL');
  for (const pid of workers) process.kill(pid, 'SIGKILL');
  await nginx.exited;
}

module.exports = { startNginx, killNginx, answers };
