/* The plain reads of store/commands.h: no script, nothing written. */
#include "store/commands.h"
#include "store/keys.h"
#include "store/resp.h"

#include <jansson.h>
#include <string.h>

static void name_arg(const struct store *s, enum key key, struct bytes *out)
{
    bytes_auto name = BYTES_INIT;
    keys_name(s->prefix, key, &name);
    resp_arg(out, bytes_span(&name));
}

static void user_arg(const struct store *s, enum user_key key, struct span user, struct bytes *out)
{
    bytes_auto name = BYTES_INIT;
    keys_user(s->prefix, key, user, &name);
    resp_arg(out, bytes_span(&name));
}

/* Hundreds of commands: what is the same in all is written once. */
void store_status(const struct store *s, const struct span *users, size_t count, struct bytes *out)
{
    static const char hmget[] = "*4\r\n$5\r\nHMGET\r\n", fields[] = "$8\r\nlastSeen\r\n$8\r\ndeviceId\r\n";
    bytes_auto key = BYTES_INIT;
    keys_user(s->prefix, USER_KEY_META, SPAN_NONE, &key);
    size_t head = key.len;
    bytes_reserve(out, (count + 1) * (head + 64));
    resp_begin(out, 2 + count);
    resp_text(out, "ZMSCORE");
    name_arg(s, KEY_DUE, out);
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
    struct span device = reply_text(reply_at(meta, 1));
    ret->online = !reply_is_nil(reply_at(scores, i));
    ret->last_seen_ms = reply_integer(reply_at(meta, 0), 0);
    ret->device = device.len > 0 ? device : SPAN_NONE;
    return 0;
}

void store_epoch(const struct store *s, struct bytes *out)
{
    resp_begin(out, 5);
    resp_text(out, "HMGET");
    name_arg(s, KEY_EPOCH, out);
    resp_text(out, "id");
    resp_text(out, "run_id");
    resp_text(out, "started");
}

void store_user(const struct store *s, struct span user, struct bytes *out)
{
    resp_begin(out, 2);
    resp_text(out, "HGETALL");
    user_arg(s, USER_KEY_META, user, out);
    resp_begin(out, 2);
    resp_text(out, "HGETALL");
    user_arg(s, USER_KEY_SESSIONS, user, out);
    resp_begin(out, 3);
    resp_text(out, "ZSCORE");
    name_arg(s, KEY_DUE, out);
    resp_arg(out, user);
}

static void log_range(const struct store *s, const char *command, const char *from, const char *to,
                      int64_t count, struct bytes *out)
{
    resp_begin(out, 6);
    resp_text(out, command);
    name_arg(s, KEY_LOG, out);
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

int log_entry(const struct redisReply *entries, size_t i, uint64_t *ret_rev, struct span *ret_event)
{
    const struct redisReply *entry = reply_at(entries, i), *fields = reply_at(entry, 1);
    struct span id = reply_text(reply_at(entry, 0)), event = reply_text(reply_at(fields, 1));
    uint64_t rev;
    if (event.data == NULL || span_to_u64(span_split(&id, '-'), UINT64_MAX, &rev) < 0)
        return STORE_ERROR;
    *ret_rev = rev;
    *ret_event = event;
    return 0;
}

void store_group(const char *pattern, struct span group, struct bytes *out)
{
    bytes_auto name = BYTES_INIT;
    keys_group(pattern, group, &name);
    resp_begin(out, 2);
    resp_text(out, "SMEMBERS");
    resp_arg(out, bytes_span(&name));
}

void store_publish(const struct store *s, int channel, struct span payload, struct bytes *out)
{
    resp_begin(out, 3);
    resp_text(out, "PUBLISH");
    name_arg(s, (enum key)channel, out);
    resp_arg(out, payload);
}

static struct span json_span(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value))
        return (struct span){"", 0};
    return (struct span){json_string_value(value), json_string_length(value)};
}

int node_read(const struct redisReply *pairs, size_t i, struct node *ret)
{
    struct span name = reply_text(reply_at(pairs, 2 * i)), text = reply_text(reply_at(pairs, 2 * i + 1));
    json_t *json = text.data ? json_loadb(text.data, text.len, 0, NULL) : NULL;
    if (!json_is_object(json)) {
        json_decref(json);
        return STORE_ERROR;
    }
    ret->name = name;
    ret->program = json_span(json, "program");
    ret->address = json_span(json, "address");
    ret->asserted = json_span(json, "asserted");
    ret->seen_ms = json_integer_value(json_object_get(json, "seen"));
    ret->offset_ms = json_integer_value(json_object_get(json, "offset"));
    ret->json = json;
    return 0;
}

void node_finish(struct node *n)
{
    json_decref(n->json);
    n->json = NULL;
}

int stored_session_read(struct span name, struct span value, struct stored_session *ret)
{
    uint64_t deadline, beat, opened;
    if (span_to_u64(span_split(&value, '\t'), INT64_MAX, &deadline) < 0 ||
        span_to_u64(span_split(&value, '\t'), INT64_MAX, &beat) < 0 ||
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
