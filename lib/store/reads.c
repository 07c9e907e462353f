/* SPDX-License-Identifier: MIT */
#include "store/reads.h"

#include "presence/recovery.h"
#include "redis/resp.h"

#include <jansson.h>
#include <string.h>

#define TIME_MOST_MS INT64_C(999999999999999) /* 15 digits: what lies beyond is another program's */

static void name_arg(const struct store *s, enum key key, struct bytes *out)
{
    bytes_auto name = BYTES_INIT;
    keys_name(s->prefix, key, &name);
    resp_arg(out, bytes_span(&name));
}

/* The beginning of a command on one key, with so many arguments more. */
static void begin(const struct store *s, const char *command, enum key key, size_t more, struct bytes *out)
{
    resp_begin(out, 2 + more);
    resp_text(out, command);
    name_arg(s, key, out);
}

static void begin_user(const struct store *s, const char *command, enum user_key key, struct span user,
                       size_t more, struct bytes *out)
{
    bytes_auto name = BYTES_INIT;
    keys_user(s->prefix, key, user, &name);
    resp_begin(out, 2 + more);
    resp_text(out, command);
    resp_arg(out, bytes_span(&name));
}

static void begin_group(const char *pattern, const char *command, struct span group, size_t more,
                        struct bytes *out)
{
    bytes_auto name = BYTES_INIT;
    keys_group(pattern, group, &name);
    resp_begin(out, 2 + more);
    resp_text(out, command);
    resp_arg(out, bytes_span(&name));
}

void store_time(struct bytes *out)
{
    resp_command(out, "TIME", NULL);
}

int store_read_time(const struct redisReply *reply, int64_t *ret_ms)
{
    if (!reply_is_array(reply))
        return STORE_ERROR;
    *ret_ms = reply_integer(reply_at(reply, 0), 0) * 1000 + reply_integer(reply_at(reply, 1), 0) / 1000;
    return 0;
}

void store_online(const struct store *s, struct bytes *out)
{
    begin(s, "ZCARD", KEY_DUE, 0, out);
}

void store_nodes(const struct store *s, struct bytes *out)
{
    begin(s, "HGETALL", KEY_NODES, 0, out);
}

void store_epoch(const struct store *s, struct bytes *out)
{
    begin(s, "HMGET", KEY_EPOCH, 3, out);
    resp_text(out, "id");
    resp_text(out, "run_id");
    resp_text(out, "started");
}

void store_position(const struct store *s, struct bytes *out)
{
    resp_command(out, "MULTI", NULL);
    store_epoch(s, out);
    begin(s, "GET", KEY_REV, 0, out);
    resp_command(out, "EXEC", NULL);
}

int store_read_position(const struct redisReply *last, struct store_position *ret)
{
    if (!reply_is_array(last))
        return STORE_ERROR;
    ret->epoch = reply_text(reply_at(reply_at(last, 0), 0));
    ret->rev = (uint64_t)reply_integer(reply_at(last, 1), 0);
    return 0;
}

void store_sweeps(const struct store *s, struct bytes *out)
{
    begin(s, "HMGET", KEY_EPOCH, 3, out);
    resp_text(out, "swept");
    resp_text(out, "hold");
    resp_text(out, "run_id");
}

void store_read_sweeps(const struct redisReply *reply, struct sweep_state *ret)
{
    ret->swept_ms = reply_integer(reply_at(reply, 0), 0);
    ret->hold_ms = reply_integer(reply_at(reply, 1), 0);
    ret->run_id = reply_text(reply_at(reply, 2));
}

/* Hundreds of commands: what is the same in all is written once. */
void store_status(const struct store *s, const struct span *users, size_t count, struct bytes *out)
{
    static const char hmget[] = "*6\r\n$5\r\nHMGET\r\n", fields[] =
                                                             "$8\r\nlastSeen\r\n$8\r\ndeviceId\r\n"
                                                             "$9\r\nsinceSeen\r\n$11\r\nsinceDevice\r\n";
    bytes_auto key = BYTES_INIT;
    keys_user(s->prefix, USER_KEY_META, SPAN_NONE, &key);
    size_t head = key.len;
    bytes_reserve(out, (count + 1) * (head + 100));
    begin(s, "ZMSCORE", KEY_DUE, count, out);
    for (size_t i = 0; i < count; i++)
        resp_arg(out, users[i]);
    for (size_t i = 0; i < count; i++) {
        key.len = head;
        bytes_append_span(&key, users[i]);
        bytes_append(out, hmget, sizeof(hmget) - 1);
        resp_arg(out, bytes_span(&key));
        bytes_append(out, fields, sizeof(fields) - 1);
    }
}

int store_read_status(const struct redisReply *scores, size_t i, const struct redisReply *meta,
                      struct status_answer *ret)
{
    if (!reply_is_array(scores) || i >= reply_count(scores))
        return STORE_ERROR;
    int64_t live_ms = reply_integer(reply_at(meta, 0), 0);
    const struct redisReply *since_device = reply_at(meta, 3);
    struct span device = reply_text(reply_is_nil(since_device) ? reply_at(meta, 1) : since_device);
    ret->online = !reply_is_nil(reply_at(scores, i));
    ret->last_seen_ms = reply_integer(reply_at(meta, 2), live_ms);
    ret->last_heartbeat_ms = live_ms > ret->last_seen_ms ? live_ms : ret->last_seen_ms;
    ret->device = device.len > 0 ? device : SPAN_NONE;
    return 0;
}

void store_user(const struct store *s, struct span user, struct bytes *out)
{
    begin_user(s, "HGETALL", USER_KEY_META, user, 0, out);
    begin_user(s, "HGETALL", USER_KEY_SESSIONS, user, 0, out);
    begin(s, "ZSCORE", KEY_DUE, 1, out);
    resp_arg(out, user);
}

void store_index_page(const struct store *s, struct span cursor, int64_t count, struct bytes *out)
{
    begin(s, "ZSCAN", KEY_DUE, 3, out);
    resp_arg(out, cursor);
    resp_text(out, "COUNT");
    resp_integer(out, count);
}

void store_keys_page(const struct store *s, struct span cursor, int64_t count, struct bytes *out)
{
    bytes_auto pattern = BYTES_INIT;
    keys_pattern(s->prefix, &pattern);
    resp_begin(out, 6);
    resp_text(out, "SCAN");
    resp_arg(out, cursor);
    resp_text(out, "MATCH");
    resp_arg(out, bytes_span(&pattern));
    resp_text(out, "COUNT");
    resp_integer(out, count);
}

int store_read_page(const struct redisReply *reply, struct span *ret_cursor,
                    const struct redisReply **ret_items)
{
    if (!reply_is_array(reply_at(reply, 1)))
        return STORE_ERROR;
    *ret_cursor = reply_text(reply_at(reply, 0));
    *ret_items = reply_at(reply, 1);
    return 0;
}

static void log_range(const struct store *s, const char *command, const char *from, const char *to,
                      int64_t count, struct bytes *out)
{
    begin(s, command, KEY_LOG, 4, out);
    resp_text(out, from);
    resp_text(out, to);
    resp_text(out, "COUNT");
    resp_integer(out, count);
}

void store_log(const struct store *s, uint64_t first, int64_t count, struct bytes *out)
{
    bytes_auto from = BYTES_INIT;
    bytes_append_u64(&from, first);
    log_range(s, "XRANGE", bytes_text(&from), "+", count, out);
}

void store_log_back(const struct store *s, uint64_t last, int64_t count, struct bytes *out)
{
    bytes_auto from = BYTES_INIT;
    bytes_append_u64(&from, last);
    log_range(s, "XREVRANGE", last == UINT64_MAX ? "+" : bytes_text(&from), "-", count, out);
}

int store_log_entry(const struct redisReply *entries, size_t i, uint64_t *ret_rev, struct span *ret_event)
{
    const struct redisReply *entry = reply_at(entries, i), *fields = reply_at(entry, 1);
    struct span id = reply_text(reply_at(entry, 0)), event = reply_text(reply_at(fields, 1));
    uint64_t rev;
    if (!event.data || span_to_u64(span_split(&id, '-'), UINT64_MAX, &rev) < 0)
        return STORE_ERROR;
    *ret_rev = rev;
    *ret_event = event;
    return 0;
}

void store_log_type(const struct store *s, struct bytes *out)
{
    begin(s, "TYPE", KEY_LOG, 0, out);
}

void store_group(const char *pattern, struct span group, struct bytes *out)
{
    begin_group(pattern, "SMEMBERS", group, 0, out);
}

void store_group_count(const char *pattern, struct span group, struct bytes *out)
{
    begin_group(pattern, "SCARD", group, 0, out);
}

void store_group_page(const char *pattern, struct span group, struct span cursor, int64_t count,
                      struct bytes *out)
{
    begin_group(pattern, "SSCAN", group, 3, out);
    resp_arg(out, cursor);
    resp_text(out, "COUNT");
    resp_integer(out, count);
}

void store_group_has(const char *pattern, struct span group, const struct span *users, size_t count,
                     struct bytes *out)
{
    begin_group(pattern, "SMISMEMBER", group, count, out);
    for (size_t i = 0; i < count; i++)
        resp_arg(out, users[i]);
}

void store_publish(const struct store *s, enum key channel, struct span payload, struct bytes *out)
{
    begin(s, "PUBLISH", channel, 1, out);
    resp_arg(out, payload);
}

void store_subscribe(const struct store *s, enum key channel, struct bytes *out)
{
    begin(s, "SUBSCRIBE", channel, 0, out);
}

void store_subscribers(const struct store *s, enum key channel, struct bytes *out)
{
    resp_begin(out, 3);
    resp_text(out, "PUBSUB");
    resp_text(out, "NUMSUB");
    name_arg(s, channel, out);
}

int64_t store_read_subscribers(const struct redisReply *reply)
{
    return reply_integer(reply_at(reply, 1), -1);
}

static void probe(const struct store *s, const char *command, const char *id, const char *payload,
                  struct bytes *out)
{
    bytes_auto channel = BYTES_INIT;
    bytes_printf(&channel, "%sdoctor:%s", s->prefix, id);
    resp_command(out, command, bytes_text(&channel), payload, NULL);
}

void store_probe_subscribe(const struct store *s, const char *id, struct bytes *out)
{
    probe(s, "SUBSCRIBE", id, NULL, out);
}

void store_probe_publish(const struct store *s, const char *id, struct bytes *out)
{
    probe(s, "PUBLISH", id, "doctor", out);
}

void store_info(const char *section, struct bytes *out)
{
    resp_command(out, "INFO", section, NULL);
}

void store_notifications(struct bytes *out)
{
    resp_command(out, "CONFIG", "GET", "notify-keyspace-events", NULL);
}

static struct span json_span(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value))
        return (struct span){"", 0};
    return (struct span){json_string_value(value), json_string_length(value)};
}

/* Nobody's word moves a revocation further than the leeway. */
static int64_t ahead_read(const json_t *value)
{
    json_int_t ahead_s = json_integer_value(value);
    if (ahead_s < 0)
        return 0;
    return ahead_s < ISSUER_LEAD_MAX_S ? ahead_s : ISSUER_LEAD_MAX_S;
}

/* A TTL is a day at most; what lies beyond is nobody's setting. */
static int64_t ttl_read(const json_t *value)
{
    json_int_t ttl_ms = json_integer_value(value);
    return ttl_ms > 0 && ttl_ms <= NODE_TTL_MAX_MS ? ttl_ms : 0;
}

int store_node_read(const struct redisReply *pairs, size_t i, struct node *ret)
{
    struct span name = reply_text(reply_at(pairs, 2 * i)), text = reply_text(reply_at(pairs, 2 * i + 1));
    json_t *json = text.data ? json_loadb(text.data, text.len, 0, NULL) : NULL;
    if (!json_is_object(json)) {
        json_decref(json);
        return STORE_ERROR;
    }
    const json_t *left = json_object_get(json, "left");
    ret->name = name;
    ret->program = json_span(json, "program");
    ret->address = json_span(json, "address");
    ret->asserted = json_span(json, "asserted");
    ret->seen_ms = json_integer_value(json_object_get(json, "seen"));
    ret->offset_ms = json_integer_value(json_object_get(json, "offset"));
    ret->ahead_s = ahead_read(json_object_get(json, "ahead"));
    ret->left = json_is_integer(left) ? json_integer_value(left) : -1;
    ret->ttl_ms = ttl_read(json_object_get(json, "ttl"));
    ret->json = json;
    return 0;
}

int64_t store_nodes_longest_ttl(const struct redisReply *pairs, int64_t own_ms)
{
    int64_t longest_ms = 0;
    for (size_t i = 0; i < reply_count(pairs) / 2; i++) {
        struct node node;
        if (store_node_read(pairs, i, &node) < 0)
            continue;
        longest_ms = node.ttl_ms > longest_ms ? node.ttl_ms : longest_ms;
        store_node_finish(&node);
    }
    return longest_ms ? longest_ms : own_ms;
}

size_t store_nodes_count_alive(const struct redisReply *pairs, const char *program, int64_t now_ms)
{
    size_t count = 0;
    for (size_t i = 0; i < reply_count(pairs) / 2; i++) {
        struct node node;
        if (store_node_read(pairs, i, &node) < 0)
            continue;
        count += span_equal(node.program, span_of(program)) && now_ms - node.seen_ms <= RECOVERY_ALIVE_MS;
        store_node_finish(&node);
    }
    return count;
}

void store_node_finish(struct node *n)
{
    json_decref(n->json);
    n->json = NULL;
}

int store_session_value_read(struct span name, struct span value, struct stored_session *ret)
{
    uint64_t deadline, beat, opened;
    if (span_to_u64(span_split(&value, '\t'), INT64_MAX / 2, &deadline) < 0 ||
        span_to_u64(span_split(&value, '\t'), INT64_MAX / 2, &beat) < 0 ||
        span_to_u64(span_split(&value, '\t'), INT64_MAX, &opened) < 0)
        return STORE_ERROR;
    ret->name = name;
    ret->deadline_ms = (int64_t)deadline;
    ret->beat_ms = (int64_t)beat;
    ret->opened_ms = (int64_t)opened;
    ret->reason = span_split(&value, '\t');
    ret->groups = span_split(&value, '\t');
    ret->device = value;
    return 0;
}

/* As take_beat in prelude.lua. */
int store_session_read(const struct redisReply *sessions, size_t i, const struct redisReply *meta,
                       struct stored_session *ret)
{
    struct span name = reply_text(reply_at(sessions, 2 * i));
    uint64_t beat;
    if (store_session_value_read(name, reply_text(reply_at(sessions, 2 * i + 1)), ret) < 0)
        return STORE_ERROR;
    if (span_to_u64(reply_text(reply_field(meta, name)), TIME_MOST_MS, &beat) == 0 &&
        (int64_t)beat > ret->beat_ms) {
        ret->deadline_ms += (int64_t)beat - ret->beat_ms;
        ret->beat_ms = (int64_t)beat;
    }
    return 0;
}

int store_refusal_read(struct span value, struct stored_refusal *ret)
{
    uint64_t count, at;
    if (span_to_u64(span_split(&value, '\t'), INT64_MAX, &count) < 0)
        return STORE_ERROR;
    struct span reason = span_split(&value, '\t');
    if (span_to_u64(span_split(&value, '\t'), INT64_MAX, &at) < 0)
        return STORE_ERROR;
    struct span session = span_split(&value, '\t');
    if (session.len == 0)
        return STORE_ERROR;
    *ret = (struct stored_refusal){(int64_t)count, (int64_t)at, reason, session, value};
    return 0;
}

void store_refusals(const struct store *s, const struct span *users, size_t count, struct bytes *out)
{
    for (size_t i = 0; i < count; i++) {
        begin_user(s, "HGET", USER_KEY_META, users[i], 1, out);
        resp_text(out, "refused");
    }
}

void store_refused_users(const struct store *s, int64_t since_ms, struct bytes *out)
{
    begin(s, "ZRANGEBYSCORE", KEY_REFUSED, 6, out);
    resp_integer(out, since_ms);
    resp_text(out, "+inf");
    resp_text(out, "WITHSCORES");
    resp_text(out, "LIMIT");
    resp_integer(out, 0);
    resp_integer(out, 1000);
}
