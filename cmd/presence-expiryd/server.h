/* The whole of presence-expiryd: what the parts share. The parts are
 *   redis.c   the sweeper, the mender and the registration on the links
 *   health.c  /healthz, /readyz, /metrics
 *   serving.c these together, from the start to the goodbye
 *   main.c    the process: listeners, signals */
#ifndef PRESENCE_EXPIRYD_SERVER_H
#define PRESENCE_EXPIRYD_SERVER_H

#include "config.h"
#include "net/gate.h"
#include "net/redis_link.h"
#include "store/asserter.h"
#include "store/keyspace.h"
#include "store/mender.h"
#include "store/sweeper.h"

struct server {
    struct config config;
    int argc;
    char **argv;
    char node[DAEMON_NODE_ID_SIZE];
    struct loop *loop;
    struct listen_set listen;
    struct listener *listener;
    struct gate *gate;
    struct loop_timer *timer; /* the next thing to do */
    bool stopping;
    int64_t stop_ms; /* when to end whatever has been answered */

    /* Redis. */
    struct redis_link *link; /* NULL with PRESENCE_ENABLED=false */
    struct redis_subscriber *subscriber;
    char channel[KEYSPACE_CHANNEL_SIZE];
    bool events_refused; /* was logged */
    struct store store;
    struct redis_time time;
    struct asserter asserter; /* only registers */
    struct sweeper sweeper;
    struct mender mender;
    int64_t online; /* as Redis last said; -1: not known */
};

void redis_start(struct server *s);
void redis_stop(struct server *s);
bool redis_up(const struct server *s);
/* Does what is due; returns when to be called again (monotonic ms). */
int64_t redis_tick(struct server *s, int64_t now_ms);
/* Out of presence:nodes; true once nothing is under way any more. */
void redis_leave(struct server *s);
bool redis_quiet(const struct server *s);
/* serving.c, with config, node and loop set. */
void serving_start(struct server *s);
/* Says goodbye, and stops the loop when Redis has heard it. */
void serving_leave(struct server *s);
/* After loop_run has returned. */
void serving_stop(struct server *s);
/* Has redis_tick called when something has become due. */
void server_rearm(struct server *s);

int health_serve(void *arg, struct span path, struct bytes *body, const char **content_type);

#endif
