/* SPDX-License-Identifier: MIT */
#include "user.h"

#include "base/mem.h"

#include <stdlib.h>

int user_load(struct ctl *c, struct span id, struct user *ret)
{
    bytes_auto commands = BYTES_INIT;
    struct user u = {0};
    int code = ctl_now(c, &u.now_ms);
    if (code != 0)
        return code;
    store_user(&c->store, id, &commands);
    code = ctl_ask(c, bytes_span(&commands), u.replies, 3);
    if (code != 0)
        return code;
    for (size_t i = 0; i < 3; i++) {
        if (!reply_is_error(u.replies[i]) || reply_error_is(u.replies[i], "WRONGTYPE"))
            continue;
        code = ctl_refused(c, u.replies[i]);
        ctl_free_replies(u.replies, 3);
        return code;
    }
    const struct redisReply *pairs = u.replies[1];
    size_t stored = reply_count(pairs) / 2;
    u.online = reply_text(u.replies[2]).data;
    u.sessions = mem_array(stored + 1, sizeof(*u.sessions));
    for (size_t i = 0; i < stored && u.session_count < USER_SESSIONS_MAX; i++)
        u.session_count += store_session_read(pairs, i, u.replies[0], &u.sessions[u.session_count]) == 0;
    *ret = u;
    return 0;
}

void user_finish(struct user *u)
{
    ctl_free_replies(u->replies, 3);
    free(u->sessions);
    u->sessions = NULL;
}

static const struct redisReply *meta_value(const struct user *u, const char *field)
{
    return reply_field(u->replies[0], span_of(field));
}

struct span user_meta(const struct user *u, const char *field)
{
    return reply_text(meta_value(u, field));
}

int64_t user_meta_number(const struct user *u, const char *field)
{
    return reply_integer(meta_value(u, field), 0);
}

bool user_refusal_read(struct span value, int64_t last_seen_ms, int64_t now_ms,
                       struct explanation_refusal *ret)
{
    struct stored_refusal stored;
    if (store_refusal_read(value, &stored) < 0)
        return false;
    *ret =
        (struct explanation_refusal){stored.count, stored.at_ms, stored.reason, stored.session, stored.from};
    return explanation_refusal_matters(ret, last_seen_ms, now_ms);
}

bool user_refusal(const struct user *u, struct explanation_refusal *ret)
{
    return user_refusal_read(user_meta(u, "refused"), user_meta_number(u, "lastSeen"), u->now_ms, ret);
}

void user_refusal_json(struct span user, const struct explanation_refusal *r, struct bytes *out)
{
    bytes_auto text = BYTES_INIT;
    if (!r) {
        bytes_append_text(out, "null");
        return;
    }
    explanation_of_refusal(user, r, &text);
    show_object(out, SHOW_NUMBER("count", r->count), SHOW_TEXT("reason", r->reason),
                SHOW_TEXT("text", bytes_span(&text)), SHOW_TIME("last", r->at_ms),
                SHOW_TEXT("session", r->session), SHOW_OPTIONAL("fromId", r->from));
}

struct span user_session_node(const struct stored_session *s)
{
    struct span name = s->name;
    return span_split(&name, '/');
}

bool user_session_connected(const struct stored_session *s)
{
    struct span node = user_session_node(s);
    return !span_equal(node, SPAN("ctl")) && !span_equal(node, SPAN("external"));
}
