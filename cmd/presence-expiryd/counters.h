/* SPDX-License-Identifier: MIT */
/* The metrics of presence-expiryd: metrics.def, and the manual page. */
#ifndef PRESENCE_EXPIRYD_COUNTERS_H
#define PRESENCE_EXPIRYD_COUNTERS_H

#include "base/metrics.h"

/* The outcomes of repair.lua that are counted: their letters, and their values as a label. */
#define REPAIR_KINDS(X, ...)                                                                                 \
    X(a, "adopted", __VA_ARGS__)                                                                             \
    X(k, "key", __VA_ARGS__)                                                                                 \
    X(o, "stale_meta", __VA_ARGS__)                                                                          \
    X(e, "external_ended", __VA_ARGS__)                                                                      \
    X(x, "foreign_type", __VA_ARGS__)

struct expiryd_counters {
#define METRIC  METRIC_FIELD
#define METRICS METRICS_FIELD
#include "metrics.def"
};

extern struct expiryd_counters expiryd_counters;

#endif
