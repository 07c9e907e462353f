/* GET /api/presence/users/<id>: one user, with the phones that keep him online. */
#include "base/clock.h"
#include "server.h"
#include "store/reply.h"
#include "wire/jsonput.h"
#include "wire/jsontext.h"

/* The value of a field in a HGETALL; SPAN_NONE without. */
static struct span field(const struct redisReply *hash, const char *name)
{
    for (size_t i = 0; i + 1 < reply_count(hash); i += 2)
        if (span_equal(reply_text(reply_at(hash, i)), span_of(name)))
            return reply_text(reply_at(hash, i + 1));
    return SPAN_NONE;
}

static void put_text(const struct redisReply *meta, const char *name, struct bytes *out)
{
    bytes_printf(out, ",\"%s\":", name);
    jsonput_text_or_null(out, field(meta, name));
}

/* `otherwise` when there is none, or no number. */
static void put_number(const struct redisReply *meta, const char *name, const char *otherwise,
                       struct bytes *out)
{
    struct span text = field(meta, name);
    uint64_t value;
    bytes_printf(out, ",\"%s\":", name);
    if (span_to_u64(text, INT64_MAX, &value) == 0)
        bytes_append_u64(out, value);
    else
        bytes_append_text(out, otherwise);
}

/* What the phone's last heartbeat brought along. The servers write an object; who else wrote there is not
 * believed. */
static void put_metadata(struct span text, struct bytes *out)
{
    jsontext_auto *json = text.len ? jsontext_load(text) : NULL;
    bytes_append_text(out, ",\"metadata\":");
    if (json_is_object(json))
        bytes_append_span(out, text);
    else
        bytes_append_text(out, "null");
}

static void put_device(const struct stored_session *session, bool first, struct bytes *out)
{
    struct span rest = session->name;
    struct span node = span_split(&rest, '/');
    bytes_append_text(out, first ? "{\"deviceId\":" : ",{\"deviceId\":");
    jsonput_text_or_null(out, session->device);
    bytes_append_text(out, ",\"lastSeen\":");
    jsonput_ms(out, session->beat_ms);
    bytes_append_text(out, ",\"deadline\":");
    jsonput_ms(out, session->deadline_ms);
    bytes_append_text(out, ",\"connectedAt\":");
    jsonput_ms(out, session->opened_ms);
    bytes_append_text(out, ",\"node\":");
    jsonput_text_or_null(out, node);
    bytes_append_char(out, '}');
}

static void put_devices(const struct redisReply *sessions, struct bytes *out)
{
    bool first = true;
    bytes_append_text(out, ",\"devices\":[");
    for (size_t i = 0; i + 1 < reply_count(sessions); i += 2) {
        struct stored_session session;
        if (stored_session_read(reply_text(reply_at(sessions, i)), reply_text(reply_at(sessions, i + 1)),
                                &session) < 0)
            continue;
        put_device(&session, first, out);
        first = false;
    }
    bytes_append_char(out, ']');
}

static void put_user(struct span id, bool online, const struct redisReply *meta,
                     const struct redisReply *sessions, struct bytes *out)
{
    bytes_append_text(out, "{\"success\":true,\"userId\":");
    bytes_append_json(out, id);
    bytes_append_text(out, online ? ",\"status\":\"online\"" : ",\"status\":\"offline\"");
    put_number(meta, "lastSeen", "0", out);
    put_text(meta, "deviceId", out);
    put_text(meta, "role", out);
    put_number(meta, "since", "null", out);
    put_number(meta, "rev", "null", out);
    put_text(meta, "reason", out);
    put_text(meta, "node", out);
    put_metadata(field(meta, "metadata"), out);
    put_devices(sessions, out);
}

void user_answer(struct call *c, struct span id)
{
    struct server *s = c->server;
    struct pool_answers a;
    bytes_auto commands = BYTES_INIT;
    size_t scoped = scope_ask(c->scope, &s->store, s->config.policy.group_key, &id, 1, &commands);
    store_user(&s->store, id, &commands);
    if (ask(c, &commands, scoped + 3, &a) < 0)
        return;
    bool seen = scope_sees(c->scope, a.replies, &id, 0);
    struct redisReply *const *store = a.replies + scoped;
    struct bytes *out = answer_json(c);
    bool online = seen && !reply_is_nil(store[2]) && !reply_is_error(store[2]);
    put_user(id, online, seen ? store[0] : NULL, seen ? store[1] : NULL, out);
    bytes_append_text(out, ",\"timestamp\":");
    jsonput_ms(out, view_redis_ms(&s->view, clock_mono_ms()));
    bytes_append_char(out, '}');
    pool_answers_finish(&a);
}
