/* SPDX-License-Identifier: MIT */
/* When the keys of a JWKS URL are fetched: as long after the last time as its answer may be kept, sooner
 * after a failure, and at once when a token names a key that nobody knows, but for that at most once a
 * minute. Pure: times are arguments, in monotonic milliseconds. */
#ifndef AUTH_JWKS_SCHEDULE_H
#define AUTH_JWKS_SCHEDULE_H

#include "base/bytes.h"
#include "base/rng.h"

#define JWKS_KEPT_MIN_S     300
#define JWKS_KEPT_DEFAULT_S 3600
#define JWKS_KEPT_MAX_S     86400
#define JWKS_UNKNOWN_MS     60000 /* from one fetch for an unknown key to the next */
#define JWKS_RETRY_MIN_MS   1000
#define JWKS_RETRY_MAX_MS   60000

struct jwks_schedule {
    struct rng rng;
    int64_t due_ms;
    int64_t unknown_ms; /* when an unknown key may be fetched for again */
    unsigned failures;  /* since the last success */
};

/* Due at once. */
void jwks_schedule_init(struct jwks_schedule *s, uint64_t seed, int64_t now_ms);
/* Somebody asks for it: due at once, and afresh after failures. */
void jwks_schedule_now(struct jwks_schedule *s, int64_t now_ms);
/* kept_s: what jwks_kept_s made of the answer. */
void jwks_schedule_fetched(struct jwks_schedule *s, int64_t kept_s, int64_t now_ms);
void jwks_schedule_failed(struct jwks_schedule *s, int64_t now_ms);
/* A token named a key that is not known: true when that makes a fetch due now. */
bool jwks_schedule_unknown_key(struct jwks_schedule *s, int64_t now_ms);

/* How long an answer may be kept, in seconds, by its Cache-Control (RFC 9111, 5.2.2), within the bounds
 * above. */
int64_t jwks_kept_s(struct span cache_control);

#endif
