/* The metrics of presence-ws (contract section 7). */
#ifndef PRESENCE_WS_COUNTERS_H
#define PRESENCE_WS_COUNTERS_H

#include "base/metrics.h"

struct counters {
    struct metric online_users, heartbeats, heartbeats_refused, update_latency;
    struct metric connections_phone, connections_viewer, pending;
    struct metric refused[12];
    struct metric skipped, skipped_bytes, closed_rule, closed_token, closed_kick, closed_revoked, closed_rate,
        dropped_silent, not_allowed;
    struct metric redis_up, redis_reconnects, redis_queue, redis_round_trip;
    struct metric ops_late, ops_foreign, transitions_online, transitions_offline;
    struct metric updates_sent, snapshots_sent, viewers_behind, viewers_slow, viewers_stuck;
    struct metric gaps, loads, events_dropped, epochs, log_dropped, descriptors_exhausted, build_info;
};

extern struct counters counters;
extern struct metric *const counters_list[];
extern const size_t counters_count;

#endif
