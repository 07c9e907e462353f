/* SPDX-License-Identifier: MIT */
/* The public keys of JWT_JWKS_URL: fetched on the loop, by the times of jwks_schedule.h. The last good keys
 * stay when a fetch fails. Logs jwks_fetched with the key ids, and jwks_failed with the reason. */
#ifndef HTTP_JWKS_FETCH_H
#define HTTP_JWKS_FETCH_H

#include "auth/public_key.h"
#include "base/settings.h"
#include "net/loop.h"

struct jwks_fetch_hooks {
    /* Fetched, never empty. The callee may take them over by exchanging *keys for others, which are freed. */
    void (*fetched)(void *arg, struct public_keys *keys);
    void (*failed)(void *arg);
};

/* 0, or -1 with *error. `url` NULL: 0. */
int jwks_fetch_check(const char *url, const char *ca_file, struct settings_error *error);

struct jwks_fetch;
struct jwks_fetch *jwks_fetch_create(struct loop *loop, const struct jwks_fetch_hooks *hooks, void *arg);
/* Fetches from there from now on, at once and then when it is due; also for a reload with the same settings.
 * They have passed jwks_fetch_check; `url` NULL: nothing is fetched any more. */
void jwks_fetch_set(struct jwks_fetch *f, const char *url, const char *ca_file);
/* What was fetched last, as text (key_text.h); SPAN_NONE: nothing yet, or from another URL than this one. */
struct span jwks_fetch_known(const struct jwks_fetch *f, const char *url);
/* A token named a key that is not known. NULL is fine. */
void jwks_fetch_unknown_key(struct jwks_fetch *f);
/* NULL is fine. */
void jwks_fetch_destroy(struct jwks_fetch *f);

#endif
