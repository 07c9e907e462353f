/* SPDX-License-Identifier: MIT */
/* A proven payload's claims, read into a struct token (PROTOCOL.md; RFC 7519, 4.1). */
#ifndef AUTH_TOKEN_CLAIMS_H
#define AUTH_TOKEN_CLAIMS_H

#include "auth/name_list.h"
#include "auth/token.h"

#include <jansson.h>

struct token_rules {
    bool require_exp;
    bool require_groups;                 /* of dashboards */
    int64_t leeway_s;                    /* for exp and nbf alike; not negative */
    struct name_list user, role, groups; /* claims; of several the first that is there counts; never empty */
    struct name_list audience, issuer;   /* of which one must be named; empty: none need be */
};

/* The caller owns *ret after TOKEN_OK; otherwise it is untouched. Times are whole seconds, rounded so that a
 * fraction never lengthens a token's life, and cut at the year 9999. A `jti` that is no valid id is left out.
 * Groups keep their order, each stands once. */
enum token_result token_claims_read(const json_t *claims, const struct token_rules *rules, int64_t now_s,
                                    struct token *ret);

/* The claim of that name; else, where the name has dots, the value at that path of objects
 * ("realm_access.roles"); else NULL. */
const json_t *token_claim_find(const json_t *claims, struct span name);
/* A string, or an integer as its decimal text in `number`; SPAN_NONE for anything else. */
#define TOKEN_NUMBER_SIZE 24
struct span token_id_text(const json_t *value, char number[TOKEN_NUMBER_SIZE]);

#endif
