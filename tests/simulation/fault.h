/* SPDX-License-Identifier: MIT */
/* What goes wrong, and when: a list that the seed makes. */
#ifndef SIMULATION_FAULT_H
#define SIMULATION_FAULT_H

#include "simulation.h"

/* Plans faults over so long a time; entries left out happen not. *entry counts them up. Returns how many
 * there are. */
size_t faults_plan(int64_t span_us, const bool *left_out, size_t *entry);
/* Everything is whole again, and nothing more is planned. */
void faults_mend_all(void);

#endif
