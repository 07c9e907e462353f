/* SPDX-License-Identifier: MIT */
/* Tokens that are refused before their time: by user, by a user's device, by token id (`jti`, RFC
 * 7519 4.1.7).
 *
 * A revocation covers the tokens issued up to a second, and those whose time of issue nobody can believe, and
 * is forgotten after a while. Whoever gets a new token comes in again. Times are Redis's. Pure: no I/O, no
 * clock. */
#ifndef PRESENCE_REVOCATION_H
#define PRESENCE_REVOCATION_H

#include "base/map.h"
#include "presence/identity.h"

#define REVOCATIONS_MAX          10000 /* in force at a time, over all servers */
#define REVOCATION_NAME_SIZE_MAX (2 + USER_ID_MAX + 1 + DEVICE_ID_MAX)
#define ISSUER_LEAD_MAX_S        60 /* how far ahead a believable issuer's clock is: the leeway of exp and nbf */

/* One that holds a token. */
struct bearer {
    struct span user, device; /* device: empty for none */
    struct span token_id;     /* empty for none */
    int64_t issued_s;         /* iat; 0: not said */
};

struct revocation {
    int64_t issued_s; /* tokens issued until then are refused */
    int64_t until_ms; /* and the revocation is in force until then */
    char name[];
};

struct revocations {
    struct map by_name;
};

/* The names that stand in Redis: "u:USER", "d:USER\tDEVICE", "t:TOKEN ID". */
void revocation_name_user(struct span user, struct bytes *out);
void revocation_name_device(struct span user, struct span device, struct bytes *out);
void revocation_name_token(struct span token_id, struct bytes *out);

void revocations_init(struct revocations *r);
void revocations_finish(struct revocations *r);
/* Keeps the later of both times where the name is known. False: nothing new, no such name, or there are
 * REVOCATIONS_MAX. */
bool revocations_put(struct revocations *r, struct span name, int64_t issued_s, int64_t until_ms);
bool revocations_refuse(const struct revocations *r, const struct bearer *bearer, int64_t now_ms);
/* Whether a revocation of tokens issued until `until_s` covers one that says it was issued at `issued_s`. It
 * always covers a time that is missing, negative, or more than ISSUER_LEAD_MAX_S ahead of now (milliseconds
 * taken for seconds, say): that is no proof of having been issued later. */
bool revocation_covers(int64_t until_s, int64_t issued_s, int64_t now_ms);
/* Forgets what is over. */
void revocations_prune(struct revocations *r, int64_t now_ms);
/* All in arbitrary order: size_t at = 0; while ((one = revocations_next(&r, &at))) … */
const struct revocation *revocations_next(const struct revocations *r, size_t *at);

/* How far ahead the clocks of the tokens' issuers are: the most that was seen today or yesterday. All zero is
 * a valid start. */
struct issuer_lead {
    int64_t day;       /* since 1970, of most_s[0] */
    int64_t most_s[2]; /* of that day, and of the day before */
};

/* Takes in the iat of a token that was accepted now; true when the lead has grown. An iat of more than
 * ISSUER_LEAD_MAX_S ahead tells nothing. */
bool revocation_issuer_lead_see(struct issuer_lead *l, int64_t issued_s, int64_t now_ms);
/* 0 to ISSUER_LEAD_MAX_S. */
int64_t revocation_issuer_lead_s(const struct issuer_lead *l, int64_t now_ms);

#endif
