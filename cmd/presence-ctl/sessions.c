/* sessions: what stands behind a user's state. */
#include "base/plain.h"
#include "show.h"
#include "user.h"

static void show_json(const struct stored_session *s, struct span user, struct bytes *out)
{
    struct json_line line = json_begin(out);

    json_text(&line, "userId", user);
    json_text(&line, "session", s->name);
    json_text_or_null(&line, "deviceId", s->device);
    json_time(&line, "opened", s->opened_ms);
    json_time(&line, "lastBeat", s->beat_ms);
    json_time(&line, "deadline", s->deadline_ms);
    json_text_or_null(&line, "endsFor", s->reason);
    json_end(&line);
}

static void row_deadline(struct table *t, const struct stored_session *s, int64_t now_ms)
{
    bytes_auto text = BYTES_INIT;
    bool passed = s->deadline_ms < now_ms;

    bytes_append_text(&text, passed ? "passed " : "in ");
    plain_duration(&text, s->deadline_ms - now_ms);
    bytes_append_text(&text, passed ? " ago" : "");
    if (s->reason.len) {
        bytes_append_text(&text, " for ");
        plain_append(&text, s->reason);
    }
    table_cell(t, passed ? TINT_WARN : TINT_NONE, bytes_span(&text));
}

static void show_row(struct table *t, const struct stored_session *s, const struct user *u,
                     const struct nodes *nodes)
{
    bytes_auto owner = BYTES_INIT;

    if (session_is_connection(s))
        nodes_tell(nodes, session_node(s), &owner);
    else
        bytes_append_text(&owner,
                          span_equal(session_node(s), SPAN("ctl")) ? "presence-ctl" : "another writer");
    table_cell(t, TINT_NONE, s->name);
    table_cell(t, TINT_NONE, s->device);
    table_time(t, s->opened_ms, u->now_ms);
    table_time(t, s->beat_ms, u->now_ms);
    row_deadline(t, s, u->now_ms);
    table_cell(t, TINT_FAINT, bytes_span(&owner));
}

static int show_table(struct ctl *c, const struct user *u, struct bytes *out)
{
    static const char *const headings[] = {"SESSION",  "DEVICE", "OPENED", "LAST SIGN OF LIFE",
                                           "DEADLINE", "OWNER",  NULL};
    struct nodes nodes;
    struct table table;

    int code = nodes_load(c, &nodes);
    if (code != 0)
        return code;
    table_init(&table, headings);
    for (size_t i = 0; i < u->session_count; i++)
        show_row(&table, &u->sessions[i], u, &nodes);
    table_write(&table, c->colour, out);
    table_finish(&table);
    nodes_finish(&nodes);
    return 0;
}

int command_sessions(struct ctl *c, char **args, size_t count)
{
    bytes_auto out = BYTES_INIT;
    struct user user;
    struct span id;

    int code = argument_user(c, args[0], &id);
    if (code == 0)
        code = user_load(c, id, &user);
    if (code != 0)
        return code;
    if (!c->config.json)
        code = user.session_count > 0 ? show_table(c, &user, &out) : 0;
    for (size_t i = 0; i < user.session_count && c->config.json; i++)
        show_json(&user.sessions[i], id, &out);
    if (code == 0 && user.session_count == 0)
        code = ctl_fail(c, EXIT_NO, "%s has no sessions%s", args[0],
                        user.online ? ", and yet counts as online: see presence-ctl why" : "");
    user_finish(&user);
    show_out(&out);
    return code;
}
