/* SPDX-License-Identifier: MIT */
/* Scenarios: steps as text with what each must bring about, under the view checker.
 *
 *     open|beat|assert USER SESSION DEVICE [left=MS] [at=MS] [groups=JSON] [opened=MS] [extra=TEXT] [role=ROLE]
 *     end|grace|drain|force|refused USER [SESSION] [extra=TEXT] [metadata=TEXT] [at=MS] [grace=MS]
 *     sweep · repair USER… · wait MS · redis COMMAND… (arguments by spaces)
 *     tampered (the view checker forgives from here on)
 *     node NAME · generation N · holdback MS · gap MS · limit N
 *
 * left: the beat lies so far back that the session ends in MS. at: MS relative to now; opened likewise, where
 * it is negative.
 *
 * What is expected: the outcome letters (of `redis`: the reply's text), then the events, and control messages
 * behind '!', their revision and epoch as NOW: "n +alice connected". NULL: anything. */
#ifndef TEST_SUPPORT_STORE_SCENARIO_H
#define TEST_SUPPORT_STORE_SCENARIO_H

#include <stddef.h>

#define SCENARIO_STEPS 40

struct step {
    const char *what, *expected;
};

struct scenario {
    const char *name;
    struct step steps[SCENARIO_STEPS];
};

/* Each from an empty Redis, all on one process. */
void store_scenario_run_all(const struct scenario *list, size_t count);

#endif
