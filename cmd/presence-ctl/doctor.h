/* SPDX-License-Identifier: MIT */
/* The doctor's examinations. Each reports what it finds, and returns 0, or an exit code when Redis went away
 * meanwhile. */
#ifndef PRESENCE_CTL_DOCTOR_H
#define PRESENCE_CTL_DOCTOR_H

#include "doctor_report.h"

/* doctor_server.c: the server and its settings, publish and subscribe. EXIT_NO: the rest makes no sense. */
int doctor_server(struct doctor *d);
/* doctor_daemons.c: who is alive, clocks, sweeps, and what the daemons say of themselves over HTTP. */
int doctor_daemons(struct doctor *d);
/* doctor_state.c: the log, the index, keys and sessions, and heartbeats that did not count. */
int doctor_state(struct doctor *d);

#endif
