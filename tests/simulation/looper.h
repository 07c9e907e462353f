/* SPDX-License-Identifier: MIT */
/* One account, without a device id, that connects and closes again and again over many connections at once.
 */
#ifndef SIMULATION_LOOPER_H
#define SIMULATION_LOOPER_H

#include "simulation.h"

/* From now on, until loopers_end or loopers_stand_still. */
void loopers_begin(uint64_t seed, struct sim_process *host);
void loopers_stand_still(void);
void loopers_end(void);

#endif
