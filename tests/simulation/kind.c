/* SPDX-License-Identifier: MIT */
#include "kind.h"

#include "base/rng.h"

static const struct {
    const char *name;
    unsigned share; /* of a hundred seeds */
    bool faults;
} kinds[RUN_KINDS] = {
    [RUN_PLAIN] = {"plain", 55, true}, [RUN_STRANGER] = {"stranger", 20, true},
    [RUN_TTLS] = {"ttls", 10, true},   [RUN_SESSIONS] = {"sessions", 5, false},
    [RUN_VIEWS] = {"views", 5, false}, [RUN_ROUTER] = {"router", 5, true},
    [RUN_CROWD] = {"crowd", 0, false}, /* by name only: it takes long */
};

const char *kind_name(enum run_kind kind)
{
    return kinds[kind].name;
}

int kind_by_name(struct span name, enum run_kind *ret)
{
    for (int i = 0; i < RUN_KINDS; i++)
        if (span_equal(name, span_of(kinds[i].name))) {
            *ret = (enum run_kind)i;
            return 0;
        }
    return -1;
}

enum run_kind kind_of_seed(uint64_t seed)
{
    struct rng rng;
    int kind = 0;
    rng_init(&rng, seed ^ 0x4b494e44);
    uint64_t dice = rng_below(&rng, 100);
    for (; dice >= kinds[kind].share; kind++)
        dice -= kinds[kind].share;
    return (enum run_kind)kind;
}

bool kind_has_faults(enum run_kind kind)
{
    return kinds[kind].faults;
}
