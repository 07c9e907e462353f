/* SPDX-License-Identifier: MIT */
/* A Redis in a process of its own that greets, confirms subscriptions to two channels, and says something odd
 * behind that: on the first connection only. It dies with the test. */
#ifndef TEST_SUPPORT_ODD_REDIS_H
#define TEST_SUPPORT_ODD_REDIS_H

#include "base/bytes.h"

#include <sys/types.h>

struct odd_redis {
    char dir[64], path[96];
    pid_t pid;
};

/* `odd` is said when the first connection has sent `trigger`. */
void odd_redis_start(struct odd_redis *r, const char *trigger, struct span odd);
void odd_redis_stop(struct odd_redis *r);

#endif
