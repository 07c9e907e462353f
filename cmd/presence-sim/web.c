/* SPDX-License-Identifier: MIT */
/* presence-sim web: dashboards that print what they are told.
 *
 *     12:00:01.123 dashboard1 snapshot 2 online: alice bob (rev 41)
 *     12:00:04.500 dashboard1 alice offline, expired (rev 42)
 *
 *     12:00:09.000 dashboard1 store lost
 *
 * With --json one object a line:
 * {"t":…,"dashboard":"dashboard1","type":"snapshot","rev":41,"users":[{"userId":…}]}; a hello's has "store"
 * and "storeSince" besides. */
#include "base/utf8.h"
#include "commands.h"
#include "progress.h"
#include "watchers.h"

#include <stdio.h>
#include <time.h>

#define NAMES_SHOWN 20

struct web {
    struct sim sim;
    struct watchers watchers;
    struct wheel_timer begin, over;
};

static void append_clock(struct bytes *out)
{
    int64_t now = sim_wall();
    time_t seconds = (time_t)(now / 1000);
    struct tm tm;
    localtime_r(&seconds, &tm);
    bytes_printf(out, "%02d:%02d:%02d.%03d", tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(now % 1000));
}

/* A valid user id is plain, but this one comes from the wire: what a terminal might obey is shown as
 * '?'. */
static void append_plain(struct bytes *out, struct span text)
{
    if (utf8_valid_plain(text))
        bytes_append_span(out, text);
    else
        bytes_append_char(out, '?');
}

static void print_snapshot(const struct dashboard *d, const struct client_message *m, struct bytes *out)
{
    append_clock(out);
    bytes_printf(out, " %s snapshot %zu online", d->config.name, d->view_checker.online);
    for (size_t i = 0; i < m->state_count && i < NAMES_SHOWN; i++) {
        bytes_append_text(out, i ? " " : ": ");
        append_plain(out, m->states[i].user);
        if (!m->states[i].online)
            bytes_append_text(out, "(offline)");
    }
    bytes_printf(out, "%s (rev %llu)\n", m->state_count > NAMES_SHOWN ? " …" : "",
                 (unsigned long long)m->rev);
}

static void print_change(const struct dashboard *d, const struct client_state *s, struct bytes *out)
{
    append_clock(out);
    bytes_printf(out, " %s ", d->config.name);
    append_plain(out, s->user);
    bytes_append_text(out, s->online ? " online" : " offline");
    if (s->reason.len) {
        bytes_append_text(out, ", ");
        append_plain(out, s->reason);
    }
    if (s->device.len) {
        bytes_append_text(out, ", ");
        append_plain(out, s->device);
    }
    bytes_printf(out, " (rev %llu)\n", (unsigned long long)s->rev);
}

/* The first HELLO is no news, unless the store is lost. */
static void print_hello(const struct dashboard *d, struct bytes *out)
{
    if (!d->store_turned)
        return;
    append_clock(out);
    bytes_printf(out, " %s store %s\n", d->config.name, d->store_lost ? "lost" : "back");
}

static void append_state(const struct client_state *s, struct bytes *out)
{
    bytes_append_text(out, "{\"userId\":");
    bytes_append_json(out, s->user);
    bytes_printf(out, ",\"status\":\"%s\",\"timestamp\":%lld,\"lastSeen\":%lld,\"rev\":%llu,\"deviceId\":",
                 s->online ? "online" : "offline", (long long)s->timestamp_ms, (long long)s->last_seen_ms,
                 (unsigned long long)s->rev);
    bytes_append_json(out, s->device);
    if (s->reason.len) {
        bytes_append_text(out, ",\"reason\":");
        bytes_append_json(out, s->reason);
    }
    bytes_append_char(out, '}');
}

static const char *type_name(int64_t type)
{
    switch (type) {
    case MESSAGE_SNAPSHOT: return "snapshot";
    case MESSAGE_BATCH: return "batch";
    case MESSAGE_HELLO: return "hello";
    default: return "update";
    }
}

static void print_json(const struct dashboard *d, const struct client_message *m, struct bytes *out)
{
    bytes_printf(out, "{\"t\":%lld,\"dashboard\":", (long long)sim_wall());
    bytes_append_json(out, span_of(d->config.name));
    bytes_printf(out, ",\"type\":\"%s\",\"rev\":%llu,\"users\":[", type_name(m->type),
                 (unsigned long long)m->rev);
    for (size_t i = 0; i < m->state_count; i++) {
        if (i)
            bytes_append_char(out, ',');
        append_state(&m->states[i], out);
    }
    bytes_append_char(out, ']');
    if (m->answers_since)
        bytes_printf(out, ",\"resumed\":%s", m->resumed ? "true" : "false");
    if (m->refusal.len) {
        bytes_append_text(out, ",\"reason\":");
        bytes_append_json(out, m->refusal);
    }
    if (m->store.len) {
        bytes_append_text(out, ",\"store\":");
        bytes_append_json(out, m->store);
        bytes_printf(out, ",\"storeSince\":%lld", (long long)m->store_since_ms);
    }
    bytes_append_text(out, "}\n");
}

static void print_resumed(const struct dashboard *d, const struct client_message *m, struct bytes *out)
{
    append_clock(out);
    bytes_printf(out, " %s resumed, %zu online (rev %llu)\n", d->config.name, d->view_checker.online,
                 (unsigned long long)m->rev);
}

static void on_told(void *arg, struct dashboard *d, const struct client_message *m)
{
    bytes_auto out = BYTES_INIT;
    if (d->sim->options->json)
        print_json(d, m, &out);
    else if (m->type == MESSAGE_SNAPSHOT)
        print_snapshot(d, m, &out);
    else if (m->type == MESSAGE_HELLO)
        print_hello(d, &out);
    else if (m->resumed)
        print_resumed(d, m, &out);
    else
        for (size_t i = 0; i < m->state_count; i++)
            print_change(d, &m->states[i], &out);
    if (!out.len)
        return; /* nothing that is shown */
    fwrite(out.data, 1, out.len, stdout);
    fflush(stdout);
}

static void on_changed(void *arg, struct dashboard *d)
{
    struct web *w = arg;
    if (d->state == DASHBOARD_OFF && d->has_ended)
        fprintf(stderr, "presence-sim: %s: connection %s, %d\n", d->config.name,
                d->end == WS_END_REFUSED       ? "refused"
                : d->end == WS_END_CLOSED      ? "closed"
                : d->end == WS_END_UNREACHABLE ? "failed"
                                               : "lost",
                d->end_code);
    if (d->stopped && !w->sim.counters.opened)
        sim_end(&w->sim, EXIT_UNREACHABLE);
}

static void on_over(struct wheel_timer *timer, int64_t now_ms)
{
    sim_end(&list_entry(timer, struct web, over)->sim, EXIT_YES);
}

static void on_begin(struct wheel_timer *timer, int64_t now_ms)
{
    struct web *w = list_entry(timer, struct web, begin);
    if (!w->sim.counters.opened)
        sim_end(&w->sim, EXIT_UNREACHABLE);
}

static void on_interrupted(void *arg)
{
    sim_end(&((struct web *)arg)->sim, EXIT_YES);
}

static void start(struct web *w)
{
    const struct options *o = w->sim.options;
    const struct dashboard_config config = {.groups = o->groups,
                                            .watch_groups = o->watch_groups,
                                            .watch_users = o->watch_users,
                                            .encoding = (enum sim_encoding)o->encoding,
                                            .batch = o->batch,
                                            .resume = true,
                                            .told = on_told,
                                            .changed = on_changed,
                                            .arg = w};
    w->sim.hooks.interrupted = on_interrupted;
    w->sim.hooks.arg = w;
    wheel_timer_init(&w->begin, on_begin);
    wheel_timer_init(&w->over, on_over);
    sim_start(&w->sim, &w->begin, o->connect_timeout_ms);
    if (o->duration_ms)
        sim_start(&w->sim, &w->over, o->duration_ms);
    watchers_init(&w->watchers, &w->sim, o->dashboards ? (size_t)o->dashboards : 1, o->viewer, &config);
    watchers_connect(&w->watchers);
}

int command_web(const struct options *options)
{
    struct web w = {0};
    int code = sim_init(&w.sim, options, "web");
    if (code)
        return code;
    start(&w);
    sim_run(&w.sim);
    watchers_finish(&w.watchers);
    return sim_finish(&w.sim);
}
