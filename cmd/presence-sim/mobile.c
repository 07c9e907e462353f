/* SPDX-License-Identifier: MIT */
/* presence-sim mobile: a crowd of phones, watched by dashboards on request, and at the end whether they
 * agree. */
#include "commands.h"
#include "crowd.h"
#include "progress.h"
#include "watchers.h"

#include <stdio.h>

#define LOOK_MS 50 /* how often agreement is tried while settling */
#define WATCHER "watcher"

struct mobile {
    struct sim sim;
    struct crowd crowd;
    struct watchers watchers;
    struct progress progress;
    struct wheel_timer begin, over, look;
    int64_t settle_from_ms, settle_until_ms, settled_in_ms;
    size_t agreeing;
    char why[200];
};

static void show_line(void *arg, struct bytes *out)
{
    struct mobile *m = arg;
    const struct counters *c = &m->sim.counters;
    bytes_printf(out, "phones %zu/%zu open, %llu connects, %llu beats", crowd_open(&m->crowd), m->crowd.count,
                 (unsigned long long)c->connects, (unsigned long long)c->beats);
    if (m->watchers.count)
        bytes_printf(out, "; dashboards %zu/%zu, %llu changes, %zu online", watchers_ready(&m->watchers),
                     m->watchers.count, (unsigned long long)watchers_changes(&m->watchers),
                     m->watchers.items[0]->view_checker.online);
    bytes_printf(out, "; faults %llu%s", (unsigned long long)sim_fault_count(&m->sim),
                 m->settle_until_ms ? "; settling" : "");
}

static int verdict(const struct mobile *m)
{
    if (!m->sim.counters.opened)
        return EXIT_UNREACHABLE;
    return sim_fault_count(&m->sim) || m->agreeing < m->watchers.count ? EXIT_NO : EXIT_YES;
}

static void on_look(struct wheel_timer *timer, int64_t now_ms)
{
    struct mobile *m = list_entry(timer, struct mobile, look);
    int64_t now = sim_now(&m->sim);
    watchers_sweep(&m->watchers);
    m->agreeing = watchers_agreeing(&m->watchers, m->why);
    if (m->agreeing < m->watchers.count && now < m->settle_until_ms) {
        sim_start(&m->sim, &m->look, LOOK_MS);
        return;
    }
    m->settled_in_ms = now - m->settle_from_ms;
    sim_end(&m->sim, verdict(m));
}

/* From here on nothing is done any more; views and phones must come to agree. */
static void settle(struct mobile *m)
{
    if (m->settle_until_ms)
        return;
    crowd_hold_still(&m->crowd);
    m->settle_from_ms = sim_now(&m->sim);
    m->settle_until_ms = m->settle_from_ms + m->sim.truth.rules.ttl_ms + m->sim.options->settle_ms;
    sim_stop(&m->sim, &m->over);
    sim_stop(&m->sim, &m->begin);
    sim_start(&m->sim, &m->look, m->watchers.count ? m->sim.options->delivery_ms : 0);
}

static void on_interrupted(void *arg)
{
    settle(arg);
}

static void on_over(struct wheel_timer *timer, int64_t now_ms)
{
    settle(list_entry(timer, struct mobile, over));
}

/* Nobody could connect at all: there is no point in going on. */
static void on_begin(struct wheel_timer *timer, int64_t now_ms)
{
    struct mobile *m = list_entry(timer, struct mobile, begin);
    if (!m->sim.counters.opened)
        sim_end(&m->sim, EXIT_UNREACHABLE);
}

static void print_faults(const struct sim *sim, struct bytes *out)
{
    if (!sim_fault_count(sim)) {
        bytes_append_text(out, "none");
        return;
    }
    for (int i = 0; i < FAULTS; i++)
        if (sim->counters.faults[i])
            bytes_printf(out, "%llu %s  ", (unsigned long long)sim->counters.faults[i],
                         view_checker_fault_name((enum fault)i));
}

static void print_text(const struct mobile *m, struct bytes *out)
{
    const struct counters *c = &m->sim.counters;
    bytes_printf(out, "phones      %zu users: %llu connects, %llu beats; seed %llu\n", m->crowd.count,
                 (unsigned long long)c->connects, (unsigned long long)c->beats,
                 (unsigned long long)m->sim.seed);
    bytes_printf(
        out, "they        %llu closed, %llu were killed, %llu reset, %llu fell silent, %llu roamed\n",
        (unsigned long long)c->left_close, (unsigned long long)c->left_drop,
        (unsigned long long)c->left_abort, (unsigned long long)c->fell_silent, (unsigned long long)c->roamed);
    bytes_printf(out, "servers     %llu refused, %llu closed, %llu lost, %llu unreachable, %llu timeouts\n",
                 (unsigned long long)c->refused, (unsigned long long)c->closed_by_server,
                 (unsigned long long)c->lost, (unsigned long long)c->unreachable,
                 (unsigned long long)c->timeouts);
    if (c->store_losses)
        bytes_printf(out, "store       lost, as clients were told %llu times\n",
                     (unsigned long long)c->store_losses);
    if (!m->watchers.count)
        return;
    bytes_printf(out, "dashboards  %zu: %llu snapshots, %llu changes told\n", m->watchers.count,
                 (unsigned long long)watchers_snapshots(&m->watchers),
                 (unsigned long long)watchers_changes(&m->watchers));
    bytes_append_text(out, "faults      ");
    print_faults(&m->sim, out);
    bytes_printf(out, "\nagreement   %zu of %zu dashboards show what the phones did", m->agreeing,
                 m->watchers.count);
    if (m->agreeing == m->watchers.count)
        bytes_printf(out, ", %lld ms after the end\n", (long long)m->settled_in_ms);
    else
        bytes_printf(out, "; %s\n", m->why);
}

static void print_json(const struct mobile *m, struct bytes *out)
{
    const struct counters *c = &m->sim.counters;
    bytes_printf(out,
                 "{\"users\":%zu,\"seed\":%llu,\"connects\":%llu,\"opened\":%llu,\"beats\":%llu,\"closed\":%"
                 "llu,\"killed\":%llu,"
                 "\"reset\":%llu,\"silent\":%llu,\"roamed\":%llu,",
                 m->crowd.count, (unsigned long long)m->sim.seed, (unsigned long long)c->connects,
                 (unsigned long long)c->opened, (unsigned long long)c->beats,
                 (unsigned long long)c->left_close, (unsigned long long)c->left_drop,
                 (unsigned long long)c->left_abort, (unsigned long long)c->fell_silent,
                 (unsigned long long)c->roamed);
    bytes_printf(
        out,
        "\"refused\":%llu,\"closedByServer\":%llu,\"lost\":%llu,\"unreachable\":%llu,\"timeouts\":%llu,"
        "\"storeLosses\":%llu,\"dashboards\":%zu,\"agreeing\":%zu,\"snapshots\":%llu,\"changes\":%llu,"
        "\"settledMs\":%lld,"
        "\"faults\":{",
        (unsigned long long)c->refused, (unsigned long long)c->closed_by_server, (unsigned long long)c->lost,
        (unsigned long long)c->unreachable, (unsigned long long)c->timeouts,
        (unsigned long long)c->store_losses, m->watchers.count, m->agreeing,
        (unsigned long long)watchers_snapshots(&m->watchers),
        (unsigned long long)watchers_changes(&m->watchers), (long long)m->settled_in_ms);
    for (int i = 0; i < FAULTS; i++)
        bytes_printf(out, "%s\"%s\":%llu", i ? "," : "", view_checker_fault_name((enum fault)i),
                     (unsigned long long)c->faults[i]);
    bytes_append_text(out, "}}\n");
}

static void print_summary(const struct mobile *m)
{
    bytes_auto out = BYTES_INIT;
    if (m->sim.exit_code == EXIT_UNREACHABLE) {
        fprintf(stderr, "presence-sim: no connection to %s: %llu refused, %llu unreachable\n",
                m->sim.options->servers, (unsigned long long)m->sim.counters.refused,
                (unsigned long long)m->sim.counters.unreachable);
        return;
    }
    if (m->sim.options->json)
        print_json(m, &out);
    else
        print_text(m, &out);
    fwrite(out.data, 1, out.len, stdout);
    fflush(stdout);
}

static void start(struct mobile *m)
{
    const struct options *o = m->sim.options;
    const struct dashboard_config config = {.encoding = (enum sim_encoding)o->encoding, .batch = o->batch};
    m->sim.hooks.interrupted = on_interrupted;
    m->sim.hooks.arg = m;
    wheel_timer_init(&m->begin, on_begin);
    wheel_timer_init(&m->over, on_over);
    wheel_timer_init(&m->look, on_look);
    crowd_init(&m->crowd, &m->sim);
    watchers_init(&m->watchers, &m->sim, (size_t)o->dashboards, WATCHER, &config);
    watchers_connect(&m->watchers);
    crowd_start(&m->crowd);
    progress_start(&m->progress, &m->sim, show_line, m);
    sim_start(&m->sim, &m->begin, o->connect_timeout_ms);
    if (o->duration_ms)
        sim_start(&m->sim, &m->over, o->duration_ms);
}

int command_mobile(const struct options *options)
{
    struct mobile m = {0};
    int code = sim_init(&m.sim, options, "mobile");
    if (code)
        return code;
    start(&m);
    sim_run(&m.sim);
    progress_stop(&m.progress);
    print_summary(&m);
    crowd_finish(&m.crowd);
    watchers_finish(&m.watchers);
    return sim_finish(&m.sim);
}
