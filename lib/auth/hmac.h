/* SPDX-License-Identifier: MIT */
/* HS256, HS384 and HS512: checked by OpenSSL, minted by libjwt, which reads a token's JSON once more when it
 * checks. The one place that includes libjwt. */
#ifndef AUTH_HMAC_H
#define AUTH_HMAC_H

#include "auth/algorithm.h"

/* Whether `signature` is that of `signed_part` by `alg` and `secret` (not empty); in constant time. */
bool hmac_verify(struct span signed_part, struct span signature, enum algorithm alg, struct span secret);
/* Appends an HS256 token over `claims`, the text of a JSON object: 0, or -1 when libjwt doesn't take them. */
int hmac_sign(const char *claims, struct span secret, struct bytes *out);

#endif
