/* /healthz, /readyz and /metrics of presence-ws. */
#include "base/log.h"
#include "counters.h"
#include "server.h"
#include "wire/status.h"

#include <string.h>

static void gather(const struct server *s)
{
    metric_set(&counters.online_users, s->online < 0 ? 0 : s->online);
    metric_set(&counters.connections_phone, (int64_t)s->phones);
    metric_set(&counters.connections_viewer, (int64_t)(websocket_count(s->endpoint) - s->phones));
    metric_set(&counters.pending, (int64_t)gate_pending(s->gate));
    metric_set(&counters.redis_up, store_up(s));
    if (s->link) {
        metric_set(&counters.redis_reconnects, (int64_t)redis_link_reconnects(s->link));
        metric_set(&counters.redis_queue, (int64_t)redis_link_queued(s->link));
    }
    metric_set(&counters.gaps, (int64_t)s->follower.gaps);
    metric_set(&counters.loads, (int64_t)s->follower.loads);
    metric_set(&counters.events_dropped, (int64_t)s->follower.dropped);
    metric_set(&counters.log_dropped, (int64_t)log_dropped());
    metric_set(&counters.build_info, 1);
}

static int serve_ready(const struct server *s, struct bytes *body)
{
    const char *missing = NULL;
    if (s->draining)
        missing = "draining";
    else if (!s->config.policy.enabled)
        missing = "presence is switched off (PRESENCE_ENABLED=false)";
    else if (!store_up(s))
        missing = "Redis can't be reached";
    else if (!redis_subscriber_ready(s->subscriber))
        missing = "not subscribed to Redis";
    else if (follower_recovering(&s->follower))
        missing = "Redis has lost its memory; waiting for the servers to assert who is online";
    if (missing) {
        status_write_error(missing, body);
        return 503;
    }
    bytes_printf(body, "{\"success\":true,\"redis\":true,\"online\":%lld,\"epoch\":", (long long)s->online);
    bytes_append_json(body, span_of(s->asserter.epoch));
    bytes_append_text(body, "}");
    return 200;
}

int health_serve(void *arg, struct span path, struct bytes *body, const char **content_type)
{
    struct server *s = arg;
    if (span_equal(path, SPAN("/metrics"))) {
        *content_type = "text/plain; version=0.0.4; charset=utf-8";
        gather(s);
        metrics_write(counters_list, counters_count, body);
        return 200;
    }
    *content_type = "application/json";
    if (span_equal(path, SPAN("/readyz")))
        return serve_ready(s, body);
    bytes_append_text(body, "{\"success\":true}");
    return 200;
}

void health_refused(void *arg, int status, const char *reason, const char *peer)
{
    for (size_t i = 0; i < sizeof(counters.refused) / sizeof(counters.refused[0]) && gate_refusal_reasons[i];
         i++)
        if (strcmp(gate_refusal_reasons[i], reason) == 0)
            metric_add(&counters.refused[i], 1);
}
