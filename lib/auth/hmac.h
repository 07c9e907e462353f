/* HS256, HS384 and HS512 through libjwt: the one place that includes it. */
#ifndef AUTH_HMAC_H
#define AUTH_HMAC_H

#include "auth/algorithm.h"

/* Whether the token `text` is signed with `secret` (not empty) by `alg`. The text must have passed
 * token_text_parse. */
bool hmac_verify(struct span text, enum algorithm alg, struct span secret);
/* Appends an HS256 token over `claims`, the text of a JSON object: 0, or -1 when libjwt doesn't take them. */
int hmac_sign(const char *claims, struct span secret, struct bytes *out);

#endif
