/* A proven payload's claims, read into a struct token (contract section 2; RFC 7519, 4.1). */
#ifndef AUTH_TOKEN_CLAIMS_H
#define AUTH_TOKEN_CLAIMS_H

#include "auth/token.h"

#include <jansson.h>

struct token_rules {
    bool require_exp;
    int64_t leeway_s; /* for exp and nbf alike; not negative */
};

/* The caller owns *ret after TOKEN_OK; otherwise it is untouched. Times are whole seconds, rounded so that a
 * fraction never lengthens a token's life, and cut at the year 9999. A `jti` that is no valid id is left out.
 * Groups keep their order, each stands once. */
enum token_result token_claims_read(const json_t *claims, const struct token_rules *rules, int64_t now_s,
                                    struct token *ret);

#endif
