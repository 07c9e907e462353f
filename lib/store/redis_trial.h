/* SPDX-License-Identifier: MIT */
/* The command link of a daemon. Each connection begins with loading the scripts, by EVAL, since users of Redis
 * need no other permission then, and with a trial: whether the server can do what presence needs
 * (redis_fit.h). Only then the owner hears that it is ready; until then the trial is repeated every 2 s
 * on the same connection, so that a permission given or a script that ended is noticed. What is missing is
 * logged, at first and every 10 minutes. A read-only replica is left, since a new connection may find the
 * master. */
#ifndef STORE_REDIS_TRIAL_H
#define STORE_REDIS_TRIAL_H

#include "redis/redis_fault.h"
#include "redis/redis_link.h"
#include "store/commands.h"

struct redis_trial;

/* As redis_link_create; `store` says who asks and, like config and hooks, outlives it. `all`: see
 * store_trial. */
struct redis_trial *redis_trial_create(struct loop *loop, const struct redis_config *config,
                                       const struct store *store, bool all,
                                       const struct redis_link_hooks *hooks, void *arg);
/* With its link. NULL is fine. */
void redis_trial_destroy(struct redis_trial *t);
/* What the owner sends on; it lives as long as the trial. */
struct redis_link *redis_trial_link(const struct redis_trial *t);
/* Between ready() and lost(). */
bool redis_trial_passed(const struct redis_trial *t);
/* What the server that answers lacks, and as a sentence in *ret_why; REDIS_FAULT_NONE and NULL while nothing
 * is known to be missing, or none answers. */
enum redis_fault redis_trial_fault(const struct redis_trial *t, const char **ret_why);

#endif
