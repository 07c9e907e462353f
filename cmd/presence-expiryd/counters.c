#include "counters.h"

#define COUNTER(n, h)                                                                                        \
    {                                                                                                        \
        .kind = METRIC_COUNTER, .name = (n), .help = (h)                                                     \
    }
#define GAUGE(n, h)                                                                                          \
    {                                                                                                        \
        .kind = METRIC_GAUGE, .name = (n), .help = (h)                                                       \
    }
#define REPAIRED(k)                                                                                          \
    {                                                                                                        \
        .kind = METRIC_COUNTER, .name = "presence_repaired_total", .labels = "kind=\"" k "\"",               \
        .help = "Users whose keys the repair pass put right, or could not."                                  \
    }

const char counters_repair_letters[REPAIR_KINDS + 1] = "akoex";

struct counters counters = {
    .online_users = GAUGE("presence_online_users", "Users online, as Redis last said."),
    .expired = COUNTER("presence_ttl_expired_total", "Users marked offline because their deadline passed."),
    .lag = {.kind = METRIC_HISTOGRAM,
            .name = "presence_detection_lag_seconds",
            .help = "From a user's deadline to the offline event.",
            .bounds_us = METRIC_LATENCY_BOUNDS},
    .sweeps = COUNTER("presence_sweeps_total", "Looks for passed deadlines."),
    .held =
        GAUGE("presence_held_back_seconds", "Time for which expiries still wait after a silence of Redis."),
    .wakeups = COUNTER("presence_keyspace_events_total", "Expired events of Redis that woke the sweep."),
    .repaired = {REPAIRED("adopted"), REPAIRED("key"), REPAIRED("stale_meta"), REPAIRED("external_ended"),
                 REPAIRED("foreign_type")},
    .passes = COUNTER("presence_repair_passes_total", "Passes of the repair over all keys."),
    .epochs = COUNTER("presence_epochs_total", "Epochs met after the first: Redis had lost its memory."),
    .redis_up = GAUGE("presence_redis_up", "1 while Redis answers."),
    .redis_reconnects = COUNTER("presence_redis_reconnects_total", "Connections to Redis after the first."),
    .redis_round_trip = {.kind = METRIC_HISTOGRAM,
                         .name = "presence_redis_round_trip_seconds",
                         .help = "From a sweep sent to its answer.",
                         .bounds_us = METRIC_LATENCY_BOUNDS},
    .log_dropped = COUNTER("presence_log_lines_dropped_total", "Log lines that stderr did not take."),
    .build_info = {.kind = METRIC_GAUGE,
                   .name = "presence_build_info",
                   .labels = "version=\"" PRESENCE_VERSION "\",program=\"presence-expiryd\"",
                   .help = "The version of the program."},
};

struct metric *const counters_list[] = {
    &counters.online_users,     &counters.expired,     &counters.lag,
    &counters.sweeps,           &counters.held,        &counters.wakeups,
    &counters.repaired[0],      &counters.repaired[1], &counters.repaired[2],
    &counters.repaired[3],      &counters.repaired[4], &counters.passes,
    &counters.epochs,           &counters.redis_up,    &counters.redis_reconnects,
    &counters.redis_round_trip, &counters.log_dropped, &counters.build_info,
};
const size_t counters_count = sizeof(counters_list) / sizeof(counters_list[0]);
