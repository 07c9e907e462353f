/* SPDX-License-Identifier: MIT */
/* Whether a server can do what presence needs, by what it says to a trial (lib/store/scripts/trial.lua), not
 * by its name or version. Pure. */
#ifndef STORE_REDIS_FIT_H
#define STORE_REDIS_FIT_H

#include "redis/redis_fault.h"

struct redisReply;

struct redis_fit {
    enum redis_fault fault; /* REDIS_FAULT_NONE: it can */
    bool ask_who;           /* its name would help: ask INFO server, and give the answer to redis_fit_who */
    char why[400];          /* for people */
};

/* The answer to store_trial, not NOSCRIPT. `user`: of Redis's access control lists, NULL or empty for the
 * default one. */
void redis_fit_read(const struct redisReply *reply, const char *user, struct redis_fit *ret);
/* The answer to INFO server, which may be an error: says what the server is, if it tells. */
void redis_fit_who(const struct redisReply *reply, struct redis_fit *f);

#endif
