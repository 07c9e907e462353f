/* presence-sim hunt: plays seed after seed and looks for one that breaks a promise. The one face of this
 * layer that presence-sim sees: everything else of it is hidden behind the link (see the Makefile), since it
 * bears the names of lib/net. */
#ifndef WORLD_HUNT_H
#define WORLD_HUNT_H

#include <stdbool.h>
#include <stdint.h>

struct hunt_options {
    uint64_t first_seed;
    int64_t seeds, minutes; /* so many seeds, each with so many minutes of faults */
    const char *without;    /* entries of the plan that are left out: "3,17-20"; NULL: none */
    bool trace;             /* tell the whole story of the one seed */
    bool shrink;            /* of a seed that fails, leave out what it can do without */
    bool json, quiet;
};

/* 0: no violation; 1: one was found, and is told; 2: `without` is no list. */
int hunt_run(const struct hunt_options *options);

#endif
