/* SPDX-License-Identifier: MIT */
/* The metrics of presence-api: metrics.def, and the manual page. */
#ifndef PRESENCE_API_COUNTERS_H
#define PRESENCE_API_COUNTERS_H

#include "base/metrics.h"
#include "http/proxy_reader.h"

/* What is asked for, as requests are counted. */
#define ROUTES(X, ...)                                                                                       \
    X(STATUS, "status", __VA_ARGS__)                                                                         \
    X(USER, "user", __VA_ARGS__)                                                                             \
    X(ONLINE, "online", __VA_ARGS__)                                                                         \
    X(COUNT, "count", __VA_ARGS__)                                                                           \
    X(GROUP, "group", __VA_ARGS__)                                                                           \
    X(HEALTH, "health", __VA_ARGS__)                                                                         \
    X(READY, "ready", __VA_ARGS__)                                                                           \
    X(METRICS, "metrics", __VA_ARGS__)                                                                       \
    X(PAGE, "page", __VA_ARGS__)                                                                             \
    X(NONE, "none", __VA_ARGS__) /* no such path, or no request at all */
#define ROUTE(id, ...) ROUTE_##id,
enum route { ROUTES(ROUTE) ROUTE_TOTAL };

/* Why a connection was closed by us between its requests or in the midst of one. */
#define REAPED_PHASES(X, ...)                                                                                \
    X(HEAD, "head", __VA_ARGS__)                                                                             \
    X(IDLE, "next_request", __VA_ARGS__)                                                                     \
    X(BODY, "body", __VA_ARGS__)                                                                             \
    X(ANSWER, "answer_taken", __VA_ARGS__)
#define REAPED_PHASE(id, ...) REAPED_##id,
enum reaped { REAPED_PHASES(REAPED_PHASE) REAPED };

struct counters {
#define METRIC  METRIC_FIELD
#define METRICS METRICS_FIELD
#include "metrics.def"
};

extern struct counters counters;

/* Counts an answer. */
void counters_answered(enum route route, int status, int64_t us);
/* A refusal of the reader of PROXY headers. */
void counters_refused_early(void *arg, enum proxy_reason reason);
/* All of them as Prometheus text. */
void counters_write(struct bytes *out);

#endif
