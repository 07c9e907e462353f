#include "user.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static void read_sessions(struct user *u)
{
    const struct redisReply *pairs = u->replies[1];

    u->in_store = reply_count(pairs) / 2;
    u->sessions = mem_array(u->in_store + 1, sizeof(*u->sessions));
    for (size_t i = 0; i < u->in_store && u->session_count < USER_SESSIONS_MAX; i++) {
        struct stored_session *s = &u->sessions[u->session_count];
        struct span name = reply_text(reply_at(pairs, 2 * i)), value = reply_text(reply_at(pairs, 2 * i + 1));
        u->session_count += stored_session_read(name, value, s) == 0;
    }
}

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
        replies_free(u.replies, 3);
        return code;
    }
    u.online = reply_text(u.replies[2]).data != NULL;
    read_sessions(&u);
    *ret = u;
    return 0;
}

void user_finish(struct user *u)
{
    replies_free(u->replies, 3);
    free(u->sessions);
    u->sessions = NULL;
}

static const struct redisReply *meta_value(const struct user *u, const char *field)
{
    for (size_t i = 0; i + 1 < reply_count(u->replies[0]); i += 2)
        if (span_equal(reply_text(reply_at(u->replies[0], i)), span_of(field)))
            return reply_at(u->replies[0], i + 1);
    return NULL;
}

struct span user_meta(const struct user *u, const char *field)
{
    return reply_text(meta_value(u, field));
}

int64_t user_meta_number(const struct user *u, const char *field)
{
    return reply_integer(meta_value(u, field), 0);
}

struct span session_node(const struct stored_session *s)
{
    struct span name = s->name;

    return span_split(&name, '/');
}

bool session_is_connection(const struct stored_session *s)
{
    struct span node = session_node(s);

    return !span_equal(node, SPAN("ctl")) && !span_equal(node, SPAN("external"));
}
