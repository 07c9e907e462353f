/* SPDX-License-Identifier: MIT */
/* The metrics of presence-api: metrics.def, and the manual page. */
#ifndef PRESENCE_API_COUNTERS_H
#define PRESENCE_API_COUNTERS_H

#include "base/metrics.h"
#include "http/proxy_reader.h"

/* The routes, a row each: X(id, label in the metrics, path, method, reach, handler). A path with a '/' at its end is
 * followed by an id. */
#define ROUTE_TABLE(X, ...)                                                                                  \
    X(STATUS, "status", "/api/presence/status", HTTP_POST, REACH_KNOWN, status_answer, __VA_ARGS__)          \
    X(USER, "user", "/api/presence/users/", HTTP_GET, REACH_ALL, user_answer, __VA_ARGS__)                   \
    X(ONLINE, "online", "/api/presence/online", HTTP_GET, REACH_ALL, online_answer, __VA_ARGS__)             \
    X(COUNT, "count", "/api/presence/count", HTTP_GET, REACH_ALL, count_answer, __VA_ARGS__)                 \
    X(GROUP, "group", "/api/presence/groups/", HTTP_GET, REACH_ALL, group_answer, __VA_ARGS__)               \
    X(HEALTH, "health", "/healthz", HTTP_GET, REACH_NOBODY, health_answer, __VA_ARGS__)                      \
    X(READY, "ready", "/readyz", HTTP_GET, REACH_NOBODY, ready_answer, __VA_ARGS__)                          \
    X(METRICS, "metrics", "/metrics", HTTP_GET, REACH_NOBODY, metrics_answer, __VA_ARGS__)                   \
    X(PAGE, "page", "/", HTTP_GET, REACH_NOBODY, page_answer, __VA_ARGS__)

/* As requests are counted: the labels alone, and that of no such path, or of no request at all. */
#define ROUTES(X, ...)                                                  ROUTE_TABLE(ROUTE_LABELLED, X, __VA_ARGS__) X(NONE, "none", __VA_ARGS__)
#define ROUTE_LABELLED(id, label, path, method, reach, handler, X, ...) X(id, label, __VA_ARGS__)
#define ROUTE(id, ...)                                                  ROUTE_##id,
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
