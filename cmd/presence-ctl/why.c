/* why: the story of a user, from the log, the sessions and the daemons. */
#include "base/mem.h"
#include "base/plain.h"
#include "history.h"
#include "show.h"
#include "store/keys.h"
#include "store/resp.h"

#include <stdlib.h>

#define TRANSITIONS 10

struct telling {
    struct ctl *c;
    struct nodes nodes;
    struct user user;
    struct history history;
    struct story story;
    struct story_session *sessions;
};

static void show_time(void *arg, int64_t ms, struct bytes *out)
{
    const struct telling *t = arg;

    time_append(out, ms, t->user.now_ms);
}

static void show_node(void *arg, struct span name, struct bytes *out)
{
    const struct telling *t = arg;

    nodes_tell(&t->nodes, name, out);
}

static int load_held(struct ctl *c, int64_t now_ms, int64_t *ret_held_ms)
{
    bytes_auto command = BYTES_INIT, name = BYTES_INIT;
    struct redisReply *reply;

    keys_name(c->store.prefix, KEY_EPOCH, &name);
    resp_command(&command, "HGET", bytes_text(&name), "hold", NULL);
    int code = ctl_ask(c, bytes_span(&command), &reply, 1);
    if (code != 0)
        return code;
    int64_t until_ms = reply_integer(reply, 0);
    *ret_held_ms = until_ms > now_ms ? until_ms - now_ms : 0;
    reply_free(reply);
    return 0;
}

static void tell_sessions(struct telling *t)
{
    t->sessions = mem_array(t->user.session_count + 1, sizeof(*t->sessions));
    for (size_t i = 0; i < t->user.session_count; i++) {
        const struct stored_session *s = &t->user.sessions[i];
        t->sessions[i] =
            (struct story_session){s->name, s->device, s->reason, s->opened_ms, s->beat_ms, s->deadline_ms};
    }
}

static void begin_story(struct telling *t, struct span id, size_t limit)
{
    size_t known = t->history.count;

    tell_sessions(t);
    t->story = (struct story){
        .user = id,
        .now_ms = t->user.now_ms,
        .ttl_ms = t->c->config.policy.ttl_ms,
        .online = t->user.online,
        .transitions = t->history.items,
        .count = known,
        .sessions = t->sessions,
        .session_count = t->user.session_count,
        .swept = nodes_alive(&t->nodes, PROGRAM_EXPIRY) > 0,
        .held_ms = t->story.held_ms,
        .time = show_time,
        .node = show_node,
        .arg = t,
    };
}

static void sentence(struct bytes *out, const struct story *s,
                     void (*tell)(const struct story *s, struct bytes *out))
{
    size_t before = out->len;

    tell(s, out);
    if (out->len > before)
        bytes_append_char(out, '\n');
}

static void cause(const struct story *s, struct bytes *out)
{
    story_cause(s, 0, out);
}

static void before(const struct story *s, struct bytes *out)
{
    story_before(s, 0, out);
}

/* The sentences that answer the question. */
static void answer(const struct story *s, struct bytes *out)
{
    sentence(out, s, story_headline);
    sentence(out, s, cause);
    sentence(out, s, before);
    sentence(out, s, story_doubt);
}

static void list_sessions(const struct telling *t, struct bytes *out)
{
    if (t->story.session_count == 0)
        bytes_append_text(out, "\nNo sessions now.\n");
    else
        bytes_append_text(out, "\nSessions now:\n");
    for (size_t i = 0; i < t->story.session_count; i++) {
        bytes_append_text(out, "  ");
        story_of_session(&t->story, &t->sessions[i], out);
        bytes_append_char(out, '\n');
    }
}

static void cell_lasted(struct table *table, const struct story *s, size_t i)
{
    bytes_auto text = BYTES_INIT;
    int64_t end_ms = i == 0 ? s->now_ms : s->transitions[i - 1].at_ms;

    plain_duration(&text, end_ms - s->transitions[i].at_ms);
    bytes_append_text(&text, i == 0 ? " so far" : "");
    table_cell(table, TINT_NONE, bytes_span(&text));
}

static void transition_row(struct table *table, const struct story *s, size_t i)
{
    const struct story_transition *t = &s->transitions[i];
    bytes_auto at = BYTES_INIT, by = BYTES_INIT;

    time_append(&at, t->at_ms, s->now_ms);
    table_cell(table, TINT_NONE, bytes_span(&at));
    table_status(table, t->online);
    cell_lasted(table, s, i);
    table_cell(table, TINT_NONE, t->reason);
    table_cell(table, TINT_NONE, t->device);
    s->node(s->arg, t->node, &by);
    table_cell(table, TINT_FAINT, bytes_span(&by));
}

static void list_transitions(const struct telling *t, size_t limit, struct bytes *out)
{
    static const char *const headings[] = {"AT", "BECAME", "FOR", "REASON", "DEVICE", "BY", NULL};
    size_t shown = t->story.count < limit ? t->story.count : limit;
    struct table table;

    if (shown == 0)
        return;
    bytes_append_char(out, '\n');
    table_init(&table, headings);
    for (size_t i = shown; i > 0; i--)
        transition_row(&table, &t->story, i - 1);
    table_write(&table, t->c->colour, out);
    table_finish(&table);
    if (t->history.from_meta) {
        bytes_append_text(out, "Only the last transition is known, from presence:meta: the log ");
        if (t->history.reaches_ms == 0) {
            bytes_append_text(out, "is empty.\n");
            return;
        }
        bytes_append_text(out, "reaches back to ");
        time_append(out, t->history.reaches_ms, t->user.now_ms);
        bytes_append_text(out, ".\n");
    }
}

static void json_transitions(const struct telling *t, size_t limit, struct json_line *line)
{
    size_t shown = t->story.count < limit ? t->story.count : limit;

    json_name(line, "transitions");
    bytes_append_char(line->out, '[');
    for (size_t i = 0; i < shown; i++) {
        const struct story_transition *it = &t->story.transitions[i];
        bytes_append_text(line->out, i ? "," : "");
        struct json_line inner = json_begin(line->out);
        json_status(&inner, it->online);
        json_time(&inner, "timestamp", it->at_ms);
        json_time(&inner, "lastSeen", it->last_seen_ms);
        json_text_or_null(&inner, "reason", it->reason);
        json_text_or_null(&inner, "deviceId", it->device);
        json_text_or_null(&inner, "node", it->node);
        json_integer(&inner, "rev", (int64_t)it->rev);
        json_close(&inner);
    }
    bytes_append_char(line->out, ']');
}

static void json_sessions(const struct telling *t, struct json_line *line)
{
    json_name(line, "sessions");
    bytes_append_char(line->out, '[');
    for (size_t i = 0; i < t->story.session_count; i++) {
        const struct story_session *s = &t->sessions[i];
        bytes_append_text(line->out, i ? "," : "");
        struct json_line inner = json_begin(line->out);
        json_text(&inner, "session", s->name);
        json_text_or_null(&inner, "deviceId", s->device);
        json_time(&inner, "opened", s->opened_ms);
        json_time(&inner, "lastBeat", s->beat_ms);
        json_time(&inner, "deadline", s->deadline_ms);
        json_close(&inner);
    }
    bytes_append_char(line->out, ']');
}

static void show_json(const struct telling *t, size_t limit, struct bytes *out)
{
    struct json_line line = json_begin(out);
    bytes_auto why = BYTES_INIT;

    answer(&t->story, &why);
    json_text(&line, "userId", t->story.user);
    json_status(&line, t->story.online);
    json_text(&line, "why", span_trim((struct span){why.data, why.len ? why.len - 1 : 0}));
    json_transitions(t, limit, &line);
    json_sessions(t, &line);
    json_end(&line);
}

static void show(const struct telling *t, size_t limit, struct bytes *out)
{
    if (t->c->config.json) {
        show_json(t, limit, out);
        return;
    }
    answer(&t->story, out);
    list_sessions(t, out);
    list_transitions(t, limit, out);
}

static int tell(struct telling *t, struct span id, size_t limit)
{
    bytes_auto out = BYTES_INIT;

    int code = load_held(t->c, t->user.now_ms, &t->story.held_ms);
    if (code == 0)
        code = history_load(t->c, id, &t->user, limit, &t->history);
    if (code != 0)
        return code;
    begin_story(t, id, limit);
    show(t, limit, &out);
    show_out(&out);
    code = t->story.count || t->story.online ? EXIT_YES : EXIT_NO;
    free(t->sessions);
    history_finish(&t->history);
    return code;
}

int command_why(struct ctl *c, char **args, size_t count)
{
    size_t limit = c->config.limit > 0 ? (size_t)c->config.limit : TRANSITIONS;
    struct telling t = {.c = c};
    struct span id;

    int code = argument_user(c, args[0], &id);
    if (code == 0)
        code = nodes_load(c, &t.nodes);
    if (code != 0)
        return code;
    code = user_load(c, id, &t.user);
    if (code == 0) {
        code = tell(&t, id, limit);
        user_finish(&t.user);
    }
    nodes_finish(&t.nodes);
    return code;
}
