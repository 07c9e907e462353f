/* SPDX-License-Identifier: MIT */
#include "counters.h"

struct expiryd_counters expiryd_counters = {
#define METRIC  METRIC_VALUE
#define METRICS METRICS_VALUE
#include "metrics.def"
};
