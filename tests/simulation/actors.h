/* SPDX-License-Identifier: MIT */
/* Who uses the installation: phones and viewers, on a few hosts. */
#ifndef SIMULATION_ACTORS_H
#define SIMULATION_ACTORS_H

#include "sim_phone.h"
#include "viewer.h"

#define CLIENT_HOSTS 3
#define VIEWERS_MAX  12

struct actors {
    struct sim_process *hosts[CLIENT_HOSTS];
    struct sim_phone **phones;
    size_t phone_count;
    struct viewer *viewers[VIEWERS_MAX];
    bool viewer_absent[VIEWERS_MAX];
    size_t viewer_count;
};

extern struct actors actors;

/* Nobody yet, but their hosts. */
void actors_begin(void);
/* From now on all stay as they are. */
void actors_stand_still(void);
void actors_end(void);

#endif
