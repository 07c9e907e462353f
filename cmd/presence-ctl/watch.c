/* SPDX-License-Identifier: MIT */
/* watch: changes as they happen. */
#include "base/clock.h"
#include "base/printable.h"
#include "filter.h"
#include "show.h"
#include "stream.h"

#include <inttypes.h>
#include <stdio.h>

#define STEP_MS 500

struct options {
    char *since; /* epoch:rev */
    char *users, *groups;
    int64_t count; /* end after so many changes; 0: never */
};
CONFIG_OPTIONS_FIT(struct options);

struct watch {
    struct ctl *c;
    const struct options *options;
    struct stream stream;
    struct filter filter;
    struct bytes out;
    int64_t shown;
};

static void show_json(struct watch *w, const struct event *event)
{
    const struct change *change = &event->change;
    show_line(&w->out, SHOW_TEXT("type", SPAN("presence_update")), SHOW_TEXT("userId", change->user),
              SHOW_STATUS(change->online), SHOW_TIME("timestamp", change->timestamp_ms),
              SHOW_TIME("lastSeen", change->last_seen_ms), SHOW_OPTIONAL("deviceId", change->device),
              SHOW_OPTIONAL("reason", change->reason), SHOW_OPTIONAL("node", change->node),
              SHOW_OPTIONAL("epoch", event->epoch), SHOW_NUMBER("rev", change->rev));
}

static void show_text(struct watch *w, const struct change *change)
{
    int64_t now_ms = clock_wall_ms();
    show_time_append(&w->out, change->timestamp_ms ? change->timestamp_ms : now_ms, now_ms);
    bytes_append_char(&w->out, ' ');
    show_color_append(&w->out, w->c->color, change->online ? COLOR_GOOD : COLOR_BAD,
                      change->online ? SPAN("online ") : SPAN("offline"));
    bytes_append_char(&w->out, ' ');
    printable_append(&w->out, change->user);
    if (change->rev == 0) {
        bytes_append_text(&w->out, " (published by hand)\n");
        return;
    }
    bytes_append_text(&w->out, " (");
    printable_append(&w->out, change->reason);
    if (change->device.len) {
        bytes_append_text(&w->out, ", ");
        printable_append(&w->out, change->device);
    }
    bytes_printf(&w->out, ", rev %" PRIu64 ")\n", change->rev);
}

static void on_change(void *arg, const struct event *event)
{
    struct watch *w = arg;
    if (!filter_wants(&w->filter, &event->change))
        return;
    if (w->c->config.json)
        show_json(w, event);
    else
        show_text(w, &event->change);
    show_out(&w->out);
    w->stream.ended = ++w->shown == w->options->count;
}

static void on_gap(void *arg, uint64_t first, uint64_t last)
{
    struct watch *w = arg;
    if (w->c->config.json) {
        show_line(&w->out, SHOW_TEXT("type", SPAN("gap")), SHOW_NUMBER("first", first),
                  SHOW_NUMBER("last", last));
    } else {
        bytes_printf(&w->out,
                     "-- the log no longer holds %" PRIu64 " change%s, rev %" PRIu64 " to %" PRIu64 "\n",
                     last - first + 1, first == last ? "" : "s", first, last);
    }
    show_out(&w->out);
}

static void on_epoch(void *arg, const char *epoch, bool first)
{
    struct watch *w = arg;
    if (first || !epoch[0])
        return;
    if (w->c->config.json) {
        show_line(&w->out, SHOW_TEXT("type", SPAN("epoch")), SHOW_TEXT("epoch", span_of(epoch)));
    } else {
        bytes_append_text(&w->out, "-- another epoch, ");
        printable_append(&w->out, span_of(epoch));
        bytes_append_text(&w->out, ": what changed before it is not known\n");
    }
    show_out(&w->out);
}

static void on_control(void *arg, struct span payload)
{
    struct watch *w = arg;
    filter_control(&w->filter, payload);
}

static void on_link(void *arg, bool up, const char *why)
{
    bytes_auto text = BYTES_INIT;
    printable_append(&text, span_of(why));
    if (up)
        fprintf(stderr, "presence-ctl: connected again\n");
    else
        fprintf(stderr, "presence-ctl: %s; trying again\n", bytes_text(&text));
}

static const struct stream_hooks all_hooks = {
    .change = on_change, .gap = on_gap, .epoch = on_epoch, .link = on_link};
static const struct stream_hooks group_hooks = {
    .change = on_change, .gap = on_gap, .epoch = on_epoch, .control = on_control, .link = on_link};

static int start(struct watch *w)
{
    struct span rest = span_of(w->options->since), epoch = span_split(&rest, ':');
    uint64_t rev = 0;
    if (w->options->since && (epoch.len == 0 || span_to_u64(rest, INT64_MAX, &rev) < 0))
        return ctl_fail(w->c, EXIT_USAGE, "--since: must be epoch:rev, as watch --json shows them");
    int code = stream_open(&w->stream, w->c, w->filter.group_count > 0 ? &group_hooks : &all_hooks, w);
    if (code == 0)
        code = filter_load(&w->filter, clock_mono_ms());
    if (code != 0)
        return code;
    fprintf(stderr, "presence-ctl: watching from %s:%" PRIu64 "\n", w->stream.epoch, w->stream.rev);
    if (w->options->since)
        stream_since(&w->stream, epoch, rev);
    return 0;
}

static int follow(struct watch *w)
{
    int64_t timeout_ms = w->c->config.timeout_ms, now_ms = clock_mono_ms();
    int64_t end_ms = timeout_ms > 0 ? now_ms + timeout_ms : INT64_MAX;
    for (; !w->stream.ended && now_ms < end_ms; now_ms = clock_mono_ms()) {
        int64_t left_ms = end_ms - now_ms;
        stream_step(&w->stream, left_ms < STEP_MS ? left_ms : STEP_MS);
        /* A failure shows at the stream's own next step. */
        if (stream_up(&w->stream) && filter_refresh(&w->filter, clock_mono_ms()) != 0)
            w->c->error[0] = '\0';
    }
    if (!w->stream.ended && w->options->count > 0)
        return ctl_fail(w->c, EXIT_TIMEOUT, "%" PRId64 " of %" PRId64 " changes came in time", w->shown,
                        w->options->count);
    return w->stream.ended || stream_up(&w->stream) ? EXIT_YES : EXIT_UNREACHABLE;
}

static int watch(struct ctl *c, char **args, size_t count)
{
    struct watch w = {.c = c, .options = (const void *)c->config.options};
    int code = filter_init(&w.filter, c, w.options->users, w.options->groups);
    if (code == 0)
        code = start(&w);
    if (code == 0)
        code = follow(&w);
    stream_close(&w.stream);
    filter_finish(&w.filter);
    bytes_finish(&w.out);
    return code;
}

#define AT(field) offsetof(struct options, field)

static const struct setting rows[] = {
    SETTING_TEXT("since", "PRESENCE_CTL_SINCE", AT(since), NULL, "<epoch:rev>",
                 "begin behind this revision, out of presence:log, instead of now"),
    SETTING_TEXT("users", "PRESENCE_CTL_USERS", AT(users), NULL, "<user,user>", "changes of these users only",
                 .repeat = true),
    SETTING_TEXT("groups", "PRESENCE_CTL_GROUPS", AT(groups), NULL, "<group,group>",
                 "changes of these groups' members only", .repeat = true),
    SETTING_INT("count", "PRESENCE_CTL_COUNT", AT(count), "0", 0, 1000000000,
                "end after so many changes; 0: never", .letter = 'n'),
};
static const struct setting_table tables[] = {CONFIG_OPTIONS(rows, "Which changes"), CONFIG_TIMEOUT,
                                              CONFIG_PRESENCE};

const struct command command_watch = {
    .info = {"watch", "", "print changes as they happen, each once and in order", CONFIG_OF_COMMAND(tables)},
    .run = watch,
};
