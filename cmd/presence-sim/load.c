#include "load.h"

#include "base/clock.h"
#include "base/mem.h"
#include "commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define STEP_MS      1
#define DURATION_MS  10000
#define DRAIN_MS     2000
#define DRAIN_MAX_MS 10000
#define SECOND_US    1000000

static void cpu_times(int64_t *user_us, int64_t *system_us)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    *user_us = usage.ru_utime.tv_sec * SECOND_US + usage.ru_utime.tv_usec;
    *system_us = usage.ru_stime.tv_sec * SECOND_US + usage.ru_stime.tv_usec;
}

static int64_t duration_ms(const struct load *l)
{
    return l->sim.options->duration_ms ? l->sim.options->duration_ms : DURATION_MS;
}

static void enter(struct load *l, enum load_phase phase)
{
    l->phase = phase;
    l->phase_since_ms = sim_now(&l->sim);
    l->started = 0;
}

static int64_t in_phase_ms(const struct load *l)
{
    return sim_now(&l->sim) - l->phase_since_ms;
}

/* Starts what the connect rate allows by now; true when all are started. */
static bool start_some(struct load *l, size_t count, void (*start)(struct load *l, size_t index))
{
    int64_t due = in_phase_ms(l) * l->sim.options->connect_rate / 1000 + 1;

    for (; l->started < count && (int64_t)l->started < due; l->started++)
        start(l, l->started);
    return l->started == count;
}

static void start_phone(struct load *l, size_t index)
{
    phone_connect(l->phones[index]);
}

/* Every second changer is there at the start, so that comings and goings balance. */
static void start_changer(struct load *l, size_t index)
{
    if (index % 2)
        phone_connect(l->changers[index].phone);
}

static void start_dashboard(struct load *l, size_t index)
{
    dashboard_connect(l->watchers.items[index]);
}

/* Who has not come by then is not waited for: the report tells how many there are. */
static bool overdue(const struct load *l, size_t count)
{
    const struct options *o = l->sim.options;

    return in_phase_ms(l) > (int64_t)count * 1000 / o->connect_rate + 2 * o->connect_timeout_ms;
}

static bool phones_settled(const struct load *l)
{
    for (size_t i = 0; i < l->phone_count; i++)
        if (l->phones[i]->state != PHONE_OPEN)
            return overdue(l, l->phone_count);
    return true;
}

static bool changers_settled(const struct load *l)
{
    for (size_t i = 1; i < l->changer_count; i += 2)
        if (l->changers[i].phone->state != PHONE_OPEN)
            return overdue(l, l->changer_count);
    return true;
}

static bool dashboards_settled(const struct load *l)
{
    return watchers_ready(&l->watchers) == l->watchers.count || overdue(l, l->watchers.count);
}

/* When the nth of `rate` a second is due; the last one lies before the end of the measurement. */
static bool is_due(const struct load *l, uint64_t n, int64_t rate, int64_t now_us, int64_t *ret_intended_us)
{
    int64_t since_us = (int64_t)n * SECOND_US / rate;

    *ret_intended_us = l->m.since_us + since_us;
    return since_us < duration_ms(l) * 1000 && *ret_intended_us <= now_us;
}

/* Beats whose intended time has come. Each phone beats in its turn. */
static void beat_some(struct load *l, int64_t now_us)
{
    int64_t rate = l->phone_count ? l->sim.options->rate : 0, intended;

    for (; rate && is_due(l, l->m.beats_due, rate, now_us, &intended); l->m.beats_due++) {
        if (phone_beat(l->phones[l->m.beats_due % l->phone_count]))
            l->m.beats_failed++;
        else
            l->m.beats_sent++;
        latency_add(&l->m.lag, clock_mono_us() - intended);
    }
}

static void change(struct load *l, struct changer *c, int64_t intended_us)
{
    if (c->phone->state != PHONE_OFF && c->phone->state != PHONE_OPEN) {
        l->m.changes_skipped++;
        return;
    }
    c->intended_us = intended_us;
    c->online = c->phone->state == PHONE_OFF;
    if (c->online)
        phone_connect(c->phone);
    else
        phone_close(c->phone);
    l->m.changes_done++;
    l->m.expected += watchers_ready(&l->watchers);
}

static void change_some(struct load *l, int64_t now_us)
{
    int64_t rate = l->changer_count ? l->sim.options->changes : 0, intended;

    for (; rate && is_due(l, l->m.changes_due, rate, now_us, &intended); l->m.changes_due++) {
        change(l, &l->changers[l->m.changes_due % l->changer_count], intended);
        latency_add(&l->m.lag, clock_mono_us() - intended);
    }
}

static void begin_measure(struct load *l)
{
    const struct counters *c = &l->sim.counters;

    memset(&l->m, 0, sizeof(l->m));
    accounts_measure_begin(&l->accounts);
    l->m.lost_before = c->lost + c->closed_by_server + c->broken;
    cpu_times(&l->m.cpu_user_us, &l->m.cpu_system_us);
    l->m.since_us = clock_mono_us();
    enter(l, LOAD_MEASURE);
}

static void end_measure(struct load *l)
{
    int64_t user, system;

    cpu_times(&user, &system);
    l->m.cpu_user_us = user - l->m.cpu_user_us;
    l->m.cpu_system_us = system - l->m.cpu_system_us;
    l->m.took_us = clock_mono_us() - l->m.since_us;
    accounts_measure_end(&l->accounts);
    l->measurements--;
    enter(l, LOAD_DRAIN);
}

static int verdict(const struct load *l)
{
    const struct counters *c = &l->sim.counters;
    uint64_t lost = c->lost + c->closed_by_server + c->broken - l->m.lost_before;

    if (!c->opened)
        return EXIT_UNREACHABLE;
    return lost || l->m.delivered < l->m.expected || sim_fault_count(&l->sim) ? EXIT_NO : EXIT_YES;
}

static void print(const struct load *l)
{
    bytes_auto out = BYTES_INIT;

    load_report(l, &out);
    progress_clear(&l->progress);
    fwrite(out.data, 1, out.len, stdout);
    fflush(stdout);
}

/* What comes late is waited for; at the end also what should not come at all. */
static void drain(struct load *l)
{
    int64_t least_ms = l->measurements > 0 ? 0 : DRAIN_MS;
    bool complete = l->m.delivered >= l->m.expected && in_phase_ms(l) >= least_ms;

    if (!complete && in_phase_ms(l) < DRAIN_MAX_MS)
        return;
    print(l);
    if (verdict(l) != EXIT_YES)
        l->verdict = verdict(l);
    if (l->measurements > 0)
        begin_measure(l);
    else
        sim_end(&l->sim, l->verdict);
}

static void measure(struct load *l)
{
    int64_t now_us = clock_mono_us();

    beat_some(l, now_us);
    change_some(l, now_us);
    if (in_phase_ms(l) >= duration_ms(l))
        end_measure(l);
}

static bool connecting_failed(const struct load *l)
{
    return in_phase_ms(l) > l->sim.options->connect_timeout_ms && !l->sim.counters.opened;
}

static void step(struct load *l)
{
    switch (l->phase) {
    case LOAD_PHONES:
        if (connecting_failed(l))
            sim_end(&l->sim, EXIT_UNREACHABLE);
        if (start_some(l, l->phone_count, start_phone) && phones_settled(l)) {
            l->connect_ms = in_phase_ms(l);
            accounts_connected(&l->accounts);
            enter(l, LOAD_CHANGERS);
        }
        break;
    case LOAD_CHANGERS:
        if (start_some(l, l->changer_count, start_changer) && changers_settled(l))
            enter(l, LOAD_DASHBOARDS);
        break;
    case LOAD_DASHBOARDS:
        if (start_some(l, l->watchers.count, start_dashboard) && dashboards_settled(l))
            enter(l, LOAD_WARMUP);
        break;
    case LOAD_WARMUP:
        if (in_phase_ms(l) >= l->sim.options->warmup_ms)
            begin_measure(l);
        break;
    case LOAD_MEASURE: measure(l); break;
    case LOAD_DRAIN: drain(l);
    }
}

static void on_step(struct wheel_timer *timer, int64_t now_ms)
{
    struct load *l = list_entry(timer, struct load, step);

    step(l);
    sim_start(&l->sim, &l->step, STEP_MS);
}

/* Ends the measurement early, with its report; before it there is nothing to report. */
static void on_interrupted(void *arg)
{
    struct load *l = arg;

    l->measurements = 1;
    if (l->phase == LOAD_MEASURE)
        end_measure(l);
    else
        sim_end(&l->sim, EXIT_NO);
}

static struct phone *make_phone(struct load *l, const char *kind, size_t index)
{
    char name[256];

    snprintf(name, sizeof(name), "%.100s%s%zu", l->sim.options->prefix, kind, index + 1);
    const struct phone_config config = {.name = name,
                                        .user = name,
                                        .servers = l->sim.servers,
                                        .server_count = l->sim.server_count,
                                        .beat_ms = -1,
                                        .reconnect = true,
                                        .encoding = (enum sim_encoding)l->sim.options->encoding,
                                        .seed = l->sim.seed + index};
    struct phone *phone = phone_create(&l->sim, &config);

    phone->server = index % l->sim.server_count;
    return phone;
}

static void make(struct load *l)
{
    const struct options *o = l->sim.options;
    const struct dashboard_config config = {
        .encoding = (enum sim_encoding)o->encoding, .batch = o->batch, .raw = load_raw, .arg = l};

    l->phone_count = (size_t)o->phones;
    l->phones = mem_array(l->phone_count + 1, sizeof(*l->phones));
    for (size_t i = 0; i < l->phone_count; i++)
        l->phones[i] = make_phone(l, "p", i);
    l->changer_count = (size_t)(o->changers || !o->changes ? o->changers : o->changes * 2);
    l->changers = mem_array(l->changer_count + 1, sizeof(*l->changers));
    for (size_t i = 0; i < l->changer_count; i++)
        l->changers[i] = (struct changer){.phone = make_phone(l, "c", i)};
    l->known = mem_zalloc(KNOWN_CHANGES * sizeof(*l->known));
    watchers_init(&l->watchers, &l->sim, (size_t)o->dashboards, "viewer", &config);
}

/* 0, or an exit code after a line on stderr. */
static int account(struct load *l)
{
    if (!accounts_parse(l->sim.options->account, &l->accounts))
        return 0;
    fprintf(stderr, "presence-sim: --account %s: numbers of processes of this machine, at most %d\n",
            l->sim.options->account, ACCOUNTS_MAX);
    return EXIT_USAGE;
}

static void start(struct load *l)
{
    l->measurements = l->sim.options->repeat;
    accounts_start(&l->accounts);
    l->sim.interrupted = on_interrupted;
    l->sim.arg = l;
    make(l);
    wheel_timer_init(&l->step, on_step);
    enter(l, LOAD_PHONES);
    sim_start(&l->sim, &l->step, STEP_MS);
    progress_start(&l->progress, &l->sim, load_line, l);
}

static void finish(struct load *l)
{
    for (size_t i = 0; i < l->phone_count; i++)
        phone_destroy(l->phones[i]);
    for (size_t i = 0; i < l->changer_count; i++)
        phone_destroy(l->changers[i].phone);
    watchers_finish(&l->watchers);
    free(l->phones);
    free(l->changers);
    free(l->known);
}

static void run(struct load *l)
{
    start(l);
    sim_run(&l->sim);
    progress_stop(&l->progress);
    if (l->sim.exit_code == EXIT_UNREACHABLE)
        fprintf(stderr, "presence-sim: no connection to %s\n", l->sim.options->servers);
    finish(l);
}

int command_load(const struct options *options)
{
    struct load *l = mem_zalloc(sizeof(*l));
    int code = sim_init(&l->sim, options, "load");

    if (!code) {
        code = account(l);
        if (!code)
            run(l);
        else
            l->sim.exit_code = code;
        code = sim_finish(&l->sim);
    }
    free(l);
    return code;
}
