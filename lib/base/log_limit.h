/* SPDX-License-Identifier: MIT */
/* Bounds log lines that strangers can cause at any rate: one a second of each kind, which says how many were
 * left out since the last one. Pure. */
#ifndef BASE_LOG_LIMIT_H
#define BASE_LOG_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

/* Zeroed; one for each kind of line. */
struct log_limit {
    int64_t next_ms;
    int64_t left_out;
};

/* Whether to write the line now; then *ret_left_out is the number of those that were not written. */
bool log_limit_pass(struct log_limit *limit, int64_t now_ms, int64_t *ret_left_out);

#endif
