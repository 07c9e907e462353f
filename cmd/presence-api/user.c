/* SPDX-License-Identifier: MIT */
/* GET /api/presence/users/<id>: one user, with the phones that keep him online. */
#include "base/clock.h"
#include "redis/reply.h"
#include "server.h"
#include "wire/json_reader.h"
#include "wire/json_writer.h"

static struct span field(const struct redisReply *hash, const char *name)
{
    return reply_text(reply_field(hash, span_of(name)));
}

static void put_text(const struct redisReply *meta, const char *name, struct bytes *out)
{
    bytes_printf(out, ",\"%s\":", name);
    json_put_text_or_null(out, field(meta, name));
}

static int64_t number(const struct redisReply *meta, const char *name, int64_t otherwise)
{
    uint64_t value;
    return span_to_u64(field(meta, name), INT64_MAX, &value) == 0 ? (int64_t)value : otherwise;
}

/* As viewers are told them: of the last transition. Who else writes presence:meta has no more than the live
 * ones. */
static void put_transition(const struct redisReply *meta, struct bytes *out)
{
    struct span since = field(meta, "sinceDevice");
    int64_t live_ms = number(meta, "lastSeen", 0), seen_ms = number(meta, "sinceSeen", live_ms);
    bytes_append_text(out, ",\"lastSeen\":");
    json_put_ms(out, seen_ms);
    bytes_append_text(out, ",\"deviceId\":");
    json_put_text_or_null(out, since.data ? since : field(meta, "deviceId"));
    bytes_append_text(out, ",\"lastHeartbeat\":");
    json_put_ms(out, live_ms > seen_ms ? live_ms : seen_ms);
}

/* null when there is none, or no number. */
static void put_number(const struct redisReply *meta, const char *name, struct bytes *out)
{
    int64_t value = number(meta, name, -1);
    bytes_printf(out, ",\"%s\":", name);
    if (value >= 0)
        bytes_append_i64(out, value);
    else
        bytes_append_text(out, "null");
}

/* What the phone's last heartbeat brought along. The servers write an object; who else wrote there is not
 * believed. */
static void put_metadata(struct span text, struct bytes *out)
{
    json_reader_auto *json = text.len ? json_reader_load(text) : NULL;
    bytes_append_text(out, ",\"metadata\":");
    if (json_is_object(json))
        bytes_append_span(out, text);
    else
        bytes_append_text(out, "null");
}

/* Heartbeats that came and did not count: why somebody whose phone is connected is offline. */
static void put_refused(struct span text, struct bytes *out)
{
    struct stored_refusal r;
    bytes_append_text(out, ",\"refused\":");
    if (store_refusal_read(text, &r) < 0) {
        bytes_append_text(out, "null");
        return;
    }
    struct span node = span_split(&r.session, '/');
    bytes_append_text(out, "{\"count\":");
    bytes_append_i64(out, r.count);
    bytes_append_text(out, ",\"reason\":");
    bytes_append_json(out, r.reason);
    bytes_append_text(out, ",\"fromId\":");
    json_put_text_or_null(out, r.from);
    bytes_append_text(out, ",\"last\":");
    json_put_ms(out, r.at_ms);
    bytes_append_text(out, ",\"node\":");
    json_put_text_or_null(out, node);
    bytes_append_char(out, '}');
}

static void put_device(const struct stored_session *session, bool first, struct bytes *out)
{
    struct span rest = session->name;
    struct span node = span_split(&rest, '/');
    bytes_append_text(out, first ? "{\"deviceId\":" : ",{\"deviceId\":");
    json_put_text_or_null(out, session->device);
    bytes_append_text(out, ",\"lastSeen\":");
    json_put_ms(out, session->beat_ms);
    bytes_append_text(out, ",\"deadline\":");
    json_put_ms(out, session->deadline_ms);
    bytes_append_text(out, ",\"connectedAt\":");
    json_put_ms(out, session->opened_ms);
    bytes_append_text(out, ",\"node\":");
    json_put_text_or_null(out, node);
    bytes_append_char(out, '}');
}

static void put_devices(const struct redisReply *sessions, const struct redisReply *meta, struct bytes *out)
{
    bool first = true;
    bytes_append_text(out, ",\"devices\":[");
    for (size_t i = 0; i < reply_count(sessions) / 2; i++) {
        struct stored_session session;
        if (store_session_read(sessions, i, meta, &session) < 0)
            continue;
        put_device(&session, first, out);
        first = false;
    }
    bytes_append_char(out, ']');
}

static void put_user(struct span id, bool online, const struct redisReply *meta, struct bytes *out)
{
    bytes_append_text(out, "{\"success\":true,\"userId\":");
    bytes_append_json(out, id);
    bytes_append_text(out, online ? ",\"status\":\"online\"" : ",\"status\":\"offline\"");
    put_transition(meta, out);
}

/* What operators and dashboards want to know besides. */
static void put_details(const struct redisReply *meta, const struct redisReply *sessions, struct bytes *out)
{
    put_text(meta, "role", out);
    put_number(meta, "since", out);
    put_number(meta, "rev", out);
    put_text(meta, "reason", out);
    put_text(meta, "node", out);
    put_metadata(field(meta, "metadata"), out);
    put_refused(field(meta, "refused"), out);
    put_devices(sessions, meta, out);
}

static void answer_user(struct call *c, const struct redisReply *const *replies)
{
    bool seen = scope_sees(c->scope, replies, &c->id, 0);
    const struct redisReply *const *store = replies + c->scoped;
    struct bytes *out = call_answer_json(c);
    bool online = seen && !reply_is_nil(store[2]) && !reply_is_error(store[2]);
    put_user(c->id, online, seen ? store[0] : NULL, out);
    if (scope_sees_details(c->scope, c->id))
        put_details(seen ? store[0] : NULL, seen ? store[1] : NULL, out);
    bytes_append_text(out, ",\"timestamp\":");
    json_put_ms(out, view_redis_ms(&c->server->view, clock_mono_ms()));
    bytes_append_char(out, '}');
}

void user_answer(struct call *c)
{
    const struct server *s = c->server;
    struct bytes *commands = &c->question.commands;
    c->scoped = scope_ask(c->scope, &s->store, s->config.policy.group_key, &c->id, 1, commands);
    store_user(&s->store, c->id, commands);
    call_ask(c, c->scoped + 3, answer_user);
}
