/* SPDX-License-Identifier: MIT */
/* The signature algorithms this system takes (RFC 7518, 3.1; RFC 8037, 3.1; PROTOCOL.md). All others,
 * `none` among them, are unknown here. */
#ifndef AUTH_ALGORITHM_H
#define AUTH_ALGORITHM_H

#include "base/bytes.h"

enum algorithm {
    ALGORITHM_HS256,
    ALGORITHM_HS384,
    ALGORITHM_HS512,
    ALGORITHM_RS256,
    ALGORITHM_ES256,
    ALGORITHM_EDDSA,
};

/* The exact name, case included: 0, or -1 for an unknown one. */
int algorithm_parse(struct span name, enum algorithm *ret);
/* Whether the key is a shared secret. */
bool algorithm_is_hmac(enum algorithm alg);

#endif
