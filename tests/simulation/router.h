/* SPDX-License-Identifier: MIT */
/* A push-to-talk router behind the servers, and relay/upstream.h and relay/relay.h in front of it: it agrees, dies and
 * comes back, refuses, is slow, and ends single connections. What phones would say to each other is nobody's
 * business here. */
#ifndef SIMULATION_ROUTER_H
#define SIMULATION_ROUTER_H

#include <stdint.h>

/* Its faults come by random numbers of its own, as long as nobody stands still. */
void router_begin(uint64_t seed);
/* It is whole again, and stays so. */
void router_stand_still(void);

#endif
