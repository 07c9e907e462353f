#include "counters.h"

#define COUNTER(n, h)                                                                                        \
    {                                                                                                        \
        .kind = METRIC_COUNTER, .name = (n), .help = (h)                                                     \
    }
#define LABELED(n, l, h)                                                                                     \
    {                                                                                                        \
        .kind = METRIC_COUNTER, .name = (n), .labels = (l), .help = (h)                                      \
    }
#define GAUGE(n, h)                                                                                          \
    {                                                                                                        \
        .kind = METRIC_GAUGE, .name = (n), .help = (h)                                                       \
    }
#define LABELED_GAUGE(n, l, h)                                                                               \
    {                                                                                                        \
        .kind = METRIC_GAUGE, .name = (n), .labels = (l), .help = (h)                                        \
    }
#define REFUSED(r)                                                                                           \
    LABELED("presence_refused_total", "reason=\"" r "\"", "Connections refused before the upgrade.")
#define CLOSED(r) LABELED("presence_closed_total", "reason=\"" r "\"", "Connections closed by the server.")

struct counters counters = {
    .online_users = GAUGE("presence_online_users", "Users online, as Redis last said."),
    .heartbeats = COUNTER("presence_heartbeat_received_total", "Heartbeats received from phones."),
    .heartbeats_refused =
        COUNTER("presence_heartbeat_refused_total", "Heartbeats whose fromId was not the token's user."),
    .update_latency = {.kind = METRIC_HISTOGRAM,
                       .name = "presence_update_latency_seconds",
                       .help = "From a transition in Redis to its update written to the viewers.",
                       .bounds_us = METRIC_LATENCY_BOUNDS},
    .connections_phone = LABELED_GAUGE("presence_connections", "role=\"mobile\"", "Connections by role."),
    .connections_viewer = LABELED_GAUGE("presence_connections", "role=\"dashboard\"", "Connections by role."),
    .pending = GAUGE("presence_pending_connections", "Connections that have not sent their request yet."),
    .refused = {REFUSED("request"), REFUSED("too_large"), REFUSED("path"), REFUSED("no_upgrade"),
                REFUSED("token"), REFUSED("role"), REFUSED("origin"), REFUSED("quota"),
                REFUSED("unavailable"), REFUSED("timeout"), REFUSED("overload"), REFUSED("revoked")},
    .skipped = COUNTER("presence_messages_skipped_total", "Messages of types that are not presence's."),
    .skipped_bytes = COUNTER("presence_messages_skipped_bytes_total", "Their bytes."),
    .closed_rule = CLOSED("rule"),
    .closed_token = CLOSED("token_expired"),
    .closed_kick = CLOSED("kicked"),
    .closed_revoked = CLOSED("revoked"),
    .closed_rate = CLOSED("rate"),
    .dropped_silent = CLOSED("no_pong"),
    .not_allowed = COUNTER("presence_interest_refused_total",
                           "Groups or users asked for that the token does not allow."),
    .redis_up = GAUGE("presence_redis_up", "1 while Redis answers."),
    .redis_reconnects = COUNTER("presence_redis_reconnects_total", "Connections to Redis after the first."),
    .redis_queue = GAUGE("presence_redis_queue_bytes", "Bytes that the socket to Redis has not taken yet."),
    .redis_round_trip = {.kind = METRIC_HISTOGRAM,
                         .name = "presence_redis_round_trip_seconds",
                         .help = "From a batch sent to its answer.",
                         .bounds_us = METRIC_LATENCY_BOUNDS},
    .ops_late = LABELED("presence_session_operations_refused_total", "reason=\"late\"",
                        "Operations that Redis did not apply."),
    .ops_foreign = LABELED("presence_session_operations_refused_total", "reason=\"foreign_type\"",
                           "Operations that Redis did not apply."),
    .transitions_online = LABELED("presence_transitions_total", "status=\"online\"",
                                  "Transitions made by this server's sessions."),
    .transitions_offline = LABELED("presence_transitions_total", "status=\"offline\"",
                                   "Transitions made by this server's sessions."),
    .updates_sent = COUNTER("presence_updates_written_total", "Writes of updates to viewers."),
    .snapshots_sent = COUNTER("presence_snapshots_total", "Snapshots given to viewers."),
    .viewers_behind =
        COUNTER("presence_viewers_behind_total", "Viewers too slow for the ring, given a new snapshot."),
    .viewers_slow = CLOSED("slow"),
    .viewers_stuck = CLOSED("stuck"),
    .gaps = COUNTER("presence_event_gaps_total", "Gaps in the events, asked of the log."),
    .loads = COUNTER("presence_roster_loads_total", "Loads of the roster."),
    .events_dropped = COUNTER("presence_events_dropped_total", "Events of another database, or none."),
    .epochs = COUNTER("presence_epochs_total", "Epochs met after the first: Redis had lost its memory."),
    .log_dropped = COUNTER("presence_log_lines_dropped_total", "Log lines that stderr did not take."),
    .descriptors_exhausted = COUNTER("presence_descriptors_exhausted_total",
                                     "Times when accepting paused for want of descriptors."),
    .build_info =
        LABELED_GAUGE("presence_build_info", "version=\"" PRESENCE_VERSION "\",program=\"presence-ws\"",
                      "The version of the program."),
};

struct metric *const counters_list[] = {
    &counters.online_users,
    &counters.heartbeats,
    &counters.heartbeats_refused,
    &counters.update_latency,
    &counters.connections_phone,
    &counters.connections_viewer,
    &counters.pending,
    &counters.refused[0],
    &counters.refused[1],
    &counters.refused[2],
    &counters.refused[3],
    &counters.refused[4],
    &counters.refused[5],
    &counters.refused[6],
    &counters.refused[7],
    &counters.refused[8],
    &counters.refused[9],
    &counters.refused[10],
    &counters.refused[11],
    &counters.skipped,
    &counters.skipped_bytes,
    &counters.closed_rule,
    &counters.closed_token,
    &counters.closed_kick,
    &counters.closed_revoked,
    &counters.closed_rate,
    &counters.dropped_silent,
    &counters.viewers_slow,
    &counters.viewers_stuck,
    &counters.not_allowed,
    &counters.redis_up,
    &counters.redis_reconnects,
    &counters.redis_queue,
    &counters.redis_round_trip,
    &counters.ops_late,
    &counters.ops_foreign,
    &counters.transitions_online,
    &counters.transitions_offline,
    &counters.updates_sent,
    &counters.snapshots_sent,
    &counters.viewers_behind,
    &counters.gaps,
    &counters.loads,
    &counters.events_dropped,
    &counters.epochs,
    &counters.log_dropped,
    &counters.descriptors_exhausted,
    &counters.build_info,
};
const size_t counters_count = sizeof(counters_list) / sizeof(counters_list[0]);
