/* SPDX-License-Identifier: MIT */
/* One line on a terminal, written anew each second; silent elsewhere. */
#ifndef SIM_PROGRESS_H
#define SIM_PROGRESS_H

#include "sim.h"

struct progress {
    struct sim *sim;
    struct wheel_timer timer;
    void (*line)(void *arg, struct bytes *out);
    void *arg;
    bool on;
};

void progress_start(struct progress *p, struct sim *sim, void (*line)(void *arg, struct bytes *out),
                    void *arg);
/* Before something else is printed. */
void progress_clear(const struct progress *p);
/* Clears the line, too. */
void progress_stop(struct progress *p);

#endif
