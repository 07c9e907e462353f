/* SPDX-License-Identifier: MIT */
/* sessions: what a user's state is made of. */
#include "arguments.h"
#include "base/printable.h"
#include "nodes.h"
#include "show.h"
#include "user.h"

/* The refused heartbeats only of the session that they came on. */
static void show_json(const struct user *u, struct span id, const struct explanation_refusal *refusal,
                      struct bytes *out)
{
    for (size_t i = 0; i < u->session_count; i++) {
        const struct stored_session *s = &u->sessions[i];
        bytes_auto refused = BYTES_INIT;
        user_refusal_json(id, refusal && span_equal(refusal->session, s->name) ? refusal : NULL, &refused);
        show_line(out, SHOW_TEXT("userId", id), SHOW_TEXT("session", s->name),
                  SHOW_OPTIONAL("deviceId", s->device), SHOW_TIME("opened", s->opened_ms),
                  SHOW_TIME("lastBeat", s->beat_ms), SHOW_TIME("deadline", s->deadline_ms),
                  SHOW_OPTIONAL("endsFor", s->reason), SHOW_JSON("refused", &refused));
    }
}

static void add_row(struct table *t, const struct stored_session *s, int64_t now_ms,
                    const struct nodes *nodes)
{
    bytes_auto owner = BYTES_INIT, deadline = BYTES_INIT;
    bool passed = s->deadline_ms < now_ms;
    bytes_append_text(&deadline, passed ? "passed " : "in ");
    printable_duration(&deadline, s->deadline_ms - now_ms);
    bytes_append_text(&deadline, passed ? " ago" : "");
    if (s->reason.len) {
        bytes_append_text(&deadline, " for ");
        printable_append(&deadline, s->reason);
    }
    if (user_session_connected(s))
        nodes_describe(nodes, user_session_node(s), &owner);
    else
        bytes_append_text(&owner,
                          span_equal(user_session_node(s), SPAN("ctl")) ? "presence-ctl" : "another writer");
    show_table_cell(t, COLOR_NONE, s->name);
    show_table_cell(t, COLOR_NONE, s->device);
    show_table_time(t, s->opened_ms, now_ms);
    show_table_time(t, s->beat_ms, now_ms);
    show_table_cell(t, passed ? COLOR_WARN : COLOR_NONE, bytes_span(&deadline));
    show_table_cell(t, COLOR_FAINT, bytes_span(&owner));
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
    show_table_init(&table, headings);
    for (size_t i = 0; i < u->session_count; i++)
        add_row(&table, &u->sessions[i], u->now_ms, &nodes);
    show_table_write(&table, c->color, out);
    show_table_finish(&table);
    nodes_finish(&nodes);
    return 0;
}

/* Below the table, whichever connection it was: that one may be gone. */
static void show_refusal(struct span user, const struct explanation_refusal *r, int64_t now_ms,
                         struct bytes *out)
{
    explanation_of_refusal(user, r, out);
    bytes_append_text(out, ", by ");
    printable_append(out, r->session);
    bytes_append_text(out, ", the last ");
    printable_duration(out, now_ms - r->at_ms);
    bytes_append_text(out, " ago\n");
}

static int sessions(struct ctl *c, char **args, size_t count)
{
    bytes_auto out = BYTES_INIT;
    struct explanation_refusal refusal;
    struct user user;
    struct span id;
    int code = argument_user(c, args[0], &id);
    if (code == 0)
        code = user_load(c, id, &user);
    if (code != 0)
        return code;
    bool refused = user_refusal(&user, &refusal);
    if (c->config.json)
        show_json(&user, id, refused ? &refusal : NULL, &out);
    else if (user.session_count > 0)
        code = show_table(c, &user, &out);
    if (code == 0 && refused && !c->config.json)
        show_refusal(id, &refusal, user.now_ms, &out);
    if (code == 0 && user.session_count == 0)
        code = ctl_fail(c, EXIT_NO, "%s has no sessions%s", args[0],
                        user.online ? ", and yet counts as online: see presence-ctl why" : "");
    user_finish(&user);
    show_out(&out);
    return code;
}

const struct command command_sessions = {
    .info = {"sessions", "USER", "the sessions behind a user's state", CONFIG_OF_COMMAND(config_plain)},
    .run = sessions,
};
