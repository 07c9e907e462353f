/* SPDX-License-Identifier: MIT */
/* why: the explanation of a user's state, from the log, the sessions and the daemons. */
#include "arguments.h"
#include "base/arena.h"
#include "base/mem.h"
#include "base/printable.h"
#include "nodes.h"
#include "show.h"
#include "user.h"
#include "wire/event.h"

#include <stdlib.h>
#include <string.h>

#define TRANSITIONS 10
#define PAGE        1000

struct why {
    struct ctl *c;
    struct nodes nodes;
    struct user user;
    struct explanation_transition
        *transitions; /* newest first: those asked for and one more, if there is one */
    size_t count, capacity;
    struct arena texts; /* of the transitions */
    bool from_meta;     /* the log knows nothing of the user: the only transition is that of presence:meta */
    int64_t reaches_ms; /* the oldest entry looked at; 0: the log is empty */
    struct explanation_session *sessions;
    struct explanation_refusal refusal;
    struct explanation explanation;
};

static struct span keep(struct why *w, struct span text)
{
    char *copy = arena_alloc(&w->texts, text.len + 1);
    memcpy(copy, text.data ? text.data : "", text.len);
    return (struct span){copy, text.len};
}

static void add_transition(struct why *w, const struct explanation_transition *t)
{
    if (w->count == w->capacity) {
        w->capacity = w->capacity ? 2 * w->capacity : 16;
        w->transitions = mem_realloc(w->transitions, w->capacity * sizeof(*w->transitions));
    }
    struct explanation_transition *added = &w->transitions[w->count++];
    *added = *t;
    added->reason = keep(w, t->reason);
    added->device = keep(w, t->device);
    added->node = keep(w, t->node);
}

/* Ids that JSON writes as they are can be looked for before an event is parsed. */
static bool is_verbatim(struct span id)
{
    for (size_t i = 0; i < id.len; i++)
        if ((unsigned char)id.data[i] <= ' ' || strchr("\"\\/\x7f", id.data[i]))
            return false;
    return true;
}

static void read_entry(struct why *w, struct span id, struct span text)
{
    struct event event;
    const struct change *change = &event.change;
    if (is_verbatim(id) && !memmem(text.data, text.len, id.data, id.len) &&
        !memchr(text.data, '\\', text.len))
        return;
    if (event_read(text, &event) < 0)
        return;
    struct explanation_transition t = {
        .online = change->online,
        .at_ms = change->timestamp_ms,
        .last_seen_ms = change->last_seen_ms,
        .rev = change->rev,
        .reason = change->reason,
        .device = change->device,
        .node = change->node,
    };
    if (span_equal(change->user, id))
        add_transition(w, &t);
    event_finish(&event);
}

/* The next page backwards; *last is where the one after it begins, 0 at the end. */
static int read_page(struct why *w, struct span id, size_t limit, uint64_t *last)
{
    bytes_auto command = BYTES_INIT;
    reply_auto *reply = NULL;
    struct span text = SPAN_NONE;
    struct event oldest;
    uint64_t rev = 0;
    store_log_back(&w->c->store, *last, PAGE, &command);
    int code = ctl_ask_one(w->c, &command, &reply);
    if (code != 0)
        return code;
    for (size_t i = 0; i < reply_count(reply) && w->count <= limit; i++)
        if (store_log_entry(reply, i, &rev, &text) == 0)
            read_entry(w, id, text);
    if (text.data) {
        w->reaches_ms = 0;
        if (event_read(text, &oldest) == 0) {
            w->reaches_ms = oldest.change.timestamp_ms;
            event_finish(&oldest);
        }
    }
    *last = reply_count(reply) < PAGE || rev == 0 ? 0 : rev - 1;
    return 0;
}

static void read_meta(struct why *w)
{
    const struct user *u = &w->user;
    struct span status = user_meta(u, "status"), device = user_meta(u, "sinceDevice");
    int64_t seen_ms = user_meta_number(u, "sinceSeen");
    struct explanation_transition t = {
        .online = span_equal(status, SPAN("online")),
        .at_ms = user_meta_number(u, "since"),
        .last_seen_ms = seen_ms ? seen_ms : user_meta_number(u, "lastSeen"),
        .rev = (uint64_t)user_meta_number(u, "rev"),
        .reason = user_meta(u, "reason"),
        .device = device.data ? device : user_meta(u, "deviceId"),
        .node = user_meta(u, "node"),
    };
    if (!status.data || t.at_ms <= 0)
        return;
    add_transition(w, &t);
    w->from_meta = true;
}

static void append_time(void *arg, int64_t ms, struct bytes *out)
{
    const struct why *w = arg;
    show_time_append(out, ms, w->user.now_ms);
}

static void append_node(void *arg, struct span name, struct bytes *out)
{
    const struct why *w = arg;
    nodes_describe(&w->nodes, name, out);
}

/* All that is known; the user and the nodes are loaded. */
static int gather(struct why *w, struct span id, size_t limit)
{
    bytes_auto command = BYTES_INIT;
    reply_auto *reply = NULL;
    struct sweep_state sweeps;
    uint64_t last = UINT64_MAX;
    store_sweeps(&w->c->store, &command);
    int code = ctl_ask(w->c, bytes_span(&command), &reply, 1);
    if (code != 0)
        return code;
    store_read_sweeps(reply, &sweeps);
    while (code == 0 && last != 0 && w->count <= limit)
        code = read_page(w, id, limit, &last);
    if (code == 0 && w->count == 0)
        read_meta(w);
    w->sessions = mem_array(w->user.session_count + 1, sizeof(*w->sessions));
    for (size_t i = 0; i < w->user.session_count; i++) {
        const struct stored_session *s = &w->user.sessions[i];
        w->sessions[i] = (struct explanation_session){s->name,      s->device,  s->reason,
                                                      s->opened_ms, s->beat_ms, s->deadline_ms};
    }
    w->explanation = (struct explanation){
        .user = id,
        .now_ms = w->user.now_ms,
        .ttl_ms = w->c->config.policy.ttl_ms,
        .online = w->user.online,
        .transitions = w->transitions,
        .count = w->count,
        .sessions = w->sessions,
        .session_count = w->user.session_count,
        .refusal = user_refusal(&w->user, &w->refusal) ? &w->refusal : NULL,
        .swept = nodes_alive(&w->nodes, NODES_EXPIRYD) > 0,
        .held_ms = sweeps.hold_ms > w->user.now_ms ? sweeps.hold_ms - w->user.now_ms : 0,
        .time = append_time,
        .node = append_node,
        .arg = w,
    };
    return code;
}

static void end_line(struct bytes *out, size_t *length)
{
    if (out->len > *length)
        bytes_append_char(out, '\n');
    *length = out->len;
}

/* The sentences that answer the question, each on a line. */
static void append_answer(const struct explanation *e, struct bytes *out)
{
    size_t length = out->len;
    explanation_headline(e, out);
    end_line(out, &length);
    explanation_cause(e, 0, out);
    end_line(out, &length);
    explanation_before(e, 0, out);
    end_line(out, &length);
    explanation_refused(e, out);
    end_line(out, &length);
    explanation_doubt(e, out);
    end_line(out, &length);
}

static void add_row(struct table *table, const struct explanation *e, size_t i)
{
    const struct explanation_transition *t = &e->transitions[i];
    bytes_auto at = BYTES_INIT, lasted = BYTES_INIT, by = BYTES_INIT;
    show_time_append(&at, t->at_ms, e->now_ms);
    show_table_cell(table, COLOR_NONE, bytes_span(&at));
    show_table_status(table, t->online);
    printable_duration(&lasted, (i == 0 ? e->now_ms : e->transitions[i - 1].at_ms) - t->at_ms);
    bytes_append_text(&lasted, i == 0 ? " so far" : "");
    show_table_cell(table, COLOR_NONE, bytes_span(&lasted));
    show_table_cell(table, COLOR_NONE, t->reason);
    show_table_cell(table, COLOR_NONE, t->device);
    e->node(e->arg, t->node, &by);
    show_table_cell(table, COLOR_FAINT, bytes_span(&by));
}

static void show_text(const struct why *w, size_t shown, struct bytes *out)
{
    static const char *const headings[] = {"AT", "BECAME", "FOR", "REASON", "DEVICE", "BY", NULL};
    const struct explanation *e = &w->explanation;
    struct table table;
    append_answer(e, out);
    bytes_append_text(out, e->session_count ? "\nSessions now:\n" : "\nNo sessions now.\n");
    for (size_t i = 0; i < e->session_count; i++) {
        bytes_append_text(out, "  ");
        explanation_of_session(e, &w->sessions[i], out);
        bytes_append_char(out, '\n');
    }
    if (shown == 0)
        return;
    bytes_append_char(out, '\n');
    show_table_init(&table, headings);
    for (size_t i = shown; i > 0; i--)
        add_row(&table, e, i - 1);
    show_table_write(&table, w->c->color, out);
    show_table_finish(&table);
    if (!w->from_meta)
        return;
    bytes_append_text(out, "Only the last transition is known, from presence:meta: the log ");
    if (w->reaches_ms == 0) {
        bytes_append_text(out, "is empty.\n");
        return;
    }
    bytes_append_text(out, "reaches back to ");
    show_time_append(out, w->reaches_ms, w->user.now_ms);
    bytes_append_text(out, ".\n");
}

static void show_json(const struct why *w, size_t shown, struct bytes *out)
{
    const struct explanation *e = &w->explanation;
    bytes_auto answer = BYTES_INIT, transitions = BYTES_INIT, sessions = BYTES_INIT, refused = BYTES_INIT;
    append_answer(e, &answer);
    bytes_append_char(&transitions, '[');
    for (size_t i = 0; i < shown; i++) {
        const struct explanation_transition *t = &e->transitions[i];
        bytes_append_text(&transitions, i ? "," : "");
        show_object(&transitions, SHOW_STATUS(t->online), SHOW_TIME("timestamp", t->at_ms),
                    SHOW_TIME("lastSeen", t->last_seen_ms), SHOW_OPTIONAL("reason", t->reason),
                    SHOW_OPTIONAL("deviceId", t->device), SHOW_OPTIONAL("node", t->node),
                    SHOW_NUMBER("rev", t->rev));
    }
    bytes_append_char(&transitions, ']');
    bytes_append_char(&sessions, '[');
    for (size_t i = 0; i < e->session_count; i++) {
        const struct explanation_session *s = &w->sessions[i];
        bytes_append_text(&sessions, i ? "," : "");
        show_object(&sessions, SHOW_TEXT("session", s->name), SHOW_OPTIONAL("deviceId", s->device),
                    SHOW_TIME("opened", s->opened_ms), SHOW_TIME("lastBeat", s->beat_ms),
                    SHOW_TIME("deadline", s->deadline_ms));
    }
    bytes_append_char(&sessions, ']');
    user_refusal_json(e->user, e->refusal, &refused);
    show_line(out, SHOW_TEXT("userId", e->user), SHOW_STATUS(e->online),
              SHOW_TEXT("why", span_trim((struct span){answer.data, answer.len ? answer.len - 1 : 0})),
              SHOW_JSON("transitions", &transitions), SHOW_JSON("sessions", &sessions),
              SHOW_JSON("refused", &refused));
}

static int why(struct ctl *c, char **args, size_t count)
{
    size_t limit = c->config.limit > 0 ? (size_t)c->config.limit : TRANSITIONS;
    bytes_auto out = BYTES_INIT;
    struct why w = {.c = c};
    struct span id;
    int code = argument_user(c, args[0], &id);
    if (code == 0)
        code = nodes_load(c, &w.nodes);
    if (code == 0)
        code = user_load(c, id, &w.user);
    if (code == 0)
        code = gather(&w, id, limit);
    if (code == 0) {
        size_t shown = w.count < limit ? w.count : limit;
        if (c->config.json)
            show_json(&w, shown, &out);
        else
            show_text(&w, shown, &out);
        show_out(&out);
        code = w.count || w.user.online ? EXIT_YES : EXIT_NO;
    }
    free(w.sessions);
    free(w.transitions);
    arena_finish(&w.texts);
    user_finish(&w.user);
    nodes_finish(&w.nodes);
    return code;
}

static const struct setting_table tables[] = {CONFIG_LIMIT, CONFIG_PRESENCE};

const struct command command_why = {
    .info = {"why", "USER", "the last transitions of a user, and why they came", CONFIG_OF_COMMAND(tables)},
    .run = why,
};
