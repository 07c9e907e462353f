/* SPDX-License-Identifier: MIT */
/* Reads Prometheus text (exposition format 0.0.4), for those who ask a daemon's /metrics. */
#ifndef PRESENCE_CTL_METRIC_TEXT_H
#define PRESENCE_CTL_METRIC_TEXT_H

#include "base/bytes.h"

struct metric_sample {
    struct span name;
    struct span labels; /* what stands between the braces, escapes not resolved */
    double value;
};

/* Takes the next sample off *rest, passing over comments and lines that are none: false at the end. */
bool metric_text_next(struct span *rest, struct metric_sample *ret);
/* The value of a label as it stands between its quotes; SPAN_NONE when there is none of that name. */
struct span metric_sample_label(const struct metric_sample *sample, const char *name);
/* Of all samples of that name, whatever their labels: their sum, and 0 with *ret_found false without one.
 * `label` NULL: any; else only samples whose label has that value. */
double metric_text_sum(struct span text, const char *name, const char *label, const char *value,
                       bool *ret_found);
/* The bound (in the metric's unit) under which `share` (0-1) of a histogram's observations lie, over all its
 * samples in the text: the upper bound of the bucket where they end, INFINITY for the last one. -1: no
 * observations. */
double metric_text_quantile(struct span text, const char *name, double share);

#endif
