/* SPDX-License-Identifier: MIT */
/* The metrics of presence-ws: metrics.def, and the manual page. */
#ifndef PRESENCE_WS_COUNTERS_H
#define PRESENCE_WS_COUNTERS_H

#include "base/metrics.h"
#include "http/gate.h"

struct counters {
#define METRIC  METRIC_FIELD
#define METRICS METRICS_FIELD
#include "metrics.def"
};

extern struct counters counters;

#endif
