/* SPDX-License-Identifier: MIT */
#include "relaying.h"

#include "connections.h"
#include "counters.h"

#define REST_US 1000 /* of the loop, at most: what is passed on waits no longer */

static bool on_ready(void *owner)
{
    return connection_takes_message(owner);
}

static bool on_deliver(void *owner, struct span frames)
{
    return websocket_write(connection_websocket(owner), frames) != WEBSOCKET_FULL;
}

static bool on_deliver_fragment(void *owner, uint8_t first_byte, struct span payload)
{
    connection_yield(owner, true);
    return websocket_write_frame(connection_websocket(owner), first_byte, &payload, 1) != WEBSOCKET_FULL;
}

static void on_message_over(void *owner)
{
    connection_yield(owner, false);
}

static void on_hold(void *owner, bool hold)
{
    websocket_hold(connection_websocket(owner), hold);
}

static void on_closed(void *owner, struct span payload)
{
    connection_upstream_closed(owner, payload);
}

static void on_lost(void *owner, const char *why)
{
    connection_upstream_lost(owner, why);
}

static const struct relay_hooks hooks = {
    .ready = on_ready,
    .deliver = on_deliver,
    .deliver_fragment = on_deliver_fragment,
    .message_over = on_message_over,
    .hold = on_hold,
    .closed = on_closed,
    .lost = on_lost,
};

struct relays *relaying_create(const struct config *config, struct loop *loop)
{
    const struct relay_limits limits = {.message_max = (uint64_t)config->upstream_message_max,
                                        .filters = config->policy.enabled,
                                        .ping_interval_ms = config->ping_interval_ms,
                                        .pong_timeout_ms = config->pong_timeout_ms};
    if (!config->upstream)
        return NULL;
    loop_rest_at_most(loop, REST_US);
    return relays_create(loop, &limits, &hooks);
}

void relaying_gather_metrics(const struct relays *rs)
{
    const struct relay_counts *counts = relays_counts(rs);
    metric_set(&counters.upstream_open, (int64_t)counts->open);
    metric_set(&counters.upstream_bytes_up, (int64_t)counts->bytes_up);
    metric_set(&counters.upstream_bytes_down, (int64_t)counts->bytes_down);
    metric_set(&counters.upstream_dropped, (int64_t)counts->messages_down_dropped);
}
