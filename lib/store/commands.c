/* SPDX-License-Identifier: MIT */
#include "store/commands.h"

#include "redis/resp.h"
#include "store/keys.h"
#include "store/scripts.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

static void name_arg(const struct store *s, enum key key, struct bytes *out)
{
    bytes_auto name = BYTES_INIT;
    keys_name(s->prefix, key, &name);
    resp_arg(out, bytes_span(&name));
}

void store_load_script(enum script script, struct bytes *out)
{
    const struct script_info *info = script_info(script);
    resp_begin(out, 3);
    resp_text(out, "EVAL");
    resp_arg(out, (struct span){info->text, *info->len});
    resp_integer(out, 0);
}

static void begin_script(const struct store *s, enum script script, size_t more, struct bytes *out)
{
    resp_begin(out, STORE_HEAD_ARGS + more);
    resp_text(out, "EVALSHA");
    resp_text(out, script_info(script)->sha1);
    resp_integer(out, 1);
    name_arg(s, KEY_DUE, out);
    resp_text(out, s->prefix);
    resp_text(out, s->run_id);
    resp_integer(out, s->db);
    resp_integer(out, (int64_t)s->known_rev);
    resp_integer(out, s->log_max);
    resp_text(out, s->node);
    resp_integer(out, (int64_t)s->generation);
}

static int check_script(const struct redisReply *reply, size_t count)
{
    if (reply_error_is(reply, "FENCED"))
        return STORE_FENCED;
    if (!reply_is_array(reply) || reply_count(reply) < count)
        return STORE_ERROR;
    return 0;
}

const char *store_connection_fault(int result, const struct redisReply *reply)
{
    if (result == STORE_FENCED)
        return "a later connection has spoken for this node";
    if (reply_error_is(reply, "READONLY"))
        return "it is a read-only replica";
    if (reply_error_is(reply, "FOREIGN"))
        return "a key of another program stands in the place of one of presence's";
    return NULL;
}

static void read_state(const struct redisReply *reply, bool counts, struct store_state *ret)
{
    ret->now_ms = reply_integer(reply_at(reply, 0), 0);
    ret->epoch = reply_text(reply_at(reply, 1));
    ret->rev = (uint64_t)reply_integer(reply_at(reply, 2), 0);
    ret->online = counts ? reply_integer(reply_at(reply, 3), -1) : -1;
}

static bool op_lives(enum session_op_kind kind)
{
    return kind == OP_OPEN || kind == OP_BEAT || kind == OP_ASSERT;
}

/* The end of a session's value as the hash holds it, so that the script need not put it together; of a
 * session that ends, the metadata not written yet. */
static void tail_arg(const struct session_op *op, struct bytes *out)
{
    bytes_auto tail = BYTES_INIT;
    if (op_lives(op->kind)) {
        bytes_append_i64(&tail, op->opened_ms);
        bytes_append_text(&tail, "\t\t");
        bytes_append_span(&tail, op->groups);
        bytes_append_char(&tail, '\t');
        bytes_append_span(&tail, op->device);
    } else {
        bytes_append_span(&tail, op->metadata);
    }
    resp_arg(out, bytes_span(&tail));
}

/* The letter, and what belongs to the kind: the role of who lives, the grace of who ends after one. */
static void kind_arg(const struct session_op *op, struct bytes *out)
{
    char text[32];
    if (op->kind == OP_GRACE)
        snprintf(text, sizeof(text), "%c%" PRId64, (char)op->kind, op->grace_ms);
    else
        snprintf(text, sizeof(text), "%c%s", (char)op->kind, op_lives(op->kind) ? role_name(op->role) : "");
    resp_text(out, text);
}

static void op_args(const struct session_op *op, struct bytes *out)
{
    kind_arg(op, out);
    resp_arg(out, op->user);
    resp_arg(out, op->session);
    resp_integer(out, op->beat_ms);
    tail_arg(op, out);
    resp_arg(out, op->extra);
}

static size_t count_plain(const struct session_op *ops, size_t count)
{
    size_t plain = 0;
    for (size_t i = 0; i < count; i++)
        plain += ops[i].plain;
    return plain;
}

void store_apply(const struct store *s, int64_t ttl_ms, const struct session_op *ops, size_t count,
                 struct bytes *out)
{
    begin_script(s, SCRIPT_APPLY, 2 + (count - count_plain(ops, count)) * STORE_OP_ARGS, out);
    resp_integer(out, ttl_ms);
    resp_integer(out, s->until_ms);
    for (size_t i = 0; i < count; i++)
        if (!ops[i].plain)
            op_args(&ops[i], out);
}

int store_read_apply(const struct redisReply *reply, struct apply_answer *ret)
{
    int r = check_script(reply, 5);
    if (r != 0)
        return r;
    read_state(reply, true, &ret->state);
    ret->outcomes = reply_text(reply_at(reply, 4));
    return 0;
}

#define BEAT_COMMANDS  3 /* for each beat */
#define STATE_COMMANDS 2

static void user_arg(struct bytes *name, size_t head, struct span user, struct bytes *out)
{
    name->len = head;
    bytes_append_span(name, user);
    resp_arg(out, bytes_span(name));
}

size_t store_beats(const struct store *s, int64_t ttl_ms, const struct session_op *ops, size_t count,
                   struct bytes *out)
{
    bytes_auto key = BYTES_INIT, meta = BYTES_INIT, sessions = BYTES_INIT;
    size_t plain = count_plain(ops, count);
    if (plain == 0)
        return 0;
    keys_user(s->prefix, USER_KEY_PRESENCE, SPAN_NONE, &key);
    keys_user(s->prefix, USER_KEY_META, SPAN_NONE, &meta);
    keys_user(s->prefix, USER_KEY_SESSIONS, SPAN_NONE, &sessions);
    size_t key_head = key.len, meta_head = meta.len, sessions_head = sessions.len;
    for (size_t i = 0; i < count; i++) {
        const struct session_op *op = &ops[i];
        if (!op->plain)
            continue;
        resp_begin(out, 4);
        resp_text(out, "PEXPIREAT");
        user_arg(&key, key_head, op->user, out);
        resp_integer(out, op->beat_ms + ttl_ms);
        resp_text(out, "GT");
        resp_begin(out, op->extra.len ? 8 : 6);
        resp_text(out, "HSET");
        user_arg(&meta, meta_head, op->user, out);
        resp_text(out, "lastSeen");
        resp_integer(out, op->beat_ms);
        resp_arg(out, op->session);
        resp_integer(out, op->beat_ms);
        if (op->extra.len) {
            resp_text(out, "metadata");
            resp_arg(out, op->extra);
        }
        resp_begin(out, 3);
        resp_text(out, "HEXISTS");
        user_arg(&sessions, sessions_head, op->user, out);
        resp_arg(out, op->session);
    }
    resp_begin(out, 2);
    resp_text(out, "ZCARD");
    name_arg(s, KEY_DUE, out);
    resp_begin(out, 4);
    resp_text(out, "HMGET");
    name_arg(s, KEY_EPOCH, out);
    resp_text(out, "id");
    resp_text(out, "online");
    return plain * BEAT_COMMANDS + STATE_COMMANDS;
}

/* Whether it is the epoch that the server knows, with as many users in the index as the scripts counted. */
static bool is_as_known(const struct redisReply *online, const struct redisReply *of_epoch, struct span epoch)
{
    return span_equal(reply_text(reply_at(of_epoch, 0)), epoch) &&
           reply_integer(online, -1) == reply_integer(reply_at(of_epoch, 1), -2);
}

void store_read_beats(const struct redisReply *const *replies, struct span epoch,
                      const struct session_op *ops, size_t count, char *outcomes)
{
    size_t at = count_plain(ops, count) * BEAT_COMMANDS;
    bool known = is_as_known(replies[at], replies[at + 1], epoch);
    at = 0;
    for (size_t i = 0; i < count; i++) {
        if (!ops[i].plain)
            continue;
        /* The key was moved on, no field is new, and the session stands. */
        bool written = reply_integer(replies[at], -1) == 1 && reply_integer(replies[at + 1], -1) == 0 &&
                       reply_integer(replies[at + 2], -1) == 1;
        outcomes[i] = known && written ? OUTCOME_DONE : OUTCOME_ASK;
        at += BEAT_COMMANDS;
    }
}

void store_expire(const struct store *s, int64_t limit, int64_t holdback_ms, int64_t gap_ms,
                  struct bytes *out)
{
    begin_script(s, SCRIPT_EXPIRE, 3, out);
    resp_integer(out, limit);
    resp_integer(out, holdback_ms);
    resp_integer(out, gap_ms);
}

int store_read_expire(const struct redisReply *reply, struct expire_answer *ret)
{
    int r = check_script(reply, 8);
    if (r != 0)
        return r;
    read_state(reply, true, &ret->state);
    ret->held_ms = reply_integer(reply_at(reply, 4), 0);
    ret->next_ms = reply_integer(reply_at(reply, 5), INT64_MAX);
    ret->looked = reply_integer(reply_at(reply, 6), 0);
    ret->lags = reply_at(reply, 7);
    return 0;
}

void store_load(const struct store *s, struct span cursor, int64_t page, struct bytes *out)
{
    begin_script(s, SCRIPT_LOAD, 2, out);
    resp_arg(out, cursor);
    resp_integer(out, page);
}

#define LOAD_FIELDS 5

int store_read_load(const struct redisReply *reply, struct load_answer *ret)
{
    int r = check_script(reply, 5);
    if (r != 0)
        return r;
    read_state(reply, false, &ret->state);
    ret->cursor = reply_text(reply_at(reply, 3));
    ret->users = reply_at(reply, 4);
    ret->count = reply_count(ret->users) / LOAD_FIELDS;
    return 0;
}

void store_load_user(const struct load_answer *answer, size_t i, struct store_load_user *ret)
{
    size_t at = i * LOAD_FIELDS;
    ret->user = reply_text(reply_at(answer->users, at));
    ret->last_seen_ms = reply_integer(reply_at(answer->users, at + 1), 0);
    ret->device = reply_text(reply_at(answer->users, at + 2));
    ret->rev = (uint64_t)reply_integer(reply_at(answer->users, at + 3), 0);
    ret->groups = reply_text(reply_at(answer->users, at + 4));
}

void store_node(const struct store *s, const struct node_says *says, struct bytes *out)
{
    begin_script(s, SCRIPT_NODE, 13, out);
    resp_text(out, says->program);
    resp_text(out, says->address);
    resp_integer(out, says->offset_ms);
    resp_text(out, says->asserted);
    resp_integer(out, says->forget_ms);
    resp_text(out, says->leave ? "leave" : "");
    resp_integer(out, (int64_t)says->number);
    resp_integer(out, (int64_t)says->answered);
    resp_integer(out, says->answered_ms);
    resp_text(out, says->epoch);
    resp_integer(out, says->ahead_s);
    resp_integer(out, (int64_t)says->left);
    resp_integer(out, says->ttl_ms);
}

int store_read_node(const struct redisReply *reply, struct node_answer *ret)
{
    int r = check_script(reply, 8);
    if (r != 0)
        return r;
    read_state(reply, true, &ret->state);
    ret->swept_ms = reply_integer(reply_at(reply, 4), 0);
    ret->held_ms = reply_integer(reply_at(reply, 5), 0);
    ret->nodes = reply_at(reply, 6);
    ret->revoked_version = (uint64_t)reply_integer(reply_at(reply, 7), 0);
    return 0;
}

void store_revoke(const struct store *s, const struct revocations *list, struct bytes *out)
{
    const struct revocation *one;
    begin_script(s, SCRIPT_REVOKE, 1 + 3 * list->by_name.count, out);
    resp_integer(out, REVOCATIONS_MAX);
    for (size_t at = 0; (one = revocations_next(list, &at));) {
        resp_text(out, one->name);
        resp_integer(out, one->issued_s);
        resp_integer(out, one->until_ms);
    }
}

int store_read_revoke(const struct redisReply *reply, struct revoke_answer *ret)
{
    int r = check_script(reply, 6);
    if (r != 0)
        return r;
    read_state(reply, false, &ret->state);
    ret->version = (uint64_t)reply_integer(reply_at(reply, 3), 0);
    ret->rejected = reply_integer(reply_at(reply, 4), 0);
    ret->pairs = reply_at(reply, 5);
    ret->count = reply_count(ret->pairs) / 2;
    return 0;
}

static int read_time(struct span text, int64_t *ret)
{
    uint64_t value;
    if (span_to_u64(text, INT64_MAX, &value) < 0)
        return -1;
    *ret = (int64_t)value;
    return 0;
}

int store_revocation_read(struct span value, int64_t *ret_issued_s, int64_t *ret_until_ms)
{
    if (read_time(span_split(&value, '\t'), ret_issued_s) < 0)
        return -1;
    return read_time(value, ret_until_ms);
}

int store_revoke_entry(const struct revoke_answer *answer, size_t i, struct span *ret_name,
                       int64_t *ret_issued_s, int64_t *ret_until_ms)
{
    *ret_name = reply_text(reply_at(answer->pairs, 2 * i));
    return store_revocation_read(reply_text(reply_at(answer->pairs, 2 * i + 1)), ret_issued_s, ret_until_ms);
}

void store_trial(const struct store *s, bool all, struct bytes *out)
{
    begin_script(s, SCRIPT_TRIAL, 1, out);
    resp_text(out, all ? "all" : "register");
}

int store_read_trial(const struct redisReply *reply, const struct redisReply **ret_failed)
{
    int r = check_script(reply, 2);
    if (r != 0)
        return r;
    *ret_failed = reply_at(reply, 1);
    return 0;
}

void store_audit(const struct store *s, struct span cursor, int64_t page, struct bytes *out)
{
    begin_script(s, SCRIPT_AUDIT, 2, out);
    resp_arg(out, cursor);
    resp_integer(out, page);
}

int store_read_audit(const struct redisReply *reply, struct audit_answer *ret)
{
    int r = check_script(reply, 3);
    if (r != 0)
        return r;
    ret->cursor = reply_text(reply_at(reply, 1));
    ret->pairs = reply_at(reply, 2);
    return 0;
}

void store_repair(const struct store *s, int64_t ttl_ms, const struct span *users, size_t count,
                  struct bytes *out)
{
    begin_script(s, SCRIPT_REPAIR, 1 + count, out);
    resp_integer(out, ttl_ms);
    for (size_t i = 0; i < count; i++)
        resp_arg(out, users[i]);
}

int store_read_repair(const struct redisReply *reply, struct apply_answer *ret)
{
    return store_read_apply(reply, ret);
}
