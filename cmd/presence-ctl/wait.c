/* SPDX-License-Identifier: MIT */
/* wait: until a user is online or offline, for scripts. */
#include "arguments.h"
#include "base/clock.h"
#include "base/printable.h"
#include "nodes.h"
#include "show.h"
#include "store/node_registry.h"
#include "stream.h"

#define STEP_MS    1000
#define UNKNOWN_MS 100 /* a step while the state is not known */

struct waiting {
    struct ctl *c;
    struct stream stream;
    struct span user;
    bool online; /* what is waited for */
    /* After Redis lost its memory, "offline" proves nothing until the servers have asserted their sessions. */
    struct recovery recovery;
    bool known;          /* the state was read, and no change was missed since */
    struct bytes reason; /* of the change that ended the wait */
};

static void on_change(void *arg, const struct event *event)
{
    struct waiting *w = arg;
    if (event->change.rev == 0 || event->change.online != w->online ||
        !span_equal(event->change.user, w->user))
        return;
    bytes_append_span(&w->reason, event->change.reason);
    w->stream.ended = true;
}

static void on_gap(void *arg, uint64_t first, uint64_t last)
{
    struct waiting *w = arg;
    w->known = false;
}

static void on_epoch(void *arg, const char *epoch, bool first)
{
    struct waiting *w = arg;
    recovery_epoch(&w->recovery, span_of(epoch), clock_mono_ms());
    w->known = false;
}

static void on_link(void *arg, bool up, const char *why)
{
    struct waiting *w = arg;
    w->known = false;
}

static const struct stream_hooks hooks = {
    .change = on_change, .gap = on_gap, .epoch = on_epoch, .link = on_link};

/* Reads the state where it is not known and may be believed. */
static int check_state(struct waiting *w)
{
    bytes_auto commands = BYTES_INIT;
    struct redisReply *replies[2];
    struct status_answer answer;
    struct nodes nodes;
    int code = nodes_load(w->c, &nodes);
    if (code != 0)
        return code;
    /* Which servers are alive, so that their assertions can be waited for. */
    struct node_answer peers = {.state.now_ms = nodes.now_ms, .nodes = nodes.reply};
    node_registry_hear_peers(&w->recovery, &peers, 0, clock_mono_ms());
    nodes_finish(&nodes);
    if (w->known || !recovery_settled(&w->recovery, clock_mono_ms()))
        return code;
    store_status(&w->c->store, &w->user, 1, &commands);
    code = ctl_ask(w->c, bytes_span(&commands), replies, 2);
    if (code != 0)
        return code;
    if (store_read_status(replies[0], 0, replies[1], &answer) < 0)
        code = ctl_refused(w->c, replies[0]);
    else if (answer.online == w->online)
        w->stream.ended = true;
    w->known = true;
    ctl_free_replies(replies, 2);
    return code;
}

static int await(struct waiting *w)
{
    int64_t began_ms = clock_mono_ms(), now_ms = began_ms;
    int64_t end_ms = w->c->config.timeout_ms > 0 ? began_ms + w->c->config.timeout_ms : INT64_MAX;
    bytes_auto waited = BYTES_INIT;
    int code = check_state(w);
    for (; code == 0 && !w->stream.ended && now_ms < end_ms; now_ms = clock_mono_ms()) {
        int64_t left_ms = end_ms - now_ms, step_ms = w->known ? STEP_MS : UNKNOWN_MS;
        stream_step(&w->stream, left_ms < step_ms ? left_ms : step_ms);
        /* A link that fails here is made anew by the next step. */
        if (stream_up(&w->stream) && !w->stream.ended)
            check_state(w);
    }
    if (code != 0 || w->stream.ended)
        return code;
    if (!stream_up(&w->stream))
        return EXIT_UNREACHABLE;
    printable_duration(&waited, clock_mono_ms() - began_ms);
    return ctl_fail(w->c, EXIT_TIMEOUT, "%.*s is not %s after %s", (int)w->user.len, w->user.data,
                    w->online ? "online" : "offline", bytes_text(&waited));
}

static void show(struct waiting *w)
{
    bytes_auto out = BYTES_INIT;
    if (w->c->config.json) {
        show_line(&out, SHOW_TEXT("userId", w->user), SHOW_STATUS(w->online),
                  SHOW_OPTIONAL("reason", bytes_span(&w->reason)));
    } else {
        printable_append(&out, w->user);
        bytes_append_text(&out, w->online ? " is online" : " is offline");
        if (w->reason.len) {
            bytes_append_text(&out, " (");
            printable_append(&out, bytes_span(&w->reason));
            bytes_append_char(&out, ')');
        }
        bytes_append_char(&out, '\n');
    }
    show_out(&out);
}

static int wait_for(struct ctl *c, char **args, size_t count)
{
    struct waiting w = {.c = c};
    int code = argument_user(c, args[0], &w.user);
    if (code == 0)
        code = argument_status(c, args[1], &w.online);
    if (code == 0)
        code = stream_open(&w.stream, c, &hooks, &w);
    if (code != 0)
        return code;
    recovery_init(&w.recovery);
    recovery_epoch(&w.recovery, span_of(w.stream.epoch), clock_mono_ms());
    code = await(&w);
    if (code == 0) {
        c->error[0] = '\0';
        show(&w);
    }
    stream_close(&w.stream);
    recovery_finish(&w.recovery);
    bytes_finish(&w.reason);
    return code;
}

static const struct setting_table tables[] = {CONFIG_TIMEOUT, CONFIG_PRESENCE};

const struct command command_wait = {
    .info = {"wait", "USER online|offline", "wait until a user is online or offline; for scripts and CI",
             CONFIG_OF_COMMAND(tables)},
    .run = wait_for,
};
