/* SPDX-License-Identifier: MIT */
/* The whole of presence-expiryd: what the parts share. The parts are
 *   server.c  the sweeper, the reconciler and the registration on the links, from the start to the end
 *   health.c  /healthz, /readyz, /metrics
 *   main.c    the process: listeners, signals */
#ifndef PRESENCE_EXPIRYD_SERVER_H
#define PRESENCE_EXPIRYD_SERVER_H

#include "config.h"
#include "http/gate.h"
#include "store/keyspace.h"
#include "store/node_registry.h"
#include "store/reconciler.h"
#include "store/redis_trial.h"
#include "store/sweeper.h"

struct expiryd {
    struct expiryd_config config;
    char node[DAEMON_NODE_ID_SIZE];
    struct loop *loop;
    struct gate *gate;
    struct daemon daemon;
    struct loop_timer *timer; /* the next thing to do */
    bool stopping;
    int64_t stop_ms; /* when to end whatever has been answered */

    /* Redis. */
    struct redis_trial *trial; /* NULL with PRESENCE_ENABLED=false, as is its link */
    struct redis_link *link;
    struct redis_subscriber *subscriber;
    char channel[KEYSPACE_CHANNEL_SIZE];
    bool events_refused; /* was logged */
    struct store store;
    struct redis_time time;
    struct node_registry registry;
    struct sweeper sweeper;
    struct reconciler reconciler;
    int64_t online; /* as Redis last said; -1: not known */
};

/* Whether Redis is connected and has what is needed. */
bool expiryd_redis_up(const struct expiryd *s);
/* With config, node and loop set. */
void expiryd_start(struct expiryd *s);
#define EXPIRYD_LEAVE_MS 1000
/* Says goodbye, and stops the loop when Redis has heard it, or after that time. */
void expiryd_leave(struct expiryd *s);
/* After loop_run has returned. */
void expiryd_stop(struct expiryd *s);

int expiryd_health_serve(void *arg, struct span path, bool near, struct bytes *body,
                         const char **content_type);

#endif
