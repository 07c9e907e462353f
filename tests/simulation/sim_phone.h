/* SPDX-License-Identifier: MIT */
/* A phone with a life of its own: it comes, beats, falls silent, roams, vanishes, returns. */
#ifndef SIMULATION_PHONE_H
#define SIMULATION_PHONE_H

#include "pipe.h"

struct sim_phone;

/* user, device and groups (a claim, separated by ','; NULL: none) are copied. */
struct sim_phone *sim_phone_create(const char *user, const char *device, const char *groups, uint64_t seed,
                                   int64_t ttl_ms, struct sim_process *host, int encoding);
void sim_phone_destroy(struct sim_phone *p);
void sim_phone_begin(struct sim_phone *p);
/* Instead: it comes within that time, beats, and stays; it returns when it is cut off. */
void sim_phone_stay(struct sim_phone *p, int64_t within_us);
/* From now on it stays as it is: connected and beating, or away. */
void sim_phone_stand_still(struct sim_phone *p);
const char *sim_phone_user(const struct sim_phone *p);
/* Connected, and beating. */
bool sim_phone_lives(const struct sim_phone *p);

#endif
