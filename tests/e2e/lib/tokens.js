// SPDX-License-Identifier: MIT
// Tokens that no honest backend makes, and keys of the kinds that presence-ws knows.
'use strict';
const crypto = require('node:crypto');

const base64url = (value) => Buffer.from(typeof value === 'object' && !Buffer.isBuffer(value) ? JSON.stringify(value) : value)
  .toString('base64url');

// Header and claims as objects, or as their text where the text is the trick. `sign` makes the signature over what it gets.
function forge(header, claims, sign) {
  const text = `${base64url(header)}.${base64url(claims)}`;
  return `${text}.${base64url(sign ? sign(text) : '')}`;
}

const hmac = (secret, hash = 'sha256') => (text) => crypto.createHmac(hash, secret).update(text).digest();

const rsa = (privateKey) => (text) => crypto.sign('sha256', Buffer.from(text), privateKey);

const es256 = (privateKey) => (text) => crypto.sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' });

const eddsa = (privateKey) => (text) => crypto.sign(null, Buffer.from(text), privateKey);

// { publicKey, privateKey, pem, jwk, sign, alg } of kind 'rsa', 'ec' or 'ed25519'.
function keyPair(kind) {
  const options = { rsa: { modulusLength: 2048 }, ec: { namedCurve: 'P-256' }, ed25519: {} }[kind];
  const pair = crypto.generateKeyPairSync(kind, options);
  const sign = { rsa, ec: es256, ed25519: eddsa }[kind](pair.privateKey);
  return { ...pair, sign, alg: { rsa: 'RS256', ec: 'ES256', ed25519: 'EdDSA' }[kind],
    pem: pair.publicKey.export({ type: 'spki', format: 'pem' }), jwk: pair.publicKey.export({ format: 'jwk' }) };
}

module.exports = { forge, hmac, keyPair, base64url };
