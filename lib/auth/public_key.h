/* SPDX-License-Identifier: MIT */
/* Public keys, parsed once and kept: RS256, ES256 and EdDSA signatures through OpenSSL (RFC 7518, 3.3
 * and 3.4; RFC 8037, 3.1). A key's kind settles the one algorithm it serves. Sharing between threads is safe
 * once loaded. */
#ifndef AUTH_PUBLIC_KEY_H
#define AUTH_PUBLIC_KEY_H

#include "auth/algorithm.h"

#include <openssl/evp.h>

/* Also the most signature checks that a token without kid can cost. */
#define PUBLIC_KEYS_MAX 16

struct public_key {
    enum algorithm alg;
    char *kid; /* NULL: none */
    EVP_PKEY *pkey;
};

/* All zero: none. */
struct public_keys {
    struct public_key items[PUBLIC_KEYS_MAX];
    size_t count;
    size_t outdated; /* of them, out of certificates that are not valid now */
};

/* Takes over pkey, also on failure. RSA of 2048 to 8192 bits, EC P-256 or Ed25519; else -1 and a static
 * phrase in *ret_problem that goes on after the name of a setting ("has a key of …"). `kid` is copied;
 * SPAN_NONE: none. */
int public_keys_add(struct public_keys *keys, EVP_PKEY *pkey, struct span kid, const char **ret_problem);
void public_keys_finish(struct public_keys *keys);

/* Appends the first 8 hex digits of the SHA-256 of the key's SubjectPublicKeyInfo in DER. */
void public_key_fingerprint(const struct public_key *key, struct bytes *out);
/* Whether `signature`, as it stands in a token (ES256: r and s of 32 bytes each), is the key's over `text`.
 */
bool public_key_verify(const struct public_key *key, struct span text, struct span signature);

#endif
