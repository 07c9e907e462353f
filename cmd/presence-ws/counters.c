/* SPDX-License-Identifier: MIT */
#include "counters.h"

struct counters counters = {
#define METRIC  METRIC_VALUE
#define METRICS METRICS_VALUE
#include "metrics.def"
};
