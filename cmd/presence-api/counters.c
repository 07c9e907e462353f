/* SPDX-License-Identifier: MIT */
#include "counters.h"

#include <stdio.h>

/* 100 us to 2.5 s, 1 s and 5 s. */
static const int64_t request_bounds[] = {100,   250,    500,    1000,   2500,    5000,    10000, 25000,
                                         50000, 100000, 250000, 500000, 1000000, 2500000, 0};
static const int64_t redis_bounds[] = {100,   250,   500,    1000,   2500,   5000,    10000,
                                       25000, 50000, 100000, 250000, 500000, 1000000, 0};
static const int64_t walk_bounds[] = {1000,   2500,   5000,    10000,   25000,   50000, 100000,
                                      250000, 500000, 1000000, 2500000, 5000000, 0};

struct counters counters = {
#define METRIC  METRIC_VALUE
#define METRICS METRICS_VALUE
#include "metrics.def"
};

#define ROUTE_LABEL(id, name, ...) name,
static const char *const route_names[] = {ROUTES(ROUTE_LABEL)};
static const int statuses[] = {200, 204, 304, 400, 401, 403, 404, 405, 413, 415, 421, 503};
#define STATUSES (sizeof(statuses) / sizeof(statuses[0]))

static uint64_t requests[ROUTE_TOTAL][STATUSES + 1]; /* the last for all other statuses */

void counters_answered(enum route route, int status, int64_t us)
{
    size_t i = 0;
    while (i < STATUSES && statuses[i] != status)
        i++;
    requests[route][i]++;
    metric_observe_us(&counters.durations[route], us);
}

void counters_refused_early(void *arg, enum proxy_reason reason)
{
    metric_add(&counters.refused[reason], 1);
}

static void write_count(size_t route, size_t status, struct bytes *out)
{
    uint64_t count = requests[route][status];
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
    for (size_t route = 0; route < ROUTE_TOTAL; route++)
        for (size_t status = 0; status <= STATUSES; status++)
            write_count(route, status, out);
}

void counters_write(struct bytes *out)
{
    write_requests(out);
    metrics_write(METRICS_ALL(counters), out);
}
