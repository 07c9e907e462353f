/* The metrics of presence-api (contract section 7). */
#ifndef PRESENCE_API_COUNTERS_H
#define PRESENCE_API_COUNTERS_H

#include "base/metrics.h"

/* What is asked for, as requests are counted. */
enum route {
    ROUTE_STATUS,
    ROUTE_USER,
    ROUTE_ONLINE,
    ROUTE_COUNT,
    ROUTE_GROUP,
    ROUTE_HEALTH,
    ROUTE_READY,
    ROUTE_METRICS,
    ROUTE_PAGE,
    ROUTE_NONE, /* no such path, or no request at all */
};
#define ROUTES 10

/* Why a connection was closed by us between its requests or in the midst of one. */
enum reaped { REAPED_HEAD, REAPED_IDLE, REAPED_BODY, REAPED_ANSWER };
#define REAPED 4

struct counters {
    struct metric durations[ROUTES];
    struct metric ids;
    struct metric reaped[REAPED], displaced, turned_away, malformed, descriptors_exhausted;
    struct metric connections;
    struct metric online_users, epochs;
    struct metric redis_up, redis_reconnects, redis_round_trip, breaker_state, breaker_opened;
    struct metric log_dropped, build_info;
};

extern struct counters counters;

/* Counts an answer. */
void counters_answered(enum route route, int status, int64_t us);
/* All of them as Prometheus text. */
void counters_write(struct bytes *out);

#endif
