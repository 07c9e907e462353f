/* SPDX-License-Identifier: MIT */
/* simulate: runs seed after seed and looks for one that breaks a promise. */
#include "base/program.h"
#include "run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TAIL_LINES 40

struct options {
    int64_t first_seed, seeds;
    int64_t minutes;
    char *kind_name; /* NULL: as the seed says */
    int64_t crowd;
    char *without; /* "3,17-20"; NULL: none */
    bool trace, shrink, json, quiet;
};

/* A row of settings without a variable. */
#define FLAG(name, kind, member, ...)                                                                        \
    {                                                                                                        \
        .flag = (name), .type = (kind), .offset = offsetof(struct options, member), __VA_ARGS__              \
    }

static const struct setting rows[] = {
    FLAG("seed", SETTING_INT, first_seed, .fallback = "1", .min = 1, .max = INT64_MAX,
         .help = "the first seed; the same seed makes the same decisions"),
    FLAG("seeds", SETTING_INT, seeds, .fallback = "10", .min = 1, .max = 100000000,
         .help = "run so many seeds, from --seed on"),
    FLAG("minutes", SETTING_INT, minutes, .fallback = "20", .min = 1, .max = 1440,
         .help = "of simulated time with faults, before all stands still and is judged"),
    FLAG("play", SETTING_TEXT, kind_name, .choices = "<kind>",
         .help =
             "this kind for every seed: plain, stranger (another writer's odd keys and messages), ttls "
             "(daemons of differing TTLs), sessions (one account that connects and closes in a loop), views "
             "(hundreds of groups, asked for again and again), router (phones are passed on to one), crowd "
             "(Redis emptied under 300,000 users); "
             "default: as the seed says"),
    FLAG("crowd", SETTING_INT, crowd, .fallback = "30000", .min = 1000, .max = 300000,
         .help = "phones of a crowd; fewer than 300,000 cost Redis the more each"),
    FLAG("without", SETTING_TEXT, without, .choices = "<n,n-m>",
         .help = "entries of the plan that are left out: faults, then phones, then viewers"),
    FLAG("trace", SETTING_BOOL, trace, .help = "print all that happens with the seed"),
    FLAG("shrink", SETTING_BOOL, shrink, .help = "leave out what a failing seed can do without"),
    FLAG("json", SETTING_BOOL, json, .help = "print JSON, for programs"),
    FLAG("quiet", SETTING_BOOL, quiet, .letter = 'q', .help = "no progress line"),
};

static const struct setting_table tables[] = {{rows, sizeof(rows) / sizeof(rows[0]), 0, "Simulation"}};

static const struct program_info simulate_program = {
    .name = "simulate",
    .summary = "Plays whole installations on a simulated clock, network and Redis, and looks for a seed that "
               "breaks a promise.",
    .tables = tables,
    .table_count = sizeof(tables) / sizeof(tables[0]),
};

struct tally {
    uint64_t seeds, events, transitions, told, epochs;
    int64_t simulated_ms;
    struct timespec began;
};

static int leave_out(const char *list, bool *left_out)
{
    struct span rest = {list, list ? strlen(list) : 0};
    while (rest.len > 0) {
        struct span item = span_split(&rest, ','), first = span_split(&item, '-');
        uint64_t from, to;
        if (span_to_u64(first, RUN_ENTRIES_MAX - 1, &from) < 0)
            return -1;
        to = from;
        if (item.len > 0 && span_to_u64(item, RUN_ENTRIES_MAX - 1, &to) < 0)
            return -1;
        for (; from <= to; from++)
            left_out[from] = true;
    }
    return 0;
}

static double seconds_since(const struct timespec *then)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - then->tv_sec) + (double)(now.tv_nsec - then->tv_nsec) / 1e9;
}

static void count(struct tally *t, const struct run_result *r)
{
    t->seeds++;
    t->events += r->events;
    t->transitions += r->transitions;
    t->told += r->told;
    t->epochs += r->epochs;
    t->simulated_ms += r->simulated_ms;
}

/* "3,17-20" */
static void write_without(const bool *left_out, struct bytes *out)
{
    for (size_t i = 0; i < RUN_ENTRIES_MAX; i++) {
        size_t last = i;
        if (!left_out[i])
            continue;
        while (last + 1 < RUN_ENTRIES_MAX && left_out[last + 1])
            last++;
        bytes_printf(out, last > i ? "%s%zu-%zu" : "%s%zu", out->len ? "," : "", i, last);
        i = last;
    }
}

static bool still_fails(const struct run_options *o)
{
    struct run_result r;
    run_seed(o, &r);
    bool failed = r.failed;
    run_result_finish(&r);
    return failed;
}

/* Halves, quarters, … down to single entries: what can be left out is left out. */
static void shrink(struct run_options *o, size_t entries)
{
    for (size_t size = entries / 2; size > 0; size /= 2)
        for (size_t at = 0; at < entries; at += size) {
            struct run_options smaller = *o;
            for (size_t i = at; i < at + size && i < entries; i++)
                smaller.left_out[i] = true;
            if (memcmp(smaller.left_out, o->left_out, sizeof(o->left_out)) != 0 && still_fails(&smaller))
                *o = smaller;
        }
}

static void print_tail(const struct bytes *trace)
{
    size_t at = trace->len;
    for (int lines = 0; at > 0 && lines <= TAIL_LINES; at--)
        lines += trace->data[at - 1] == '\n';
    fwrite(trace->data + at, 1, trace->len - at, stdout);
}

static void print_failure(const struct options *h, struct run_options *o, const struct run_result *r)
{
    bytes_auto without = BYTES_INIT;
    struct run_result again;
    if (h->shrink)
        shrink(o, r->entries < RUN_ENTRIES_MAX ? r->entries : RUN_ENTRIES_MAX);
    o->trace = true;
    run_seed(o, &again);
    write_without(o->left_out, &without);
    if (!h->trace)
        print_tail(&again.trace);
    printf("seed %" PRIu64 " fails: %s\nits trace: build/bin/simulate --seed %" PRIu64 " --minutes %" PRId64
           " --play %s%s%s --trace\n",
           o->seed, again.verdict, o->seed, o->minutes, kind_name(o->kind), without.len ? " --without " : "",
           without.len ? bytes_text(&without) : "");
    run_result_finish(&again);
}

static void print_tally(const struct options *h, const struct tally *t, bool failed)
{
    double hours = (double)t->simulated_ms / 3600000, took = seconds_since(&t->began);
    if (h->json)
        printf("{\"seeds\":%" PRIu64 ",\"hours\":%.2f,\"events\":%" PRIu64 ",\"transitions\":%" PRIu64
               ",\"told\":%" PRIu64 ",\"epochs\":%" PRIu64 ",\"seconds\":%.1f,\"failed\":%s}\n",
               t->seeds, hours, t->events, t->transitions, t->told, t->epochs, took,
               failed ? "true" : "false");
    else
        printf("%s: %" PRIu64 " seeds, %.1f simulated hours in %.1f s, %" PRIu64 " events, %" PRIu64
               " transitions, %" PRIu64 " updates told, %" PRIu64 " epochs\n",
               failed ? "FAILED" : "ok", t->seeds, hours, took, t->events, t->transitions, t->told,
               t->epochs);
}

static void progress(const struct options *h, const struct tally *t)
{
    if (!h->quiet && isatty(STDERR_FILENO))
        fprintf(stderr, "\rsimulate: %" PRIu64 " of %" PRId64 " seeds, %.1f simulated hours ", t->seeds,
                h->seeds, (double)t->simulated_ms / 3600000);
}

/* 0: no promise was broken; 1: one was. */
static int simulate(const struct options *h, struct run_options *o)
{
    struct tally tally = {0};
    bool failed = false;
    log_set_level(LOG_LEVEL_ERROR); /* the trace has all that matters */
    clock_gettime(CLOCK_MONOTONIC, &tally.began);
    for (int64_t i = 0; i < h->seeds && !failed; i++) {
        struct run_result r;
        o->seed = (uint64_t)(h->first_seed + i);
        if (!h->kind_name)
            o->kind = kind_of_seed(o->seed);
        run_seed(o, &r);
        count(&tally, &r);
        progress(h, &tally);
        failed = r.failed;
        if (h->trace)
            fwrite(r.trace.data, 1, r.trace.len, stdout);
        if (failed)
            print_failure(h, o, &r);
        run_result_finish(&r);
    }
    print_tally(h, &tally, failed);
    return failed ? EXIT_NO : EXIT_YES;
}

static int usage(const char *flag, const char *value, const char *why)
{
    fprintf(stderr, "simulate: %s %s: %s\n", flag, value, why);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    struct options options = {0};
    int code = program_start(&simulate_program, &argc, argv, &options, NULL);
    if (code >= 0)
        return code;
    struct run_options o = {
        .minutes = options.minutes, .trace = options.trace, .crowd = (size_t)options.crowd};
    if (options.trace || options.without)
        options.seeds = 1;
    if (leave_out(options.without, o.left_out) < 0)
        code = usage("--without", options.without, "numbers and ranges below 1024, as 3,17-20");
    else if (options.kind_name && kind_by_name(span_of(options.kind_name), &o.kind) < 0)
        code = usage("--play", options.kind_name, "there is no such kind");
    else
        code = simulate(&options, &o);
    program_finish(&simulate_program, NULL, &options);
    return code;
}
