/* Metrics as Prometheus text (exposition format 0.0.4).
 *
 * A program declares its metrics as static objects and lists them in one array; the objects are counted up
 * where things happen and written when somebody asks. Counters are atomic (relaxed), so presence-api's
 * threads may share them. */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include "base/bytes.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

#define METRIC_BUCKETS 16

struct metric {
    enum metric_kind kind;
    const char *name;   /* with its unit's suffix: presence_heartbeat_received_total */
    const char *labels; /* fixed, e.g. role="mobile"; NULL for none. Metrics of one name stand side by side in
                           the list */
    const char *help;
    uint64_t value; /* counter and gauge; a gauge holds an int64_t */
    /* Histogram: upper bounds in microseconds, ascending, 0 ends the list; exported in seconds. */
    int64_t bounds_us[METRIC_BUCKETS];
    uint64_t buckets[METRIC_BUCKETS + 1];
    uint64_t sum_us;
};

/* 1 ms to 60 s, for latencies. */
#define METRIC_LATENCY_BOUNDS                                                                                \
    {                                                                                                        \
        1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000,  \
            30000000, 60000000, 0                                                                            \
    }

void metric_add(struct metric *m, uint64_t n);
void metric_set(struct metric *m, int64_t value);
/* Of a histogram: the number of observations. */
uint64_t metric_value(const struct metric *m);
void metric_observe_us(struct metric *m, int64_t us);
/* # HELP and # TYPE stand once for metrics of one name in a row. */
void metrics_write(struct metric *const *list, size_t count, struct bytes *out);

#endif
