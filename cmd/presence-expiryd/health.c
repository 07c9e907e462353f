/* SPDX-License-Identifier: MIT */
/* /healthz, /readyz and /metrics of presence-expiryd. */
#include "base/clock.h"
#include "base/log.h"
#include "counters.h"
#include "server.h"
#include "wire/status.h"

#define STALE_MS 2000 /* without a sweep for so long nobody is marked offline by silence */

static void gather(const struct expiryd *s)
{
    metric_set(&expiryd_counters.online_users, s->online < 0 ? 0 : s->online);
    metric_set(&expiryd_counters.held, (s->sweeper.held_ms + 999) / 1000);
    metric_set(&expiryd_counters.passes, (int64_t)s->reconciler.passes);
    metric_set(&expiryd_counters.redis_up, expiryd_redis_up(s));
    if (s->link)
        metric_set(&expiryd_counters.redis_reconnects, (int64_t)redis_link_reconnects(s->link));
    metric_set(&expiryd_counters.log_dropped, (int64_t)log_dropped());
    metric_set(&expiryd_counters.build_info, 1);
}

static const char *what_is_missing(const struct expiryd *s)
{
    const char *unfit;
    if (daemon_leaving(&s->daemon))
        return "draining";
    if (!s->config.policy.enabled)
        return "presence is switched off (PRESENCE_ENABLED=false)";
    if (redis_trial_fault(s->trial, &unfit) != REDIS_FAULT_NONE)
        return unfit;
    if (!expiryd_redis_up(s))
        return "Redis can't be reached";
    if (s->registry.recovery.waiting)
        return "Redis was away; waiting for the servers to assert who is online";
    if (s->sweeper.swept_ms == SWEEPER_NEVER || clock_mono_ms() - s->sweeper.swept_ms > STALE_MS)
        return "no sweep for passed deadlines was answered lately";
    return NULL;
}

static int serve_ready(const struct expiryd *s, bool near, struct bytes *body)
{
    const char *missing = what_is_missing(s);
    if (missing) {
        status_write_error(missing, body);
        return 503;
    }
    bytes_printf(body, "{\"success\":true,\"redis\":true,\"heldBack\":%lld", (long long)s->sweeper.held_ms);
    /* Strangers are not told how many there are. */
    if (near) {
        bytes_printf(body, ",\"online\":%lld,\"epoch\":", (long long)s->online);
        bytes_append_json(body, span_of(s->registry.epoch));
    }
    bytes_append_text(body, "}");
    return 200;
}

int expiryd_health_serve(void *arg, struct span path, bool near, struct bytes *body,
                         const char **content_type)
{
    struct expiryd *s = arg;
    if (span_equal(path, SPAN("/metrics"))) {
        *content_type = "text/plain; version=0.0.4; charset=utf-8";
        gather(s);
        metrics_write(METRICS_ALL(expiryd_counters), body);
        return 200;
    }
    *content_type = "application/json";
    if (span_equal(path, SPAN("/readyz")))
        return serve_ready(s, near, body);
    bytes_append_text(body, "{\"success\":true}");
    return 200;
}
