#include "counters.h"

#include <stdio.h>

#define COUNTER(n, h)                                                                                        \
    {                                                                                                        \
        .kind = METRIC_COUNTER, .name = (n), .help = (h)                                                     \
    }
#define LABELED(n, l, h)                                                                                     \
    {                                                                                                        \
        .kind = METRIC_COUNTER, .name = (n), .labels = (l), .help = (h)                                      \
    }
#define GAUGE(n, h)                                                                                          \
    {                                                                                                        \
        .kind = METRIC_GAUGE, .name = (n), .help = (h)                                                       \
    }
/* From a request's last byte to its answer; 100 us to 2.5 s. */
#define DURATION(r)                                                                                          \
    {                                                                                                        \
        .kind = METRIC_HISTOGRAM, .name = "presence_api_request_duration_seconds",                           \
        .labels = "route=\"" r "\"", .help = "From the whole request to its answer.", .bounds_us = {         \
            100,                                                                                             \
            250,                                                                                             \
            500,                                                                                             \
            1000,                                                                                            \
            2500,                                                                                            \
            5000,                                                                                            \
            10000,                                                                                           \
            25000,                                                                                           \
            50000,                                                                                           \
            100000,                                                                                          \
            250000,                                                                                          \
            500000,                                                                                          \
            1000000,                                                                                         \
            2500000,                                                                                         \
            0                                                                                                \
        }                                                                                                    \
    }
#define REAPED_WHILE(r)                                                                                      \
    LABELED("presence_api_reaped_total", "waiting_for=\"" r "\"", "Connections closed for being too slow.")

struct counters counters = {
    .durations = {DURATION("status"), DURATION("user"), DURATION("online"), DURATION("count"),
                  DURATION("group"), DURATION("health"), DURATION("ready"), DURATION("metrics"),
                  DURATION("page"), DURATION("none")},
    .ids = COUNTER("presence_api_ids_total", "User ids asked for in bulk."),
    .reaped = {REAPED_WHILE("head"), REAPED_WHILE("next_request"), REAPED_WHILE("body"),
               REAPED_WHILE("answer_taken")},
    .displaced = COUNTER("presence_api_displaced_total",
                         "Connections without a request, closed to make room for a new one."),
    .turned_away = COUNTER("presence_api_turned_away_total",
                           "Connections answered 503 since all others were in the midst of a request."),
    .malformed = COUNTER("presence_api_malformed_total",
                         "Requests that ended without an answer of ours: malformed, or given up."),
    .descriptors_exhausted = COUNTER("presence_descriptors_exhausted_total",
                                     "Times when accepting paused for want of descriptors."),
    .connections = GAUGE("presence_api_connections", "Open connections."),
    .online_users = GAUGE("presence_online_users", "Users online, as Redis last said."),
    .epochs = COUNTER("presence_epochs_total", "Epochs met after the first: Redis had lost its memory."),
    .redis_up = GAUGE("presence_redis_up", "1 while Redis answers."),
    .redis_reconnects = COUNTER("presence_redis_reconnects_total", "Connections to Redis after the first."),
    .redis_round_trip = {.kind = METRIC_HISTOGRAM,
                         .name = "presence_redis_round_trip_seconds",
                         .help = "From a question sent to its last answer.",
                         .bounds_us = {100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000,
                                       500000, 1000000, 0}},
    .breaker_state = GAUGE("presence_api_breaker_state",
                           "0: closed, requests go to Redis; 1: half open; 2: open, all are answered 503."),
    .breaker_opened = COUNTER("presence_api_breaker_opened_total", "Times the breaker opened."),
    .log_dropped = COUNTER("presence_log_lines_dropped_total", "Log lines that stderr did not take."),
    .build_info = {.kind = METRIC_GAUGE,
                   .name = "presence_build_info",
                   .labels = "version=\"" PRESENCE_VERSION "\",program=\"presence-api\"",
                   .help = "The version of the program.",
                   .value = 1},
};

static const char *const route_names[ROUTES] = {"status", "user",  "online",  "count", "group",
                                                "health", "ready", "metrics", "page",  "none"};
static const int statuses[] = {200, 204, 304, 400, 401, 403, 404, 405, 413, 415, 503};
#define STATUSES (sizeof(statuses) / sizeof(statuses[0]))

static uint64_t requests[ROUTES][STATUSES + 1]; /* the last for all other statuses */

void counters_answered(enum route route, int status, int64_t us)
{
    size_t i = 0;
    while (i < STATUSES && statuses[i] != status)
        i++;
    __atomic_fetch_add(&requests[route][i], 1, __ATOMIC_RELAXED);
    metric_observe_us(&counters.durations[route], us);
}

static void write_count(size_t route, size_t status, struct bytes *out)
{
    uint64_t count = __atomic_load_n(&requests[route][status], __ATOMIC_RELAXED);
    char code[16] = "other";
    if (count == 0 && (route != ROUTE_STATUS || status != 0))
        return;
    if (status < STATUSES)
        snprintf(code, sizeof(code), "%d", statuses[status]);
    bytes_printf(out, "presence_api_requests_total{route=\"%s\",status=\"%s\"} %llu\n", route_names[route],
                 code, (unsigned long long)count);
}

static void write_requests(struct bytes *out)
{
    bytes_append_text(out, "# HELP presence_api_requests_total Requests answered.\n"
                           "# TYPE presence_api_requests_total counter\n");
    for (size_t route = 0; route < ROUTES; route++)
        for (size_t status = 0; status <= STATUSES; status++)
            write_count(route, status, out);
}

void counters_write(struct bytes *out)
{
    struct metric *const list[] = {
        &counters.durations[0],
        &counters.durations[1],
        &counters.durations[2],
        &counters.durations[3],
        &counters.durations[4],
        &counters.durations[5],
        &counters.durations[6],
        &counters.durations[7],
        &counters.durations[8],
        &counters.durations[9],
        &counters.ids,
        &counters.connections,
        &counters.reaped[0],
        &counters.reaped[1],
        &counters.reaped[2],
        &counters.reaped[3],
        &counters.displaced,
        &counters.turned_away,
        &counters.malformed,
        &counters.descriptors_exhausted,
        &counters.online_users,
        &counters.epochs,
        &counters.redis_up,
        &counters.redis_reconnects,
        &counters.redis_round_trip,
        &counters.breaker_state,
        &counters.breaker_opened,
        &counters.log_dropped,
        &counters.build_info,
    };
    write_requests(out);
    metrics_write(list, sizeof(list) / sizeof(list[0]), out);
}
