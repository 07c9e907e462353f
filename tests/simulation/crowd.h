/* SPDX-License-Identifier: MIT */
/* A crowd: phones that connect, beat and stay. Redis loses its data, and each user takes it so long to learn
 * anew that the servers assert for 15 s and more. Nobody may be shown offline. */
#ifndef SIMULATION_CROWD_H
#define SIMULATION_CROWD_H

#include "daemons.h"
#include "presence-sim/oracle.h"

#define CROWD_STANDS_FOR 300000 /* so many users; fewer phones cost Redis the more each */

/* The settings, and what work costs Redis. */
void crowd_settle(struct simulated_settings *s, size_t phones);
/* The whole run, once the daemons are there: phones, viewers, the loss, and what must hold after it. */
void crowd_play(uint64_t seed, size_t phones, struct oracle *truth);

#endif
