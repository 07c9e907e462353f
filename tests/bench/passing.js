// SPDX-License-Identifier: MIT
// What it costs to stand in front of a push-to-talk router: presence-ws beside nginx as a plain WebSocket proxy, and beside nothing in
// between. The router is presence-sim's own, in the process that also has the phones, so that one clock measures a frame's way.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { freePort } = require('../e2e/lib/ports');
const { load } = require('./load');
const { median } = require('./measure');
const { Ours, Rig, using, until } = require('./rig');

class Presence extends Ours {
  async startServer() {
    this.router = await freePort();
    this.env.PRESENCE_UPSTREAM = `ws://127.0.0.1:${this.router}`;
    return super.startServer();
  }
}

class Nginx extends Rig {
  get name() { return 'nginx'; }

  async startServer() {
    this.router = await freePort();
    this.port = await freePort();
    const file = path.join(this.dir, 'nginx.conf');
    const scratch = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${this.dir}/${name};`).join(' ');
    fs.writeFileSync(file, `master_process off; daemon off; pid ${this.dir}/pid; error_log stderr notice; worker_rlimit_nofile 20000;
      events { worker_connections 10000; }
      http { access_log off; underscores_in_headers on; ${scratch}
        server { listen 127.0.0.1:${this.port} backlog=4096;
          location / { proxy_pass http://127.0.0.1:${this.router}; proxy_http_version 1.1; proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; proxy_read_timeout 1h; proxy_send_timeout 1h; } } }`);
    await this.start('server', 'nginx', ['-c', file], { PATH: `${process.env.PATH}:/usr/sbin` }, /start|notice/);
    await until(() => fetch(`http://127.0.0.1:${this.port}/`).then(() => true, () => false), 'nginx answers');
  }
}

// Phones connect to the router itself.
class Direct extends Rig {
  get name() { return 'direct'; }

  async startServer() { this.router = this.port = await freePort(); }
}

// Groups of 50 with one talker at 50 frames of 200 bytes a second.
async function talk(rig, { groups, seconds, repeat }) {
  await rig.startServer();
  const phones = groups * 50;
  const reports = await load(rig, { phones, rate: 0, changes: 0, seconds, repeat, upstream: `127.0.0.1:${rig.router}`, talkRate: 50, talkGroup: 50 });
  const of = (value) => median(reports.map(value));
  const lost = reports.reduce((sum, r) => sum + r.framesExpected - r.audio.count + r.framesLost + r.framesFailed, 0);
  if (lost > 0) throw new Error(`${rig.name}: ${lost} frames were lost, or not sent`);
  return {
    cpu: rig.pids.server && of((r) => r.server.measureUs / (r.framesSent + r.audio.count)),
    memory: rig.pids.server && (reports[0].server.connectedPssKb - reports[0].server.startPssKb) * 1024 / phones,
    p50: of((r) => r.audio.p50Us / 1000), p99: of((r) => r.audio.p99Us / 1000),
  };
}

const sides = { direct: Direct, nginx: Nginx, presence: Presence };

// Each side in turn, several times, since a machine's speed drifts.
async function passing(rounds, options) {
  const runs = { direct: [], nginx: [], presence: [] };
  for (let i = 0; i < rounds; i++)
    for (const [name, Side] of Object.entries(sides)) runs[name].push(await using(Side, (rig) => talk(rig, options)));
  return Object.fromEntries(Object.entries(runs).map(([name, list]) =>
    [name, Object.fromEntries(Object.keys(list[0]).map((key) => [key, median(list.map((run) => run[key]))]))]));
}

module.exports = { passing };
