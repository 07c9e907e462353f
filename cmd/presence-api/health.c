/* SPDX-License-Identifier: MIT */
/* /healthz, /readyz and /metrics. */
#include "base/clock.h"
#include "base/log.h"
#include "server.h"
#include "wire/status.h"

/* Values of presence_api_breaker_state. */
#define BREAKER_CLOSED 0
#define BREAKER_OPEN   2

void health_answer(struct call *c)
{
    bytes_append_text(call_answer_json(c), "{\"success\":true}");
}

static const char *what_is_missing(const struct server *s, const struct view_report *r)
{
    if (daemon_leaving(&s->daemon))
        return "draining";
    if (!s->config.policy.enabled)
        return "presence is switched off (PRESENCE_ENABLED=false)";
    if (!questions_reached(s->questions))
        return "Redis can't be reached";
    if (r->fault[0] && !r->fault_readable)
        return r->fault;
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
    if (r->fault[0])
        bytes_append_json(out, span_of(r->fault));
    else if (!r->linked || !r->heard)
        bytes_append_text(out, "\"not registered with Redis\"");
    else if (r->expiryds == 0)
        bytes_append_text(out, "\"no presence-expiryd is alive: nobody is marked offline by silence\"");
    else
        bytes_append_text(out, "null");
}

/* sweepAge: how long ago deadlines were looked at last (ms), so that a user's silence is detected that much
 * late at most; heldBack: expiries wait so long still (ms); open: others than this machine may list who is
 * online without a token. `trusted`: how many are online may be told, too. */
static void put_report(const struct view_report *r, bool open, bool trusted, struct bytes *out)
{
    bytes_append_text(out, "{\"success\":true,\"redis\":true");
    if (trusted) {
        bytes_printf(out, ",\"online\":%lld,\"epoch\":", (long long)(r->online < 0 ? 0 : r->online));
        bytes_append_json(out, span_of(r->epoch));
    }
    bytes_printf(out, ",\"expiryds\":%zu,\"sweepAge\":", r->expiryds);
    if (r->heard && r->swept_ms > 0)
        bytes_append_i64(out, sweep_age(r));
    else
        bytes_append_text(out, "null");
    bytes_printf(out, ",\"heldBack\":%lld,\"open\":%s", (long long)r->held_ms, open ? "true" : "false");
    put_warning(r, out);
    bytes_append_char(out, '}');
}

static void answer_ready(struct call *c, bool trusted)
{
    struct view_report report;
    view_read(&c->server->view, clock_mono_ms(), &report);
    const char *missing = what_is_missing(c->server, &report);
    if (missing)
        call_refuse_for_now(c, missing);
    else
        put_report(&report, c->server->access.open, trusted, call_answer_json(c));
}

static void answer_trusted(struct call *c, const struct redisReply *const *replies)
{
    answer_ready(c, true);
}

void ready_answer(struct call *c)
{
    struct view_report report;
    view_read(&c->server->view, clock_mono_ms(), &report);
    int numbers = what_is_missing(c->server, &report) ? 0 : access_numbers(c);
    if (numbers < 0)
        call_ask(c, 0, answer_trusted);
    else
        answer_ready(c, numbers > 0);
}

static void gather(struct server *s)
{
    struct view_report report;
    view_read(&s->view, clock_mono_ms(), &report);
    metric_set(&counters.connections, (int64_t)http_connections(s->http));
    metric_set(&counters.online_users, report.online < 0 ? 0 : report.online);
    metric_set(&counters.epochs, (int64_t)report.epochs);
    metric_set(&counters.redis_up, questions_reached(s->questions));
    metric_set(&counters.breaker_state, questions_pass(s->questions) ? BREAKER_CLOSED : BREAKER_OPEN);
    metric_set(&counters.breaker_opened, (int64_t)questions_opened(s->questions));
    metric_set(&counters.log_dropped, (int64_t)log_dropped());
    metric_set(&counters.build_info, 1);
}

void metrics_answer(struct call *c)
{
    gather(c->server);
    c->answer->status = 200;
    http_answer_header(c->answer, "Content-Type", SPAN("text/plain; version=0.0.4; charset=utf-8"));
    counters_write(&c->answer->body);
}

int health_serve(void *arg, struct span path, bool near, struct bytes *body, const char **content_type)
{
    if (span_equal(path, SPAN("/metrics"))) {
        *content_type = "text/plain; version=0.0.4; charset=utf-8";
        gather(arg);
        counters_write(body);
        return 200;
    }
    *content_type = "application/json";
    if (span_equal(path, SPAN("/readyz"))) {
        status_write_error("draining", body);
        return 503;
    }
    bytes_append_text(body, "{\"success\":true}");
    return 200;
}

void health_refused(void *arg, int status, enum gate_reason reason, const char *peer)
{
    counters_answered(ROUTE_NONE, status, 0);
}
