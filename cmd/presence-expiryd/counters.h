/* The metrics of presence-expiryd (contract section 7). */
#ifndef PRESENCE_EXPIRYD_COUNTERS_H
#define PRESENCE_EXPIRYD_COUNTERS_H

#include "base/metrics.h"

#define REPAIR_KINDS 5

struct counters {
    struct metric online_users, expired, lag, sweeps, held, wakeups;
    struct metric repaired[REPAIR_KINDS]; /* in the order of counters_repair_letters */
    struct metric passes, epochs, redis_up, redis_reconnects, redis_round_trip, log_dropped, build_info;
};

extern struct counters counters;
extern struct metric *const counters_list[];
extern const size_t counters_count;
/* The outcomes of repair.lua that are counted. */
extern const char counters_repair_letters[REPAIR_KINDS + 1];

#endif
