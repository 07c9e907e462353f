/* watch: changes as they happen. */
#include "base/clock.h"
#include "base/plain.h"
#include "filter.h"
#include "show.h"
#include "stream.h"

#include <inttypes.h>
#include <stdio.h>

#define STEP_MS 500

struct watch {
    struct ctl *c;
    struct stream stream;
    struct filter filter;
    struct bytes out;
    int64_t shown;
};

static void show_json(struct watch *w, const struct event *event)
{
    const struct change *change = &event->change;
    struct json_line line = json_begin(&w->out);

    json_text(&line, "type", SPAN("presence_update"));
    json_text(&line, "userId", change->user);
    json_status(&line, change->online);
    json_time(&line, "timestamp", change->timestamp_ms);
    json_time(&line, "lastSeen", change->last_seen_ms);
    json_text_or_null(&line, "deviceId", change->device);
    json_text_or_null(&line, "reason", change->reason);
    json_text_or_null(&line, "node", change->node);
    json_text_or_null(&line, "epoch", event->epoch);
    json_integer(&line, "rev", (int64_t)change->rev);
    json_end(&line);
}

static void show_text(struct watch *w, const struct change *change)
{
    int64_t now_ms = clock_wall_ms();

    time_append(&w->out, change->timestamp_ms ? change->timestamp_ms : now_ms, now_ms);
    bytes_append_char(&w->out, ' ');
    if (change->online)
        tint_append(&w->out, w->c->colour, TINT_GOOD, SPAN("online "));
    else
        tint_append(&w->out, w->c->colour, TINT_BAD, SPAN("offline"));
    bytes_append_char(&w->out, ' ');
    plain_append(&w->out, change->user);
    if (change->rev == 0) {
        bytes_append_text(&w->out, " (published by hand)\n");
        return;
    }
    bytes_append_text(&w->out, " (");
    plain_append(&w->out, change->reason);
    if (change->device.len) {
        bytes_append_text(&w->out, ", ");
        plain_append(&w->out, change->device);
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
    w->shown++;
    if (w->c->config.count > 0 && w->shown >= w->c->config.count)
        w->stream.ended = true;
}

static void on_gap(void *arg, uint64_t first, uint64_t last)
{
    struct watch *w = arg;

    if (w->c->config.json) {
        struct json_line line = json_begin(&w->out);
        json_text(&line, "type", SPAN("gap"));
        json_integer(&line, "first", (int64_t)first);
        json_integer(&line, "last", (int64_t)last);
        json_end(&line);
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
        struct json_line line = json_begin(&w->out);
        json_text(&line, "type", SPAN("epoch"));
        json_text(&line, "epoch", span_of(epoch));
        json_end(&line);
    } else {
        bytes_append_text(&w->out, "-- another epoch, ");
        plain_append(&w->out, span_of(epoch));
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

    plain_append(&text, span_of(why));
    if (up)
        fprintf(stderr, "presence-ctl: connected again\n");
    else
        fprintf(stderr, "presence-ctl: %s; trying again\n", bytes_text(&text));
}

static const struct stream_hooks all_hooks = {
    .change = on_change, .gap = on_gap, .epoch = on_epoch, .link = on_link};
static const struct stream_hooks group_hooks = {
    .change = on_change, .gap = on_gap, .epoch = on_epoch, .control = on_control, .link = on_link};

/* Whether there is nothing more to wait for. */
static bool over(const struct watch *w, int64_t end_ms)
{
    return w->stream.ended || clock_mono_ms() >= end_ms;
}

static int run(struct watch *w)
{
    const struct config *config = &w->c->config;
    int64_t end_ms = config->timeout_ms > 0 ? clock_mono_ms() + config->timeout_ms : INT64_MAX;

    while (!over(w, end_ms)) {
        int64_t left_ms = end_ms - clock_mono_ms();
        stream_step(&w->stream, left_ms < STEP_MS ? left_ms : STEP_MS);
        /* A failure shows at the stream's own next step. */
        if (stream_up(&w->stream) && filter_refresh(&w->filter, clock_mono_ms()) != 0)
            w->c->error[0] = '\0';
    }
    if (!w->stream.ended && config->count > 0)
        return ctl_fail(w->c, EXIT_TIMEOUT, "%" PRId64 " of %" PRId64 " changes came in time", w->shown,
                        config->count);
    return w->stream.ended || stream_up(&w->stream) ? EXIT_YES : EXIT_UNREACHABLE;
}

static int parse_since(struct ctl *c, struct span *ret_epoch, uint64_t *ret_rev)
{
    struct span rest = span_of(c->config.since);

    *ret_epoch = span_split(&rest, ':');
    if (ret_epoch->len == 0 || span_to_u64(rest, INT64_MAX, ret_rev) < 0)
        return ctl_fail(c, EXIT_USAGE, "--since: must be epoch:rev, as watch --json shows them");
    return 0;
}

static int start(struct watch *w)
{
    struct ctl *c = w->c;
    struct span epoch = SPAN_NONE;
    uint64_t rev = 0;

    int code = c->config.since ? parse_since(c, &epoch, &rev) : 0;
    if (code == 0)
        code = stream_open(&w->stream, c, w->filter.group_count > 0 ? &group_hooks : &all_hooks, w);
    if (code == 0)
        code = filter_load(&w->filter, clock_mono_ms());
    if (code != 0)
        return code;
    fprintf(stderr, "presence-ctl: watching from %s:%" PRIu64 "\n", w->stream.epoch, w->stream.rev);
    if (c->config.since)
        stream_since(&w->stream, epoch, rev);
    return 0;
}

int command_watch(struct ctl *c, char **args, size_t count)
{
    struct watch w = {.c = c};

    int code = filter_init(&w.filter, c);
    if (code == 0)
        code = start(&w);
    if (code == 0)
        code = run(&w);
    stream_close(&w.stream);
    filter_finish(&w.filter);
    bytes_finish(&w.out);
    return code;
}
