/* SPDX-License-Identifier: MIT */
/* GET /api/presence/online, /count and /groups/<id>.
 *
 * Pages of all who are online, and of a group, are those of ZSCAN and SSCAN: `limit` is a hint, an element
 * that is there all the time comes at least once, and one that moves in Redis's tables meanwhile may come
 * twice. For a token that is bound to groups a walk finds whom it sees (walk.h), and pages go over these
 * alone: no number of pages tells of others. A group's members are those of its set in Redis
 * (PRESENCE_GROUP_KEY); who only claims it in a token is not found by its name, and is missing. */
#include "base/base64.h"
#include "base/clock.h"
#include "base/mem.h"
#include "http/gate_query.h"
#include "redis/reply.h"
#include "redis/resp.h"
#include "server.h"
#include "store/keys.h"
#include "wire/json_writer.h"
#include "wire/status.h"

#include <stdlib.h>

#define ONLINE_LIMIT 100
#define GROUP_LIMIT  1000
#define LIMIT_MAX    1000

/* A page of users as found by a scan or in a walk, and where to go on; of a count, `total` alone. */
struct page {
    uint64_t scan_cursor; /* to begin at: of a scan, or */
    struct bytes behind;  /* behind this user, of those seen */
    uint64_t limit;
    struct seen *seen;     /* in a walk */
    struct bytes text;     /* of the users, or of the cursor, */
    struct span *users;    /* where a scan found them */
    const struct span *at; /* the first of the page */
    size_t count;
    struct span cursor; /* to go on with; empty at the end */
    int64_t total;
};

static void page_finish(void *arg)
{
    struct page *p = arg;
    seen_release(p->seen);
    bytes_finish(&p->behind);
    bytes_finish(&p->text);
    free(p->users);
    free(p);
}

static struct page *page_begin(struct call *c)
{
    c->work = mem_zalloc(sizeof(struct page));
    c->work_finish = page_finish;
    return c->work;
}

static int read_number(struct call *c, const char *name, uint64_t max, uint64_t *value)
{
    struct span query = c->request->query, text;
    bytes_auto scratch = BYTES_INIT;
    bytes_reserve(&scratch, query.len + 1);
    int found = gate_query_get(query, name, &scratch, &text);
    if (found == 1)
        return 0;
    return found == 0 && span_to_u64(text, max, value) == 0 ? 0 : -1;
}

/* Of those seen a cursor is the last user of the page before, written so that nobody takes it for a number. */
static int read_cursor(struct call *c, bool seen, struct page *ret)
{
    bytes_auto scratch = BYTES_INIT;
    struct span text;
    if (!seen)
        return read_number(c, "cursor", UINT64_MAX, &ret->scan_cursor);
    bytes_reserve(&scratch, c->request->query.len + 1);
    int found = gate_query_get(c->request->query, "cursor", &scratch, &text);
    if (found != 0)
        return found < 0 ? -1 : 0;
    return base64url_decode(text, &ret->behind) < 0 || !identity_user_valid(bytes_span(&ret->behind)) ? -1
                                                                                                      : 0;
}

static int read_paging(struct call *c, bool seen, uint64_t limit, struct page *ret)
{
    ret->limit = limit;
    if (read_cursor(c, seen, ret) < 0) {
        call_refuse(c, 400, "Invalid cursor");
        return -1;
    }
    if (read_number(c, "limit", UINT64_MAX, &ret->limit) < 0 || ret->limit == 0) {
        call_refuse(c, 400, "Invalid limit");
        return -1;
    }
    if (ret->limit > LIMIT_MAX)
        ret->limit = LIMIT_MAX;
    return 0;
}

static bool page_user(const struct page *p, const struct redisReply *const *replies, size_t i,
                      struct status *ret)
{
    struct status_answer a;
    if (store_read_status(replies[0], i, replies[1 + i], &a) < 0)
        return false;
    *ret = (struct status){a.online, a.last_seen_ms, a.last_heartbeat_ms, a.device};
    return true;
}

static void put_timestamp(struct call *c, struct bytes *out)
{
    bytes_append_text(out, ",\"timestamp\":");
    json_put_ms(out, view_redis_ms(&c->server->view, clock_mono_ms()));
    bytes_append_char(out, '}');
}

static void put_end(struct call *c, const struct page *p, struct bytes *out)
{
    bytes_append_text(out, "],\"cursor\":");
    if (p->cursor.len == 0)
        bytes_append_text(out, "null");
    else
        bytes_append_json(out, p->cursor);
    bytes_append_text(out, ",\"total\":");
    if (c->scope->bounded)
        bytes_append_text(out, "null");
    else
        bytes_append_i64(out, p->total);
    put_timestamp(c, out);
}

static void put_online_user(struct span user, const struct status *status, bool first, struct bytes *out)
{
    bytes_append_text(out, first ? "{\"userId\":" : ",{\"userId\":");
    bytes_append_json(out, user);
    bytes_append_text(out, ",\"lastSeen\":");
    json_put_ms(out, status->last_seen_ms);
    bytes_append_text(out, ",\"deviceId\":");
    json_put_text_or_null(out, status->device);
    bytes_append_text(out, ",\"lastHeartbeat\":");
    json_put_ms(out, status->last_heartbeat_ms);
    bytes_append_char(out, '}');
}

/* The replies: ZMSCORE, and an HMGET for each user of the page. */
static void answer_online(struct call *c, const struct redisReply *const *replies)
{
    const struct page *p = c->work;
    struct bytes *out = call_answer_json(c);
    bool first = true;
    bytes_append_text(out, "{\"success\":true,\"users\":[");
    for (size_t i = 0; i < p->count; i++) {
        struct status status;
        if (!page_user(p, replies, i, &status) || !status.online)
            continue;
        put_online_user(p->at[i], &status, first, out);
        first = false;
    }
    put_end(c, p, out);
}

static void answer_group(struct call *c, const struct redisReply *const *replies)
{
    const struct page *p = c->work;
    struct bytes *out = call_answer_json(c);
    bool first = true;
    bytes_append_text(out, "{\"success\":true,\"group\":");
    bytes_append_json(out, c->id);
    bytes_append_text(out, ",\"users\":[");
    for (size_t i = 0; i < p->count; i++) {
        struct status status;
        if (!page_user(p, replies, i, &status))
            continue;
        status_write_user((struct status_id){.id = p->at[i]}, &status, first, out);
        first = false;
    }
    put_end(c, p, out);
}

static void answer_count(struct call *c, const struct redisReply *const *replies)
{
    const struct page *p = c->work;
    struct bytes *out = call_answer_json(c);
    bytes_append_text(out, "{\"success\":true,\"online\":");
    bytes_append_i64(out, p->total);
    put_timestamp(c, out);
}

static void ask_known(struct call *c, const struct page *p, call_replies *then)
{
    if (p->count > 0)
        store_status(&c->server->store, p->at, p->count, &c->question.commands);
    call_ask(c, p->count > 0 ? 1 + p->count : 0, then);
}

/* ZSCAN and ZCARD, or SSCAN and SCARD. */
static void ask_page(struct call *c, const char *scan, const char *total, struct span key, call_replies *then)
{
    const struct page *p = c->work;
    struct bytes *out = &c->question.commands;
    bytes_auto cursor = BYTES_INIT;
    bytes_append_u64(&cursor, p->scan_cursor);
    resp_begin(out, 5);
    resp_text(out, scan);
    resp_arg(out, key);
    resp_arg(out, bytes_span(&cursor));
    resp_text(out, "COUNT");
    resp_integer(out, (int64_t)p->limit);
    resp_begin(out, 2);
    resp_text(out, total);
    resp_arg(out, key);
    call_ask(c, 2, then);
}

/* `step`: of the items of a scan so many belong to a user. Copies what the page goes on to need. */
static void take_found(struct page *p, const struct redisReply *const *replies, size_t step)
{
    const struct redisReply *items = reply_at(replies[0], 1);
    struct span cursor = reply_text(reply_at(replies[0], 0));
    size_t count = reply_count(items), bytes = cursor.len;
    for (size_t i = 0; i < count; i += step)
        bytes += reply_text(reply_at(items, i)).len;
    bytes_reserve(&p->text, bytes); /* so that it stays where it is */
    bytes_append_span(&p->text, cursor);
    if (!span_equal(cursor, SPAN("0")))
        p->cursor = bytes_span(&p->text);
    p->total = reply_integer(replies[1], 0);
    p->users = mem_array(count + 1, sizeof(*p->users));
    for (size_t i = 0; i < count; i += step) {
        struct span user = reply_text(reply_at(items, i));
        if (!identity_user_valid(user))
            continue;
        p->users[p->count++] = (struct span){p->text.data + p->text.len, user.len};
        bytes_append_span(&p->text, user);
    }
    p->at = p->users;
}

static void on_online_found(struct call *c, const struct redisReply *const *replies)
{
    if (reply_is_error(replies[0])) {
        call_refuse_for_now(c, "Redis can't answer: the index of who is online is no sorted set");
        return;
    }
    take_found(c->work, replies, 2);
    ask_known(c, c->work, answer_online);
}

static void on_members_found(struct call *c, const struct redisReply *const *replies)
{
    take_found(c->work, replies, 1);
    ask_known(c, c->work, answer_group);
}

/* Takes over whom the token sees. */
static void take_seen(struct call *c, struct seen *seen)
{
    struct page *p = c->work;
    struct span behind = bytes_span(&p->behind);
    p->seen = seen;
    p->total = (int64_t)seen->count;
    if (p->limit == 0) {
        call_ask(c, 0, answer_count);
        return;
    }
    size_t first = behind.len ? seen_behind(seen, behind) : 0, left = seen->count - first;
    p->at = seen->users + first;
    p->count = left < p->limit ? left : (size_t)p->limit;
    if (left > p->count) {
        base64url_encode(p->at[p->count - 1], &p->text);
        p->cursor = bytes_span(&p->text);
    }
    ask_known(c, p, answer_online);
}

static void on_walked(void *arg, struct seen *seen, const char *failure)
{
    struct call *c = arg;
    if (failure)
        call_refuse_for_now(c, failure);
    else
        take_seen(c, seen);
    call_resume(c);
}

static void on_self_known(struct call *c, const struct redisReply *const *replies)
{
    const struct token *token = &c->scope->token;
    bool online = !reply_is_nil(reply_at(replies[0], 0));
    take_seen(c, seen_create((struct span){token->user, token->user_len}, online));
}

/* Pages behind the first are of the walk that was made for it. */
static void on_trusted(struct call *c, const struct redisReply *const *replies)
{
    struct walker *walker = c->server->walker;
    const struct page *p = c->work;
    struct seen *seen = p->behind.len > 0 ? walker_recall(walker, c->scope) : NULL;
    if (seen)
        take_seen(c, seen);
    else if (walker_wait(walker, &c->waiting, c->scope, on_walked, c) < 0)
        call_refuse_for_now(c, "Too many requests wait for lists by groups");
}

/* Whom a bounded token sees, of those who are online: himself, when it has no groups. */
static void see(struct call *c)
{
    const struct token *token = &c->scope->token;
    struct span self = {token->user, token->user_len};
    if (token->group_count > 0) {
        call_ask(c, 0, on_trusted);
        return;
    }
    store_status(&c->server->store, &self, 1, &c->question.commands);
    call_ask(c, 2, on_self_known);
}

void online_answer(struct call *c)
{
    bytes_auto due = BYTES_INIT;
    if (read_paging(c, c->scope->bounded, ONLINE_LIMIT, page_begin(c)) < 0)
        return;
    keys_name(c->server->config.policy.prefix, KEY_DUE, &due);
    if (c->scope->bounded)
        see(c);
    else
        ask_page(c, "ZSCAN", "ZCARD", bytes_span(&due), on_online_found);
}

/* Whoever may see the group sees its members. */
void group_answer(struct call *c)
{
    bytes_auto set = BYTES_INIT;
    if (read_paging(c, false, GROUP_LIMIT, page_begin(c)) < 0)
        return;
    keys_group(c->server->config.policy.group_key, c->id, &set);
    if (scope_has(c->scope, c->id))
        ask_page(c, "SSCAN", "SCARD", bytes_span(&set), on_members_found);
    else
        call_ask(c, 0, answer_group);
}

static void on_counted(struct call *c, const struct redisReply *const *replies)
{
    ((struct page *)c->work)->total = reply_integer(replies[0], 0);
    answer_count(c, replies);
}

void count_answer(struct call *c)
{
    bytes_auto due = BYTES_INIT;
    page_begin(c);
    if (c->scope->bounded) {
        see(c);
        return;
    }
    keys_name(c->server->config.policy.prefix, KEY_DUE, &due);
    resp_begin(&c->question.commands, 2);
    resp_text(&c->question.commands, "ZCARD");
    resp_arg(&c->question.commands, bytes_span(&due));
    call_ask(c, 1, on_counted);
}
