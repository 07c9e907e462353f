/* SPDX-License-Identifier: MIT */
#include "auth/algorithm.h"

static const char *const names[] = {
    [ALGORITHM_HS256] = "HS256", [ALGORITHM_HS384] = "HS384", [ALGORITHM_HS512] = "HS512",
    [ALGORITHM_RS256] = "RS256", [ALGORITHM_ES256] = "ES256", [ALGORITHM_EDDSA] = "EdDSA",
};

int algorithm_parse(struct span name, enum algorithm *ret)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (span_equal(name, span_of(names[i]))) {
            *ret = (enum algorithm)i;
            return 0;
        }
    }
    return -1;
}

bool algorithm_is_hmac(enum algorithm alg)
{
    return alg <= ALGORITHM_HS512;
}
