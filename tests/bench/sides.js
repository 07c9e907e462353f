// SPDX-License-Identifier: MIT
// presence and its strongest peers, as the stages `peers` and `limits` use them: each starts, takes phones and dashboards, and says how
// much its store holds.
'use strict';
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { freePort } = require('../e2e/lib/ports');
const mqtt = require('./mqtt');
const { Ours, Peer, Rig, ROOT, program } = require('./rig');
const websocket = require('./websocket');

const BUN = path.join(ROOT, 'tests', 'node_modules', '.bin', 'bun');

// What both do that keep their store in Redis, and speak presence's messages.
const onRedis = (Side) => class extends Side {
  // Two servers on one store; resolves with the port of the second.
  async startTwo() {
    await this.startWhole();
    return this.startServer(1);
  }

  startLasting() { return this.startWhole(); }

  startForBrowsers() { return this.startServer(); }

  // ms of silence after which a phone of that TTL is to be told offline.
  patience(seconds) { return seconds * 1000; }

  phone(user, { port = this.port, ...options } = {}) { return websocket.phone(port, user, options); }

  watch(told, port = this.port) { return websocket.watch(port, told); }

  // told(user, online) for each change, by the channel that other programs read.
  async listen(told) {
    const subscriber = this.redis.duplicate();
    subscriber.on('message', (channel, text) => { const { userId, status } = JSON.parse(text); told(userId, status === 'online'); });
    await subscriber.subscribe('presence:updates');
    return { end: () => subscriber.disconnect() };
  }

  async stored() { return Number(/^used_memory:(\d+)/m.exec(await this.redis.info('memory'))[1]); }
};

class Presence extends onRedis(Ours) {
  // With who notices silent phones.
  async startWhole() {
    await this.daemon('expiryd', program('presence-expiryd'), [], { PRESENCE_EXPIRYD_LISTEN: '127.0.0.1:0' });
    return this.startServer();
  }
}

class Bun extends onRedis(Peer) {
  get name() { return 'Bun'; }

  async startServer(i = 0) {
    const port = await this.daemon(i ? `server${i}` : 'server', BUN, [path.join(__dirname, 'peer_bun.js')], {});
    this.port ||= port;
    return port;
  }

  startWhole() { return this.startServer(); }
}

// It is its own store.
class Mosquitto extends Rig {
  get name() { return 'mosquitto'; }

  async startRedis() {}

  // logins: of so many users; 0: anybody may come. more: further lines of the configuration.
  async startServer({ logins = 0, more = 'persistence false' } = {}) {
    const file = path.join(this.dir, 'mosquitto.conf'), passwords = path.join(this.dir, 'passwords');
    this.port = await freePort();
    this.logins = logins > 0;
    if (logins) this.writeLogins(passwords, logins);
    fs.writeFileSync(file, ['user root', `listener ${this.port} 127.0.0.1`, `persistence_location ${this.dir}/`, 'max_queued_messages 100000',
      'set_tcp_nodelay true', logins ? `password_file ${passwords}` : 'allow_anonymous true', more, ''].join('\n'));
    await this.start('server', 'mosquitto', ['-c', file], { PATH: `${process.env.PATH}:/usr/sbin` }, /running/);
  }

  startWhole() { return this.startServer(); }

  // There is one only: brokers don't share what they know.
  startTwo() { return this.startServer(); }

  // Its disk has each second what it would lose.
  startLasting() { return this.startServer({ more: 'persistence true\nautosave_interval 1' }); }

  startForBrowsers() { return this.startServer({ more: 'protocol websockets' }); }

  // MQTT 3.1.1, 3.1.2.10: one and a half times the interval that the phone promised.
  patience(seconds) { return 1.5 * seconds * 1000; }

  writeLogins(file, count) {
    const lines = Array.from({ length: count }, (_, i) => Object.values(this.login(`user${i}`)).join(':'));
    fs.writeFileSync(file, `${lines.join('\n')}\n`);
    execFileSync('mosquitto_passwd', ['-U', file]);
  }

  login(user) { return { name: user, password: `password of ${user}` }; }

  phone(user, options) { return mqtt.phone(this.port, user, { ...options, login: this.logins ? this.login(user) : undefined }); }

  watch(told) { return mqtt.watch(this.port, told); }

  // There is no such channel: subscribers are told by the broker alone.
  async listen() { return { end: () => {} }; }

  async stored() { return 0; }
}

const SIDES = [Presence, Bun, Mosquitto];
const COLUMNS = ['presence', 'Bun', 'mosquitto'];

module.exports = { Presence, Bun, Mosquitto, SIDES, COLUMNS };
