/* SPDX-License-Identifier: MIT */
/* The host that Redis runs on, and what can go wrong there. Connections are made by redis_adapter.c. */
#ifndef SIMULATION_REDIS_HOST_H
#define SIMULATION_REDIS_HOST_H

#include "fake_redis/redis_model.h"
#include "simulation.h"

#define REDIS_IMAGES 8 /* the last seconds' data, a second each */

struct redis_host {
    struct sim_process *process; /* NULL while Redis is down */
    int64_t wall_offset_us;
    struct redis_model *model;
    struct list connections; /* of redis_adapter.c */
    struct redis_image *images[REDIS_IMAGES];
    size_t image_count; /* ever taken */
    bool active_expiry, keeps_images;
    int lose_per_mille, repeat_per_mille; /* of the messages published */
    uint64_t runs;
    /* The run looks at each command before it is executed, and at its answer. */
    void (*before)(void *arg, struct span command);
    void (*after)(void *arg, struct span command, struct span answer);
    void *arg;
};

extern struct redis_host redis_host;

void redis_host_begin(void);
void redis_host_end(void);
/* Starts with that image (NULL: empty). It is another run. */
void redis_host_start(const struct redis_image *image);
/* SIGKILL: connections are reset. */
void redis_host_kill(void);
/* The data of about so many seconds ago; NULL when there is none. */
const struct redis_image *redis_host_image(size_t seconds_ago);
/* CLIENT KILL of each connection, with that chance. */
void redis_host_drop_clients(int per_mille);
/* One command of the run's own, at once; the answer. */
struct span redis_host_ask(struct span command);

/* redis_adapter.c: ends all connections at this side. */
void redis_connections_reset(int per_mille);

#endif
