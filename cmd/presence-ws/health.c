/* SPDX-License-Identifier: MIT */
/* /healthz, /readyz and /metrics of presence-ws. */
#include "base/clock.h"
#include "base/log.h"
#include "counters.h"
#include "server.h"

static void gather(const struct server *s)
{
    redis_glue_gather_metrics(&s->redis);
    subscribers_gather_metrics(s->subscribers);
    connections_gather_metrics(s->connections);
    metric_set(&counters.pending,
               (int64_t)(gate_pending(s->access.gate) + proxy_reader_pending(s->access.proxy_reader)));
    metric_set(&counters.log_dropped, (int64_t)log_dropped());
    metric_set(&counters.build_info, 1);
}

static int serve_ready(const struct server *s, bool near, struct bytes *body)
{
    const struct redis_glue *redis = &s->redis;
    const char *missing = daemon_leaving(&s->daemon) ? "draining" : redis_glue_missing(redis);
    if (missing) {
        bytes_append_text(body, "{\"success\":false,\"error\":");
        bytes_append_json(body, span_of(missing));
    } else {
        bytes_append_text(body, "{\"success\":true,\"redis\":true");
        /* Strangers are not told how many there are. */
        if (near) {
            bytes_printf(body, ",\"online\":%lld,\"epoch\":", (long long)redis->online);
            bytes_append_json(body, span_of(redis->registry.epoch));
        }
        if (roster_sync_groups_denied(&redis->roster_sync, clock_mono_ms()))
            bytes_append_text(body, ",\"groupsDenied\":true");
    }
    bytes_printf(body, ",\"store\":\"%s\",\"storeSince\":%lld}", redis_glue_state(redis),
                 (long long)redis->outage.since_wall_ms);
    return missing ? 503 : 200;
}

int health_serve(void *arg, struct span path, bool near, struct bytes *body, const char **content_type)
{
    struct server *s = arg;
    if (span_equal(path, SPAN("/metrics"))) {
        *content_type = "text/plain; version=0.0.4; charset=utf-8";
        gather(s);
        metrics_write(METRICS_ALL(counters), body);
        return 200;
    }
    *content_type = "application/json";
    if (span_equal(path, SPAN("/readyz")))
        return serve_ready(s, near, body);
    bytes_append_text(body, "{\"success\":true}");
    return 200;
}

void health_refused(void *arg, int status, enum gate_reason reason, const char *peer)
{
    metric_add(&counters.refused[reason], 1);
}

#define AS_GATE_REASON(id, ...) [PROXY_REASON_##id] = GATE_REASON_##id,

void health_refused_early(void *arg, enum proxy_reason reason)
{
    static const enum gate_reason reasons[] = {PROXY_REASONS(AS_GATE_REASON)};
    metric_add(&counters.refused[reasons[reason]], 1);
}
