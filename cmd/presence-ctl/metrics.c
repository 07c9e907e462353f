/* metrics: the guide's names ("Monitoring Metrics"), over all daemons. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/metric_text.h"
#include "base/plain.h"
#include "daemons.h"
#include "show.h"
#include "store/keys.h"
#include "store/resp.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TIMEOUT_MS 2000

struct totals {
    int64_t online;
    double heartbeats, expired, requests;
    double latency_sum, latency_count, latency_half, latency_most; /* seconds; half and most: -1 without */
};

static int count_online(struct ctl *c, int64_t *ret)
{
    bytes_auto command = BYTES_INIT, name = BYTES_INIT;
    struct redisReply *reply;

    keys_name(c->store.prefix, KEY_DUE, &name);
    resp_command(&command, "ZCARD", bytes_text(&name), NULL);
    int code = ctl_ask_one(c, bytes_span(&command), &reply);
    if (code != 0)
        return code;
    *ret = reply_integer(reply, 0);
    reply_free(reply);
    return 0;
}

/* Since each daemon started. */
static struct totals add_up(const struct daemons *d)
{
    bytes_auto all = BYTES_INIT;
    struct totals t = {0};
    bool found;

    for (size_t i = 0; i < d->count; i++) {
        if (d->items[i].status != 200)
            continue;
        bytes_append_span(&all, bytes_span(&d->items[i].body));
        bytes_append_char(&all, '\n');
    }
    struct span text = bytes_span(&all);
    t.heartbeats = metric_text_sum(text, "presence_heartbeat_received_total", NULL, NULL, &found);
    t.expired = metric_text_sum(text, "presence_ttl_expired_total", NULL, NULL, &found);
    t.requests = metric_text_sum(text, "presence_api_requests_total", "route", "status", &found);
    t.latency_sum = metric_text_sum(text, "presence_update_latency_seconds_sum", NULL, NULL, &found);
    t.latency_count = metric_text_sum(text, "presence_update_latency_seconds_count", NULL, NULL, &found);
    t.latency_half = metric_text_quantile(text, "presence_update_latency_seconds", 0.5);
    t.latency_most = metric_text_quantile(text, "presence_update_latency_seconds", 0.99);
    return t;
}

static void json_seconds(struct json_line *line, const char *name, double seconds)
{
    json_name(line, name);
    if (seconds < 0 || !isfinite(seconds))
        bytes_append_text(line->out, "null");
    else
        bytes_printf(line->out, "%.6g", seconds);
}

static void json_metric(struct bytes *out, const char *name, double value, const char *unit)
{
    struct json_line line = json_begin(out);

    json_text(&line, "name", span_of(name));
    json_seconds(&line, "value", value);
    json_text(&line, "unit", span_of(unit));
    json_end(&line);
}

static double mean(const struct totals *t)
{
    return t->latency_count > 0 ? t->latency_sum / t->latency_count : -1;
}

static void show_json(const struct totals *t, double rate, struct bytes *out)
{
    struct json_line line;

    json_metric(out, "presence.online.total", (double)t->online, "users");
    line = json_begin(out);
    json_text(&line, "name", SPAN("presence.heartbeat.received"));
    json_seconds(&line, "value", rate);
    json_text(&line, "unit", SPAN("per second"));
    json_seconds(&line, "total", t->heartbeats);
    json_end(&line);
    json_metric(out, "presence.ttl.expired", t->expired, "users");
    line = json_begin(out);
    json_text(&line, "name", SPAN("presence.update.latency"));
    json_seconds(&line, "value", mean(t));
    json_text(&line, "unit", SPAN("seconds"));
    json_seconds(&line, "p50", t->latency_half);
    json_seconds(&line, "p99", t->latency_most);
    json_seconds(&line, "count", t->latency_count);
    json_end(&line);
    json_metric(out, "presence.api.requests", t->requests, "requests");
}

static void append_bound(struct bytes *out, const char *name, double seconds)
{
    if (isfinite(seconds))
        bytes_printf(out, ", %s up to %.6g ms", name, seconds * 1000);
    else
        bytes_printf(out, ", %s over the highest bound", name);
}

static void append_latency(const struct totals *t, struct bytes *out)
{
    if (t->latency_count <= 0) {
        bytes_append_text(out, "no updates yet");
        return;
    }
    bytes_printf(out, "mean %.3g ms", mean(t) * 1000);
    append_bound(out, "half", t->latency_half);
    append_bound(out, "99%", t->latency_most);
    bytes_printf(out, " (%.0f updates)", t->latency_count);
}

static void show_table(struct ctl *c, const struct totals *t, double rate, struct bytes *out)
{
    static const char *const headings[] = {"METRIC", "VALUE", NULL};
    bytes_auto latency = BYTES_INIT;
    struct table table;

    append_latency(t, &latency);
    table_init(&table, headings);
    table_text(&table, TINT_NONE, "presence.online.total");
    table_text(&table, TINT_NONE, "%lld", (long long)t->online);
    table_text(&table, TINT_NONE, "presence.heartbeat.received");
    table_text(&table, TINT_NONE, "%.3g per second (%.0f in all)", rate, t->heartbeats);
    table_text(&table, TINT_NONE, "presence.ttl.expired");
    table_text(&table, TINT_NONE, "%.0f", t->expired);
    table_text(&table, TINT_NONE, "presence.update.latency");
    table_cell(&table, TINT_NONE, bytes_span(&latency));
    table_text(&table, TINT_NONE, "presence.api.requests");
    table_text(&table, TINT_NONE, "%.0f", t->requests);
    table_write(&table, c->colour, out);
    table_finish(&table);
}

/* A daemon that started again meanwhile counts from zero. */
static double rate_of(double before, double after, int64_t ms)
{
    double beats = after >= before ? after - before : after;

    return ms > 0 ? beats * 1000 / (double)ms : 0;
}

static int judge(struct ctl *c, const struct daemons *d, size_t answered)
{
    for (size_t i = 0; i < d->count; i++)
        if (d->items[i].status != 200 && d->items[i].status != 0)
            return ctl_fail(c, EXIT_UNREACHABLE, "%s answers %d; the numbers lack its part",
                            d->items[i].address, d->items[i].status);
        else if (d->items[i].status == 0)
            return ctl_fail(c, EXIT_UNREACHABLE, "%s; the numbers lack its part (see --address)",
                            d->items[i].error);
    if (d->count == 0)
        return ctl_fail(c, EXIT_UNREACHABLE, "no daemon is alive: only presence.online.total is known");
    return EXIT_YES;
}

static int measure(struct ctl *c, struct daemons *d)
{
    struct timespec pause = {c->config.interval_ms / 1000, c->config.interval_ms % 1000 * 1000000};
    bytes_auto out = BYTES_INIT;
    int64_t online;

    daemons_ask(d, "/metrics", TIMEOUT_MS);
    int64_t began_ms = clock_mono_ms();
    double before = add_up(d).heartbeats;
    if (d->count > 0)
        nanosleep(&pause, NULL);
    size_t answered = daemons_ask(d, "/metrics", TIMEOUT_MS);
    int64_t took_ms = clock_mono_ms() - began_ms;
    int code = count_online(c, &online);
    if (code != 0)
        return code;
    struct totals t = add_up(d);
    t.online = online;
    double rate = rate_of(before, t.heartbeats, took_ms);
    if (c->config.json)
        show_json(&t, rate, &out);
    else
        show_table(c, &t, rate, &out);
    show_out(&out);
    return judge(c, d, answered);
}

int command_metrics(struct ctl *c, char **args, size_t count)
{
    struct daemons daemons;
    struct nodes nodes;

    int code = nodes_load(c, &nodes);
    if (code != 0)
        return code;
    daemons_init(&daemons, &c->config, &nodes);
    code = measure(c, &daemons);
    daemons_finish(&daemons);
    nodes_finish(&nodes);
    return code;
}
