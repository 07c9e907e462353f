/* SPDX-License-Identifier: MIT */
#include "actors.h"

#include <stdio.h>
#include <stdlib.h>

#define CLOCK_OFF_US 5000000 /* a host's clock, at most */

struct actors actors;

void actors_begin(void)
{
    char name[24];
    for (size_t i = 0; i < CLIENT_HOSTS; i++) {
        snprintf(name, sizeof(name), "clients%zu", i);
        actors.hosts[i] = sim_process_start(name, simulation_below(2 * CLOCK_OFF_US + 1) - CLOCK_OFF_US);
    }
}

void actors_stand_still(void)
{
    for (size_t i = 0; i < actors.phone_count; i++)
        sim_phone_stand_still(actors.phones[i]);
    for (size_t i = 0; i < actors.viewer_count; i++)
        viewer_stand_still(actors.viewers[i]);
}

void actors_end(void)
{
    for (size_t i = 0; i < actors.phone_count; i++)
        sim_phone_destroy(actors.phones[i]);
    for (size_t i = 0; i < actors.viewer_count; i++)
        viewer_destroy(actors.viewers[i]);
    free(actors.phones);
}
