/* SPDX-License-Identifier: MIT */
/* What struct token_keys is made of; for lib/auth alone. Loading and freeing are declared in auth/token.h. */
#ifndef AUTH_TOKEN_KEYS_H
#define AUTH_TOKEN_KEYS_H

#include "auth/public_key.h"
#include "auth/token_claims.h"

struct token_keys {
    char *secret; /* NULL: none; wiped when freed */
    size_t secret_len;
    struct public_keys public_keys; /* of the file */
    struct public_keys fetched;     /* of the URL */
    bool fetches;                   /* there is a URL */
    struct token_rules rules;
};

#endif
