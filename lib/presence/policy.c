/* SPDX-License-Identifier: MIT */
#include "presence/policy.h"

int64_t policy_heartbeat_min(const struct policy *p)
{
    int64_t bound = p->ttl_ms * 5 / 12;
    return p->heartbeat_min_ms < bound ? p->heartbeat_min_ms : bound;
}

int64_t policy_heartbeat_interval(const struct policy *p)
{
    return p->ttl_ms / 2;
}

int64_t policy_abort_grace(const struct policy *p)
{
    return p->abort_grace_ms > p->offline_grace_ms ? p->abort_grace_ms : p->offline_grace_ms;
}
