/* SPDX-License-Identifier: MIT */
#include "base/log_limit.h"

#define GAP_MS 1000

bool log_limit_pass(struct log_limit *limit, int64_t now_ms, int64_t *ret_left_out)
{
    if (now_ms < limit->next_ms) {
        limit->left_out++;
        return false;
    }
    *ret_left_out = limit->left_out;
    *limit = (struct log_limit){.next_ms = now_ms + GAP_MS};
    return true;
}
