/* SPDX-License-Identifier: MIT */
/* What work costs: for so long a process does nothing else, its own clock goes on, and what it sends leaves
 * later. Without prices (all 0) work takes no time, as in the runs that know none.
 *
 * Redis pays for each command, within scripts too, and for each element that an answer or a removal touches.
 * The daemons pay for each look-up in a map, each step over one, and each piece of a list in text: what a
 * view of many groups is made of. Their look-ups are counted by the linker (see the Makefile), so that the
 * daemons' code knows nothing of it. The price of one may be that of thousands: the few users of a run stand
 * for those of a large installation. */
#ifndef SIMULATION_COST_H
#define SIMULATION_COST_H

#include "simulation.h"

struct cost {
    int64_t command_ns, element_ns; /* Redis */
    int64_t look_up_ns;             /* daemons */
    bool judged;                    /* batches, turns and waits have bounds */
    uint64_t look_ups;              /* in the turn under way */
    uint64_t commands, elements;    /* Redis's counters when it began */
};

extern struct cost cost;

/* The process whose turn it is begins, or has come to its end. */
void cost_turn_begins(void);
void cost_turn_ends(void);
/* So much time that turn has taken until now. */
int64_t cost_spent_us(void);

/* A batch of so many operations was just executed: it may not cost more than each of them alone. */
void cost_check_batch(size_t operations);
/* Somebody had to wait so long for an answer. */
void cost_check_wait(const char *who, int64_t us);

#endif
