/* wait: until a user is online or offline, for scripts. */
#include "base/clock.h"
#include "base/plain.h"
#include "presence/recovery.h"
#include "show.h"
#include "stream.h"

#include <stdlib.h>

#define STEP_MS  1000
#define HURRY_MS 100

struct waiting {
    struct ctl *c;
    struct stream stream;
    struct span user;
    bool online; /* what is waited for */
    struct recovery
        *recovery; /* after Redis lost its memory, "offline" proves nothing until the servers have asserted */
    bool asked;    /* the state was read since the last doubt */
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

    w->asked = false;
}

static void on_epoch(void *arg, const char *epoch, bool first)
{
    struct waiting *w = arg;

    recovery_epoch(w->recovery, span_of(epoch), clock_mono_ms());
    w->asked = false;
}

static void on_link(void *arg, bool up, const char *why)
{
    struct waiting *w = arg;

    w->asked = false;
}

static const struct stream_hooks hooks = {
    .change = on_change, .gap = on_gap, .epoch = on_epoch, .link = on_link};

/* Which servers live, so that their assertions can be waited for. */
static int note_servers(struct waiting *w)
{
    struct nodes nodes;

    int code = nodes_load(w->c, &nodes);
    if (code != 0)
        return code;
    for (size_t i = 0; i < nodes.count; i++) {
        const struct node *n = &nodes.items[i];
        if (node_is(n, PROGRAM_WS))
            recovery_node(w->recovery, n->name, nodes.now_ms - n->seen_ms, n->asserted, clock_mono_ms());
    }
    nodes_finish(&nodes);
    return 0;
}

static int read_state(struct waiting *w)
{
    bytes_auto commands = BYTES_INIT;
    struct redisReply *replies[2];
    struct status_answer answer;

    store_status(&w->c->store, &w->user, 1, &commands);
    int code = ctl_ask(w->c, bytes_span(&commands), replies, 2);
    if (code != 0)
        return code;
    if (store_read_status(replies[0], 0, replies[1], &answer) < 0)
        code = ctl_refused(w->c, replies[0]);
    else if (answer.online == w->online)
        w->stream.ended = true;
    w->asked = true;
    replies_free(replies, 2);
    return code;
}

static int look(struct waiting *w)
{
    int code = note_servers(w);

    if (code != 0 || w->asked || !recovery_settled(w->recovery, clock_mono_ms()))
        return code;
    return read_state(w);
}

static int64_t step_ms(const struct waiting *w, int64_t end_ms)
{
    int64_t left_ms = end_ms - clock_mono_ms(), step = w->asked ? STEP_MS : HURRY_MS;

    return left_ms < step ? left_ms : step;
}

static int run(struct waiting *w)
{
    int64_t began_ms = clock_mono_ms();
    int64_t end_ms = w->c->config.timeout_ms > 0 ? began_ms + w->c->config.timeout_ms : INT64_MAX;
    int code = look(w);
    bytes_auto waited = BYTES_INIT;

    while (code == 0 && !w->stream.ended && clock_mono_ms() < end_ms) {
        stream_step(&w->stream, step_ms(w, end_ms));
        /* A link that fails here is made anew by the next step. */
        if (stream_up(&w->stream) && !w->stream.ended)
            look(w);
    }
    if (code != 0 || w->stream.ended)
        return code;
    if (!stream_up(&w->stream))
        return EXIT_UNREACHABLE;
    plain_duration(&waited, clock_mono_ms() - began_ms);
    return ctl_fail(w->c, EXIT_TIMEOUT, "%.*s is not %s after %s", (int)w->user.len, w->user.data,
                    w->online ? "online" : "offline", bytes_text(&waited));
}

static void show(struct waiting *w)
{
    bytes_auto out = BYTES_INIT;

    if (w->c->config.json) {
        struct json_line line = json_begin(&out);
        json_text(&line, "userId", w->user);
        json_status(&line, w->online);
        json_text_or_null(&line, "reason", bytes_span(&w->reason));
        json_end(&line);
    } else {
        plain_append(&out, w->user);
        bytes_append_text(&out, w->online ? " is online" : " is offline");
        if (w->reason.len) {
            bytes_append_text(&out, " (");
            plain_append(&out, bytes_span(&w->reason));
            bytes_append_char(&out, ')');
        }
        bytes_append_char(&out, '\n');
    }
    show_out(&out);
}

int command_wait(struct ctl *c, char **args, size_t count)
{
    static struct recovery recovery;
    struct waiting w = {.c = c, .recovery = &recovery};

    int code = argument_user(c, args[0], &w.user);
    if (code == 0)
        code = argument_status(c, args[1], &w.online);
    if (code == 0)
        code = stream_open(&w.stream, c, &hooks, &w);
    if (code != 0)
        return code;
    recovery_init(&recovery);
    recovery_epoch(&recovery, span_of(w.stream.epoch), clock_mono_ms());
    code = run(&w);
    if (code == 0) {
        c->error[0] = '\0';
        show(&w);
    }
    stream_close(&w.stream);
    bytes_finish(&w.reason);
    return code;
}
