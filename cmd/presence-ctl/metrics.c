/* SPDX-License-Identifier: MIT */
/* metrics: the guide's names ("Monitoring Metrics"), over all daemons. */
#include "base/clock.h"
#include "daemons.h"
#include "metric_text.h"
#include "show.h"

#include <math.h>
#include <time.h>

#define TIMEOUT_MS 2000

struct options {
    int64_t interval_ms; /* between two samples */
};
CONFIG_OPTIONS_FIT(struct options);

struct totals {
    int64_t online;
    double heartbeats, expired, requests;
    double latency_sum, latency_count, latency_half, latency_most; /* seconds; half and most: -1 without */
};

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

static double mean(const struct totals *t)
{
    return t->latency_count > 0 ? t->latency_sum / t->latency_count : -1;
}

static void show_json(const struct totals *t, double rate, struct bytes *out)
{
    show_line(out, SHOW_TEXT("name", SPAN("presence.online.total")), SHOW_REAL("value", (double)t->online),
              SHOW_TEXT("unit", SPAN("users")));
    show_line(out, SHOW_TEXT("name", SPAN("presence.heartbeat.received")), SHOW_REAL("value", rate),
              SHOW_TEXT("unit", SPAN("per second")), SHOW_REAL("total", t->heartbeats));
    show_line(out, SHOW_TEXT("name", SPAN("presence.ttl.expired")), SHOW_REAL("value", t->expired),
              SHOW_TEXT("unit", SPAN("users")));
    show_line(out, SHOW_TEXT("name", SPAN("presence.update.latency")), SHOW_REAL("value", mean(t)),
              SHOW_TEXT("unit", SPAN("seconds")), SHOW_REAL("p50", t->latency_half),
              SHOW_REAL("p99", t->latency_most), SHOW_REAL("count", t->latency_count));
    show_line(out, SHOW_TEXT("name", SPAN("presence.api.requests")), SHOW_REAL("value", t->requests),
              SHOW_TEXT("unit", SPAN("requests")));
}

static void append_bound(struct bytes *out, const char *name, double seconds)
{
    if (isfinite(seconds))
        bytes_printf(out, ", %s up to %.6g ms", name, seconds * 1000);
    else
        bytes_printf(out, ", %s over the highest bound", name);
}

static void show_table(struct ctl *c, const struct totals *t, double rate, struct bytes *out)
{
    static const char *const headings[] = {"METRIC", "VALUE", NULL};
    bytes_auto latency = BYTES_INIT;
    struct table table;
    if (t->latency_count > 0) {
        bytes_printf(&latency, "mean %.3g ms", mean(t) * 1000);
        append_bound(&latency, "half", t->latency_half);
        append_bound(&latency, "99%", t->latency_most);
        bytes_printf(&latency, " (%.0f updates)", t->latency_count);
    } else {
        bytes_append_text(&latency, "no updates yet");
    }
    show_table_init(&table, headings);
    show_table_text(&table, COLOR_NONE, "presence.online.total");
    show_table_text(&table, COLOR_NONE, "%lld", (long long)t->online);
    show_table_text(&table, COLOR_NONE, "presence.heartbeat.received");
    show_table_text(&table, COLOR_NONE, "%.3g per second (%.0f in all)", rate, t->heartbeats);
    show_table_text(&table, COLOR_NONE, "presence.ttl.expired");
    show_table_text(&table, COLOR_NONE, "%.0f", t->expired);
    show_table_text(&table, COLOR_NONE, "presence.update.latency");
    show_table_cell(&table, COLOR_NONE, bytes_span(&latency));
    show_table_text(&table, COLOR_NONE, "presence.api.requests");
    show_table_text(&table, COLOR_NONE, "%.0f", t->requests);
    show_table_write(&table, c->color, out);
    show_table_finish(&table);
}

/* What the numbers lack is a failure, though they are shown. */
static int check_answers(struct ctl *c, const struct daemons *d)
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
    int64_t interval_ms = ((const struct options *)(const void *)c->config.options)->interval_ms;
    struct timespec pause = {interval_ms / 1000, interval_ms % 1000 * 1000000};
    bytes_auto out = BYTES_INIT;
    int64_t online;
    daemons_ask(d, "/metrics", TIMEOUT_MS);
    int64_t began_ms = clock_mono_ms();
    double before = add_up(d).heartbeats;
    if (d->count > 0)
        nanosleep(&pause, NULL);
    daemons_ask(d, "/metrics", TIMEOUT_MS);
    int64_t took_ms = clock_mono_ms() - began_ms;
    int code = ctl_online(c, &online);
    if (code != 0)
        return code;
    struct totals t = add_up(d);
    t.online = online;
    /* A daemon that started again meanwhile counts from zero. */
    double heartbeats = t.heartbeats >= before ? t.heartbeats - before : t.heartbeats;
    double rate = took_ms > 0 ? heartbeats * 1000 / (double)took_ms : 0;
    if (c->config.json)
        show_json(&t, rate, &out);
    else
        show_table(c, &t, rate, &out);
    show_out(&out);
    return check_answers(c, d);
}

static int metrics(struct ctl *c, char **args, size_t count)
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

static const struct setting rows[] = {
    SETTING_DURATION("interval", "PRESENCE_CTL_INTERVAL", offsetof(struct options, interval_ms), "1s", 50,
                     3600000, "count over so long, for what is told per second", .letter = 'i'),
};
static const struct setting_table tables[] = {CONFIG_OPTIONS(rows, "Rate"), CONFIG_DAEMONS, CONFIG_PRESENCE};

const struct command command_metrics = {
    .info = {"metrics", "", "the guide's metrics, over all daemons", CONFIG_OF_COMMAND(tables)},
    .run = metrics,
};
