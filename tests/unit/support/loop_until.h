/* SPDX-License-Identifier: MIT */
/* Turns a loop until a condition holds; a test never waits for a time. */
#ifndef TEST_SUPPORT_LOOP_UNTIL_H
#define TEST_SUPPORT_LOOP_UNTIL_H

#include "net/loop.h"

/* Looks each millisecond, for limit_ms at most; whether the condition held. */
bool loop_until(struct loop *loop, bool (*holds)(void *arg), void *arg, int64_t limit_ms);

#endif
