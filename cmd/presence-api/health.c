/* /healthz, /readyz and /metrics. */
#include "base/clock.h"
#include "base/log.h"
#include "server.h"
#include "wire/status.h"

void health_answer(struct call *c, struct span id)
{
    bytes_append_text(answer_json(c), "{\"success\":true}");
}

static const char *what_is_missing(const struct server *s, const struct view_report *r,
                                   const struct breaker *b)
{
    if (__atomic_load_n(&s->draining, __ATOMIC_RELAXED))
        return "draining";
    if (!s->config.policy.enabled)
        return "presence is switched off (PRESENCE_ENABLED=false)";
    if (!breaker_passes(b))
        return "Redis can't be reached";
    if (r->recovering)
        return "Redis has lost its memory; waiting for the servers to say who is online";
    return NULL;
}

static int64_t sweep_age(const struct view_report *r)
{
    int64_t age_ms = r->redis_ms - r->swept_ms;
    return age_ms > 0 ? age_ms : 0;
}

static void put_warning(const struct view_report *r, struct bytes *out)
{
    bytes_append_text(out, ",\"warning\":");
    if (!r->linked || !r->heard)
        bytes_append_text(out, "\"not registered with Redis\"");
    else if (r->expiryds == 0)
        bytes_append_text(out, "\"no presence-expiryd is alive: nobody is marked offline by silence\"");
    else
        bytes_append_text(out, "null");
}

/* sweepAge: how long ago deadlines were looked at last (ms), so that a user's silence is detected that much
 * late at most; heldBack: expiries wait so long still (ms). */
static void put_report(const struct view_report *r, struct bytes *out)
{
    bytes_printf(out, "{\"success\":true,\"redis\":true,\"online\":%lld,\"epoch\":",
                 (long long)(r->online < 0 ? 0 : r->online));
    bytes_append_json(out, span_of(r->epoch));
    bytes_printf(out, ",\"expiryds\":%zu,\"sweepAge\":", r->expiryds);
    if (r->heard && r->swept_ms > 0)
        bytes_append_i64(out, sweep_age(r));
    else
        bytes_append_text(out, "null");
    bytes_printf(out, ",\"heldBack\":%lld", (long long)r->held_ms);
    put_warning(r, out);
    bytes_append_char(out, '}');
}

static void read_all(struct server *s, struct view_report *report, struct breaker *breaker)
{
    *breaker = (struct breaker){.state = BREAKER_OPEN};
    view_read(&s->view, clock_mono_ms(), report);
    if (s->pool)
        pool_read_breaker(s->pool, breaker);
}

void ready_answer(struct call *c, struct span id)
{
    struct view_report report;
    struct breaker breaker;
    read_all(c->server, &report, &breaker);
    const char *missing = what_is_missing(c->server, &report, &breaker);
    if (missing)
        refuse_for_now(c, missing);
    else
        put_report(&report, answer_json(c));
}

static void gather(struct server *s)
{
    struct view_report report;
    struct breaker breaker;
    read_all(s, &report, &breaker);
    metric_set(&counters.connections, (int64_t)http_connections(s->http));
    metric_set(&counters.online_users, report.online < 0 ? 0 : report.online);
    metric_set(&counters.epochs, (int64_t)report.epochs);
    metric_set(&counters.redis_up, breaker_passes(&breaker));
    metric_set(&counters.breaker_state, breaker.state);
    metric_set(&counters.breaker_opened, (int64_t)breaker.opened);
    metric_set(&counters.log_dropped, (int64_t)log_dropped());
}

void metrics_answer(struct call *c, struct span id)
{
    gather(c->server);
    c->answer->status = 200;
    http_answer_header(c->answer, "Content-Type", SPAN("text/plain; version=0.0.4; charset=utf-8"));
    counters_write(&c->answer->body);
}
