// SPDX-License-Identifier: MIT
// A Redis, or a sentinel, that speaks TLS and nothing else at its port.
'use strict';
const path = require('node:path');
const { run } = require('./process');

// One that signs itself and so is its own authority: { key, pem }, files in `dir`. `names` as "DNS:localhost,IP:127.0.0.1".
async function certificate(dir, name, names) {
  const files = { key: path.join(dir, `${name}.key`), pem: path.join(dir, `${name}.pem`) };
  const made = await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${name}`,
    '-addext', `subjectAltName=${names}`, '-keyout', files.key, '-out', files.pem]);
  if (made.code !== 0) throw new Error(made.stderr);
  return files;
}

// Arguments of redis-server; --tls-port is left to the caller.
const tlsFlags = ({ key, pem }) => ['--port', '0', '--tls-cert-file', pem, '--tls-key-file', key, '--tls-ca-cert-file', pem,
  '--tls-auth-clients', 'no', '--tls-replication', 'yes', '--bind', '127.0.0.1'];

module.exports = { certificate, tlsFlags };
