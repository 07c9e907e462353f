/* SPDX-License-Identifier: MIT */
/* Public keys from JSON: a JWK Set or a single JWK (RFC 7517) with RSA, EC P-256 and OKP Ed25519 keys (RFC
 * 7518, 6; RFC 8037, 2), or an object of PEM certificates by kid, as Firebase publishes its keys.
 *
 * A JWK without the members of its key may bring it in a certificate, the first of x5c (RFC 7517, 4.7).
 *
 * Keys that are not for us are skipped, as RFC 7517, 5 asks: another kty or crv, an `alg` other than the key
 * kind's, a `use` other than sig, `key_ops` without verify. What looks like ours and is broken is an error.
 */
#ifndef AUTH_JWKS_H
#define AUTH_JWKS_H

#include "auth/public_key.h"

/* Adds the keys: 0, or -1 and a static phrase in *ret_problem; some keys may have been added then. */
int jwks_read(struct span text, struct public_keys *keys, const char **ret_problem);

#endif
