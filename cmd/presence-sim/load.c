/* SPDX-License-Identifier: MIT */
/* presence-sim load: open loop. Beats and changes have intended times, fixed beforehand; what comes late is
 * counted from those, so that a server that stalls is not asked less (giltene/wrk2's point).
 *
 * Phones first, then half of the changers, then the dashboards, so that the way there is cheap; then it
 * measures. The first dashboard is judged by a view checker; the others' updates are only looked up by their
 * revision. */
#include "account.h"
#include "base/clock.h"
#include "base/mem.h"
#include "client.h"
#include "commands.h"
#include "latency.h"
#include "phone.h"
#include "progress.h"
#include "router.h"
#include "talk.h"
#include "watchers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define STEP_MS      1
#define DURATION_MS  10000
#define DRAIN_MS     2000
#define DRAIN_MAX_MS 10000
#define SECOND_US    1000000

enum load_phase {
    LOAD_PHONES,
    LOAD_CHANGERS,
    LOAD_DASHBOARDS,
    LOAD_WARMUP,
    LOAD_MEASURE,
    LOAD_DRAIN,
};

struct changer {
    struct phone *phone;
    int64_t intended_us; /* of its last change, monotonic; 0: none while measuring */
    bool online;         /* what that change makes it */
};

/* What is known of a revision, so that the second dashboard told of it need not parse. */
struct known_change {
    uint64_t rev;
    int64_t timestamp_ms;
    int64_t intended_us;
};

#define KNOWN_CHANGES 65536

struct measurement {
    int64_t since_us, took_us;       /* took_us 0: not over */
    uint64_t beats_due, changes_due; /* how many intended times have passed */
    uint64_t beats_sent, beats_failed, changes_done, changes_skipped;
    uint64_t delivered, expected;
    uint64_t frames_due, frames_sent, frames_failed, frames_expected;
    uint64_t lost_before;
    int64_t cpu_user_us, cpu_system_us; /* of this program */
    struct latency lag;                 /* of this program itself: sent, after the intended time */
    struct latency from_server;         /* received, after the server's timestamp */
    struct latency from_intended;
    struct latency audio; /* a frame heard, after it was meant to leave */
};

struct load {
    struct sim sim;
    enum load_phase phase;
    struct phone **phones;
    size_t phone_count, started;
    struct changer *changers;
    size_t changer_count;
    struct router *router; /* NULL: others have one, or there is none */
    struct talk **talks;
    size_t talk_count;
    struct watchers watchers;
    struct known_change *known;
    struct progress progress;
    struct wheel_timer step;
    struct accounts accounts;
    int64_t phase_since_ms;
    int64_t connect_ms;   /* how long the phones took */
    int64_t measurements; /* that are not over */
    int verdict;
    struct measurement m;
};

/* The changer of that user id: PREFIXcN. */
static const struct changer *changer_of(const struct load *l, struct span user)
{
    size_t len = strlen(l->sim.options->prefix);
    uint64_t number;
    if (user.len < len + 2 || memcmp(user.data, l->sim.options->prefix, len) || user.data[len] != 'c')
        return NULL;
    struct span digits = {user.data + len + 1, user.len - len - 1};
    if (span_to_u64(digits, l->changer_count, &number) || !number)
        return NULL;
    return &l->changers[number - 1];
}

static void count_delivered(struct load *l, int64_t timestamp_ms, int64_t intended_us)
{
    if (!intended_us)
        return;
    l->m.delivered++;
    if (timestamp_ms)
        latency_add(&l->m.from_server, (sim_server_time(&l->sim) - timestamp_ms) * 1000);
    latency_add(&l->m.from_intended, clock_mono_us() - intended_us);
}

static void count_state(struct load *l, const struct client_state *s)
{
    const struct changer *c = changer_of(l, s->user);
    int64_t intended = c && c->online == s->online ? c->intended_us : 0;
    if (s->rev)
        l->known[s->rev % KNOWN_CHANGES] = (struct known_change){s->rev, s->timestamp_ms, intended};
    count_delivered(l, s->timestamp_ms, intended);
}

static void count_message(struct load *l, enum encoding encoding, struct span data)
{
    struct client_message m;
    if (client_read(encoding, data, &m))
        return;
    for (size_t i = 0; m.type != MESSAGE_SNAPSHOT && i < m.state_count; i++)
        count_state(l, &m.states[i]);
    client_message_finish(&m);
}

/* A dashboard's message while measuring. */
static bool load_raw(void *arg, struct dashboard *d, struct span data, bool binary)
{
    struct load *l = arg;
    enum encoding encoding = binary ? ENCODING_MSGPACK : ENCODING_JSON;
    uint64_t rev = 0;
    int64_t type;
    if (client_peek(encoding, data, &type, &rev))
        return false;
    if (type == MESSAGE_SNAPSHOT && d != l->watchers.items[0]) {
        /* Five hundred views of ten thousand users each would only measure this program. */
        d->view_checker.snapshots++;
        return true;
    }
    if (type != MESSAGE_UPDATE && type != MESSAGE_BATCH)
        return false;
    const struct known_change *known = &l->known[rev % KNOWN_CHANGES];
    if (type == MESSAGE_UPDATE && rev && known->rev == rev)
        count_delivered(l, known->timestamp_ms, known->intended_us);
    else
        count_message(l, encoding, data);
    return d != l->watchers.items[0];
}

static double per_second(uint64_t n, int64_t us)
{
    return us > 0 ? (double)n * 1e6 / (double)us : 0;
}

static size_t open_phones(const struct load *l)
{
    size_t open = 0;
    for (size_t i = 0; i < l->phone_count; i++)
        open += l->phones[i]->state == PHONE_OPEN;
    return open;
}

static void load_line(void *arg, struct bytes *out)
{
    static const char *const phases[] = {"phones connect", "changers connect", "dashboards connect",
                                         "warming up",     "measuring",        "draining"};
    const struct load *l = arg;
    bytes_printf(out, "%s: phones %zu/%zu, dashboards %zu/%zu, %llu beats, %llu changes, %llu updates",
                 phases[l->phase], open_phones(l), l->phone_count, watchers_ready(&l->watchers),
                 l->watchers.count, (unsigned long long)l->m.beats_sent,
                 (unsigned long long)l->m.changes_done, (unsigned long long)l->m.delivered);
}

static long resident_kb(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) ? 0 : usage.ru_maxrss;
}

static uint64_t frames_lost(const struct load *l)
{
    uint64_t lost = 0;
    for (size_t i = 0; i < l->talk_count; i++)
        for (size_t k = 0; k < l->talks[i]->count; k++)
            lost += l->talks[i]->members[k].lost;
    return lost;
}

static uint64_t lost_since(const struct load *l)
{
    const struct counters *c = &l->sim.counters;
    return c->lost + c->closed_by_server + c->broken - l->m.lost_before;
}

static void text_latency(const char *name, const struct latency *l, struct bytes *out)
{
    bytes_printf(out, "%-13s%10.2f%10.2f%10.2f%10.2f  ms\n", name, (double)latency_quantile(l, 0.5) / 1000,
                 (double)latency_quantile(l, 0.9) / 1000, (double)latency_quantile(l, 0.99) / 1000,
                 (double)l->max_us / 1000);
}

static void report_text(const struct load *l, struct bytes *out)
{
    const struct counters *c = &l->sim.counters;
    bytes_printf(out, "connected    %zu phones in %lld ms (%.0f/s), %zu dashboards; seed %llu\n",
                 open_phones(l), (long long)l->connect_ms, per_second(l->phone_count, l->connect_ms * 1000),
                 watchers_ready(&l->watchers), (unsigned long long)l->sim.seed);
    bytes_printf(out, "measured     %.1f s: %.1f beats/s (%llu failed), %.1f changes/s (%llu skipped)\n",
                 (double)l->m.took_us / 1e6, per_second(l->m.beats_sent, l->m.took_us),
                 (unsigned long long)l->m.beats_failed, per_second(l->m.changes_done, l->m.took_us),
                 (unsigned long long)l->m.changes_skipped);
    bytes_printf(out, "updates      %llu of %llu delivered, %.0f/s\n", (unsigned long long)l->m.delivered,
                 (unsigned long long)l->m.expected, per_second(l->m.delivered, l->m.took_us));
    if (l->talk_count > 0)
        bytes_printf(
            out, "audio        %llu of %llu frames heard in %zu groups, %.0f/s; %llu lost, %llu not sent\n",
            (unsigned long long)l->m.audio.count, (unsigned long long)l->m.frames_expected, l->talk_count,
            per_second(l->m.audio.count, l->m.took_us), (unsigned long long)frames_lost(l),
            (unsigned long long)l->m.frames_failed);
    bytes_printf(out, "errors       %llu refused, %llu unreachable, %llu timeouts, %llu lost, %llu faults\n",
                 (unsigned long long)c->refused, (unsigned long long)c->unreachable,
                 (unsigned long long)c->timeouts, (unsigned long long)lost_since(l),
                 (unsigned long long)sim_fault_count(&l->sim));
    bytes_printf(out, "                 p50       p90       p99       max\n");
    text_latency("from server", &l->m.from_server, out);
    text_latency("from intended", &l->m.from_intended, out);
    if (l->talk_count > 0)
        text_latency("audio", &l->m.audio, out);
    text_latency("own lag", &l->m.lag, out);
    bytes_printf(out, "own cost     %.1f %% of a core (%.1f user, %.1f system), %ld kB\n",
                 100 * per_second((uint64_t)(l->m.cpu_user_us + l->m.cpu_system_us), l->m.took_us) / 1e6,
                 100 * per_second((uint64_t)l->m.cpu_user_us, l->m.took_us) / 1e6,
                 100 * per_second((uint64_t)l->m.cpu_system_us, l->m.took_us) / 1e6, resident_kb());
    accounts_text(&l->accounts, out);
}

static void json_latency(const char *name, const struct latency *l, struct bytes *out)
{
    bytes_printf(out, ",\"%s\":{\"count\":%llu,\"p50Us\":%lld,\"p90Us\":%lld,\"p99Us\":%lld,\"maxUs\":%lld}",
                 name, (unsigned long long)l->count, (long long)latency_quantile(l, 0.5),
                 (long long)latency_quantile(l, 0.9), (long long)latency_quantile(l, 0.99),
                 (long long)l->max_us);
}

static void report_json(const struct load *l, struct bytes *out)
{
    const struct counters *c = &l->sim.counters;
    bytes_printf(
        out,
        "{\"seed\":%llu,\"phones\":%zu,\"dashboards\":%zu,\"connectMs\":%lld,\"measuredMs\":%lld,\"beats\":%"
        "llu,"
        "\"beatsFailed\":%llu,\"changes\":%llu,\"changesSkipped\":%llu,\"delivered\":%llu,\"expected\":%llu",
        (unsigned long long)l->sim.seed, open_phones(l), watchers_ready(&l->watchers),
        (long long)l->connect_ms, (long long)l->m.took_us / 1000, (unsigned long long)l->m.beats_sent,
        (unsigned long long)l->m.beats_failed, (unsigned long long)l->m.changes_done,
        (unsigned long long)l->m.changes_skipped, (unsigned long long)l->m.delivered,
        (unsigned long long)l->m.expected);
    bytes_printf(out,
                 ",\"refused\":%llu,\"unreachable\":%llu,\"timeouts\":%llu,\"lost\":%llu,\"faults\":%llu,"
                 "\"cpuUserUs\":%lld,\"cpuSystemUs\":%lld,\"maxRssKb\":%ld",
                 (unsigned long long)c->refused, (unsigned long long)c->unreachable,
                 (unsigned long long)c->timeouts, (unsigned long long)lost_since(l),
                 (unsigned long long)sim_fault_count(&l->sim), (long long)l->m.cpu_user_us,
                 (long long)l->m.cpu_system_us, resident_kb());
    json_latency("fromServer", &l->m.from_server, out);
    json_latency("fromIntended", &l->m.from_intended, out);
    json_latency("ownLag", &l->m.lag, out);
    if (l->talk_count > 0) {
        json_latency("audio", &l->m.audio, out);
        bytes_printf(out,
                     ",\"framesSent\":%llu,\"framesExpected\":%llu,\"framesLost\":%llu,\"framesFailed\":%llu",
                     (unsigned long long)l->m.frames_sent, (unsigned long long)l->m.frames_expected,
                     (unsigned long long)frames_lost(l), (unsigned long long)l->m.frames_failed);
    }
    accounts_json(&l->accounts, out);
    bytes_append_text(out, "}\n");
}

static void load_report(const struct load *l, struct bytes *out)
{
    if (l->sim.options->json)
        report_json(l, out);
    else
        report_text(l, out);
}

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

/* Each group's frames are spread over time as the groups are. */
static void talk_some(struct load *l, int64_t now_us)
{
    int64_t rate = l->talk_count ? l->sim.options->talk_rate * (int64_t)l->talk_count : 0, intended;
    for (; rate && is_due(l, l->m.frames_due, rate, now_us, &intended); l->m.frames_due++) {
        struct talk *t = l->talks[l->m.frames_due % l->talk_count];
        if (talk_frame(t, intended)) {
            l->m.frames_failed++;
            continue;
        }
        l->m.frames_sent++;
        l->m.frames_expected += t->count - 1;
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
    bool unheard = l->m.audio.count != l->m.frames_expected || frames_lost(l) > 0;
    return lost || unheard || l->m.delivered < l->m.expected || sim_fault_count(&l->sim) ? EXIT_NO : EXIT_YES;
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
    bool complete = l->m.delivered >= l->m.expected && l->m.audio.count >= l->m.frames_expected &&
                    in_phase_ms(l) >= least_ms;
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
    talk_some(l, now_us);
    if (in_phase_ms(l) >= duration_ms(l))
        end_measure(l);
}

/* All are members before the first frame. */
static bool talks_ready(struct load *l)
{
    bool ready = true;
    for (size_t i = 0; i < l->talk_count; i++)
        ready &= talk_join(l->talks[i]) == l->talks[i]->count;
    return ready || in_phase_ms(l) > DRAIN_MAX_MS;
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
        if (talks_ready(l) && in_phase_ms(l) >= l->sim.options->warmup_ms)
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

static void make_talks(struct load *l)
{
    size_t each = (size_t)l->sim.options->talk_group;
    l->talk_count = l->sim.options->talk_rate ? l->phone_count / each : 0;
    l->talks = mem_array(l->talk_count + 1, sizeof(*l->talks));
    for (size_t i = 0; i < l->talk_count; i++) {
        char group[32];
        snprintf(group, sizeof(group), "group%zu", i + 1);
        l->talks[i] =
            talk_create(group, l->phones + i * each, each, (size_t)l->sim.options->talk_size, &l->m.audio);
    }
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
    make_talks(l);
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

/* 0, or an exit code after a line on stderr. */
static int be_router(struct load *l)
{
    const struct options *o = l->sim.options;
    char error[512];
    if (!o->upstream)
        return 0;
    l->router = router_open(l->sim.loop, o->upstream, o->auth_none ? NULL : o->secret, error, sizeof(error));
    if (l->router)
        return 0;
    fprintf(stderr, "presence-sim: --upstream %s: %s\n", o->upstream, error);
    return EXIT_USAGE;
}

static void start(struct load *l)
{
    l->measurements = l->sim.options->repeat;
    accounts_start(&l->accounts);
    l->sim.hooks.interrupted = on_interrupted;
    l->sim.hooks.arg = l;
    make(l);
    wheel_timer_init(&l->step, on_step);
    enter(l, LOAD_PHONES);
    sim_start(&l->sim, &l->step, STEP_MS);
    progress_start(&l->progress, &l->sim, load_line, l);
}

static void finish(struct load *l)
{
    sim_stop(&l->sim, &l->step);
    for (size_t i = 0; i < l->talk_count; i++)
        talk_destroy(l->talks[i]);
    free(l->talks);
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
            code = be_router(l);
        if (!code)
            run(l);
        else
            l->sim.exit_code = code;
        router_close(l->router);
        code = sim_finish(&l->sim);
    }
    free(l);
    return code;
}
