#include "world/hunt.h"

#include "base/log.h"
#include "world/play.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TAIL_LINES 40

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
        if (span_to_u64(first, PLAY_ENTRIES_MAX - 1, &from) < 0)
            return -1;
        to = from;
        if (item.len > 0 && span_to_u64(item, PLAY_ENTRIES_MAX - 1, &to) < 0)
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

static void count(struct tally *t, const struct play_result *r)
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
    for (size_t i = 0; i < PLAY_ENTRIES_MAX; i++) {
        size_t last = i;
        if (!left_out[i])
            continue;
        while (last + 1 < PLAY_ENTRIES_MAX && left_out[last + 1])
            last++;
        bytes_printf(out, last > i ? "%s%zu-%zu" : "%s%zu", out->len ? "," : "", i, last);
        i = last;
    }
}

static bool still_fails(const struct play_options *o)
{
    struct play_result r;
    play(o, &r);
    bool failed = r.failed;
    play_result_finish(&r);
    return failed;
}

/* Halves, quarters, … down to single entries: what can be left out is left out. */
static void shrink(struct play_options *o, size_t entries)
{
    for (size_t size = entries / 2; size > 0; size /= 2)
        for (size_t at = 0; at < entries; at += size) {
            struct play_options smaller = *o;
            for (size_t i = at; i < at + size && i < entries; i++)
                smaller.left_out[i] = true;
            if (memcmp(smaller.left_out, o->left_out, sizeof(o->left_out)) != 0 && still_fails(&smaller))
                *o = smaller;
        }
}

static void print_tail(const struct bytes *story)
{
    size_t at = story->len;
    for (int lines = 0; at > 0 && lines <= TAIL_LINES; at--)
        lines += story->data[at - 1] == '\n';
    fwrite(story->data + at, 1, story->len - at, stdout);
}

static void tell_failure(const struct hunt_options *h, struct play_options *o, const struct play_result *r)
{
    bytes_auto without = BYTES_INIT;
    struct play_result again;
    if (h->shrink)
        shrink(o, r->entries < PLAY_ENTRIES_MAX ? r->entries : PLAY_ENTRIES_MAX);
    o->trace = true;
    play(o, &again);
    write_without(o->left_out, &without);
    if (!h->trace)
        print_tail(&again.story);
    printf("seed %" PRIu64 " fails: %s\nits story: presence-sim hunt --seed %" PRIu64 " --minutes %" PRId64
           "%s%s --trace\n",
           o->seed, again.verdict, o->seed, o->minutes, without.len ? " --without " : "",
           without.len ? bytes_text(&without) : "");
    play_result_finish(&again);
}

static void print_tally(const struct hunt_options *h, const struct tally *t, bool failed)
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

static void progress(const struct hunt_options *h, const struct tally *t)
{
    if (!h->quiet && isatty(STDERR_FILENO))
        fprintf(stderr, "\rhunt: %" PRIu64 " of %" PRId64 " seeds, %.1f simulated hours ", t->seeds, h->seeds,
                (double)t->simulated_ms / 3600000);
}

int hunt_run(const struct hunt_options *h)
{
    struct play_options o = {.minutes = h->minutes, .trace = h->trace};
    struct tally tally = {0};
    bool failed = false;
    if (leave_out(h->without, o.left_out) < 0)
        return 2;
    log_set_level(LOG_LEVEL_ERROR); /* the story is told by the play */
    clock_gettime(CLOCK_MONOTONIC, &tally.began);
    for (int64_t i = 0; i < h->seeds && !failed; i++) {
        struct play_result r;
        o.seed = h->first_seed + (uint64_t)i;
        play(&o, &r);
        count(&tally, &r);
        progress(h, &tally);
        failed = r.failed;
        if (h->trace)
            fwrite(r.story.data, 1, r.story.len, stdout);
        if (failed)
            tell_failure(h, &o, &r);
        play_result_finish(&r);
    }
    print_tally(h, &tally, failed);
    return failed;
}
