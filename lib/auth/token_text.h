/* SPDX-License-Identifier: MIT */
/* A token's text, taken apart and checked before any library sees it (RFC 7515, 3.1 and 5.2). Nothing in it
 * is proven yet: who uses `claims` checks the signature first. */
#ifndef AUTH_TOKEN_TEXT_H
#define AUTH_TOKEN_TEXT_H

#include "auth/algorithm.h"
#include "auth/token.h"

#include <jansson.h>

struct token_text {
    enum algorithm alg;      /* what the token says of itself */
    struct span kid;         /* stands in `header`; SPAN_NONE without */
    struct span signed_part; /* header.payload, in the caller's text */
    struct bytes signature;  /* decoded, never empty */
    json_t *header, *claims; /* objects without duplicate keys */
};

/* TOKEN_MISSING, TOKEN_MALFORMED or TOKEN_ALGORITHM leave *ret untouched; after TOKEN_OK the caller owns it.
 * Strict: three non-empty parts of canonical base64url, no whitespace, no `crit`, `typ` JWT (at+jwt too where
 * the key is a public one, RFC 9068). */
enum token_result token_text_parse(struct span text, struct token_text *ret);
void token_text_finish(struct token_text *parsed);

#endif
