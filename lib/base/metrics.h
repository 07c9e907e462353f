/* SPDX-License-Identifier: MIT */
/* Metrics as Prometheus text (exposition format 0.0.4).
 *
 * A program's metrics stand in its metrics.def, a row each, in the order in which they are written:
 *
 *     METRIC(field, KIND, "name", labels, bounds, "help")
 *     METRICS(field, KIND, "name", "label", LIST, bounds, "help")
 *
 * METRIC is one; its labels are fixed (role="mobile"), or NULL. METRICS is an array with an element for each
 * entry of LIST, which is also what the enum of the values is made of, so that no value can be forgotten:
 *
 *     #define LIST(X, ...) X(IDENTIFIER, "value", __VA_ARGS__) X(…)
 *
 * The help is a full sentence, since dashboards show it alone. Rows of one name stand side by side. The file
 * is included twice, for the struct's fields and for their values. Metrics are counted where things happen
 * and written when somebody asks. Counters are atomic (relaxed), so threads may share them. */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include "base/bytes.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

#define METRIC_BUCKETS 16

struct metric {
    enum metric_kind kind;
    const char *name;   /* with its unit's suffix: presence_heartbeat_received_total */
    const char *labels; /* e.g. role="mobile"; NULL for none */
    const char *help;
    /* Histogram: at most METRIC_BUCKETS upper bounds in microseconds, ascending, 0 ends the list; exported in
     * seconds. */
    const int64_t *bounds_us;
    uint64_t value; /* counter and gauge; a gauge holds an int64_t */
    uint64_t buckets[METRIC_BUCKETS + 1];
    uint64_t sum_us;
};

/* 1 ms to 60 s, for latencies. */
extern const int64_t metric_latency_bounds[];
/* 1 ms to 1 s, for what should take none. */
extern const int64_t metric_turn_bounds[];

/* The meanings of METRIC and METRICS in metrics.def: in a struct, and in its initializer. */
#define METRIC_FIELD(field, ...)                           struct metric field;
#define METRICS_FIELD(field, kind, name, label, list, ...) struct metric field[0 list(METRIC_ONE_MORE)];
#define METRIC_ONE_MORE(...)                               +1
#define METRIC_VALUE(field, ...)                           .field = METRIC_INIT(__VA_ARGS__),
#define METRICS_VALUE(field, kind, name, label, list, ...)                                                   \
    .field = {list(METRIC_OF_VALUE, kind, name, label, __VA_ARGS__)},
#define METRIC_OF_VALUE(id, value, kind, name, label, ...)                                                   \
    METRIC_INIT(kind, name, label "=\"" value "\"", __VA_ARGS__),
#define METRIC_INIT(kind_, name_, labels_, bounds_, help_)                                                   \
    {                                                                                                        \
        .kind = METRIC_##kind_, .name = name_, .labels = labels_, .help = help_, .bounds_us = bounds_        \
    }

void metric_add(struct metric *m, uint64_t n);
void metric_set(struct metric *m, int64_t value);
/* Of a histogram: the number of observations. */
uint64_t metric_value(const struct metric *m);
void metric_observe_us(struct metric *m, int64_t us);
/* # HELP and # TYPE stand once for metrics of one name in a row. */
void metrics_write(const struct metric *metrics, size_t count, struct bytes *out);
/* The two arguments for a struct of metrics.def: all its members are metrics. */
#define METRICS_ALL(object) (const struct metric *)&(object), sizeof(object) / sizeof(struct metric)

#endif
