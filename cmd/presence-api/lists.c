/* GET /api/presence/online, /count and /groups/<id>.
 *
 * Pages are those of ZSCAN and SSCAN: `limit` is a hint, an element that is there all the time comes at least
 * once, and one that moves in Redis's tables meanwhile may come twice. A group's members are those of its set
 * in Redis (PRESENCE_GROUP_KEY); who only claims it in a token is not found by its name, and is missing. */
#include "base/clock.h"
#include "base/mem.h"
#include "net/gate_query.h"
#include "server.h"
#include "store/keys.h"
#include "store/reply.h"
#include "store/resp.h"
#include "wire/jsonput.h"
#include "wire/status.h"

#include <stdlib.h>

#define ONLINE_LIMIT 100
#define GROUP_LIMIT  1000
#define LIMIT_MAX    1000
#define LOOKUPS_MAX  20000 /* of users in groups, for one page and a bounded token */

/* A page of users as found by a scan, and what Redis says of them. */
struct page {
    struct pool_answers found, known;
    struct span *users; /* in `found` */
    size_t count;
    size_t scoped; /* replies of `known` that tell who is seen */
    struct span cursor;
    int64_t total;
};

struct paging {
    uint64_t cursor;
    uint64_t limit;
};

static void page_finish(struct page *p)
{
    pool_answers_finish(&p->found);
    pool_answers_finish(&p->known);
    free(p->users);
}

static int read_number(struct call *c, const char *name, uint64_t max, uint64_t *value)
{
    struct span query = c->request->query, text;
    bytes_auto scratch = BYTES_INIT;
    bytes_reserve(&scratch, query.len + 1);
    int found = query_get(query, name, &scratch, &text);
    if (found == 1)
        return 0;
    return found == 0 && span_to_u64(text, max, value) == 0 ? 0 : -1;
}

/* The more groups a token names, the more each user of a page costs. */
static uint64_t page_max(const struct scope *scope)
{
    uint64_t affordable = LOOKUPS_MAX / (scope->token.group_count + 1);
    return affordable < LIMIT_MAX ? affordable : LIMIT_MAX;
}

static int read_paging(struct call *c, uint64_t limit, struct paging *ret)
{
    ret->cursor = 0;
    ret->limit = limit;
    if (read_number(c, "cursor", UINT64_MAX, &ret->cursor) < 0) {
        refuse(c, 400, "Invalid cursor");
        return -1;
    }
    if (read_number(c, "limit", UINT64_MAX, &ret->limit) < 0 || ret->limit == 0) {
        refuse(c, 400, "Invalid limit");
        return -1;
    }
    if (ret->limit > page_max(c->scope))
        ret->limit = page_max(c->scope);
    return 0;
}

/* ZSCAN and ZCARD, or SSCAN and SCARD. */
static void ask_page(char kind, struct span key, const struct paging *paging, struct bytes *out)
{
    bytes_auto cursor = BYTES_INIT;
    bytes_append_u64(&cursor, paging->cursor);
    resp_begin(out, 5);
    resp_text(out, kind == 'Z' ? "ZSCAN" : "SSCAN");
    resp_arg(out, key);
    resp_arg(out, bytes_span(&cursor));
    resp_text(out, "COUNT");
    resp_integer(out, (int64_t)paging->limit);
    resp_begin(out, 2);
    resp_text(out, kind == 'Z' ? "ZCARD" : "SCARD");
    resp_arg(out, key);
}

static void take_found(struct page *p, char kind)
{
    const struct redisReply *items = reply_at(p->found.replies[0], 1);
    size_t step = kind == 'Z' ? 2 : 1;
    p->cursor = reply_text(reply_at(p->found.replies[0], 0));
    p->total = reply_integer(p->found.replies[1], 0);
    p->users = mem_array(reply_count(items) + 1, sizeof(*p->users));
    for (size_t i = 0; i < reply_count(items); i += step) {
        struct span user = reply_text(reply_at(items, i));
        if (user_id_valid(user))
            p->users[p->count++] = user;
    }
}

static int ask_known(struct call *c, struct page *p)
{
    const struct server *s = c->server;
    bytes_auto commands = BYTES_INIT;
    if (p->count == 0)
        return 0;
    p->scoped = scope_ask(c->scope, &s->store, s->config.policy.group_key, p->users, p->count, &commands);
    store_status(&s->store, p->users, p->count, &commands);
    return ask(c, &commands, p->scoped + 1 + p->count, &p->known);
}

/* 0: the caller finishes the page; -1: answered. */
static int read_page(struct call *c, char kind, struct span key, const struct paging *paging,
                     struct page *ret)
{
    struct page p = {0};
    bytes_auto commands = BYTES_INIT;
    ask_page(kind, key, paging, &commands);
    if (ask(c, &commands, 2, &p.found) < 0)
        return -1;
    take_found(&p, kind);
    if (kind == 'Z' && reply_is_error(p.found.replies[0])) {
        refuse_for_now(c, "Redis can't answer: the index of who is online is no sorted set");
        page_finish(&p);
        return -1;
    }
    if (ask_known(c, &p) < 0) {
        page_finish(&p);
        return -1;
    }
    *ret = p;
    return 0;
}

/* False: not to be seen. */
static bool page_user(const struct call *c, const struct page *p, size_t i, struct status *ret)
{
    struct redisReply *const *store = p->known.replies + p->scoped;
    struct status_answer a;
    if (!scope_sees(c->scope, p->known.replies, p->users, i) ||
        store_read_status(store[0], i, store[1 + i], &a) < 0)
        return false;
    *ret = (struct status){a.online, a.last_seen_ms, a.device};
    return true;
}

static void put_end(struct call *c, const struct page *p, struct bytes *out)
{
    bytes_append_text(out, "],\"cursor\":");
    if (p->cursor.len == 0 || span_equal(p->cursor, SPAN("0")))
        bytes_append_text(out, "null");
    else
        bytes_append_json(out, p->cursor);
    bytes_append_text(out, ",\"total\":");
    if (c->scope->bounded)
        bytes_append_text(out, "null");
    else
        bytes_append_i64(out, p->total);
    bytes_append_text(out, ",\"timestamp\":");
    jsonput_ms(out, view_redis_ms(&c->server->view, clock_mono_ms()));
    bytes_append_char(out, '}');
}

static void put_online_user(struct span user, const struct status *status, bool first, struct bytes *out)
{
    bytes_append_text(out, first ? "{\"userId\":" : ",{\"userId\":");
    bytes_append_json(out, user);
    bytes_append_text(out, ",\"lastSeen\":");
    jsonput_ms(out, status->last_seen_ms);
    bytes_append_text(out, ",\"deviceId\":");
    jsonput_text_or_null(out, status->device);
    bytes_append_char(out, '}');
}

void online_answer(struct call *c, struct span id)
{
    struct paging paging;
    struct page p;
    bytes_auto due = BYTES_INIT;
    keys_name(c->server->config.policy.prefix, KEY_DUE, &due);
    if (read_paging(c, ONLINE_LIMIT, &paging) < 0 || read_page(c, 'Z', bytes_span(&due), &paging, &p) < 0)
        return;
    struct bytes *out = answer_json(c);
    bool first = true;
    bytes_append_text(out, "{\"success\":true,\"users\":[");
    for (size_t i = 0; i < p.count; i++) {
        struct status status;
        if (!page_user(c, &p, i, &status) || !status.online)
            continue;
        put_online_user(p.users[i], &status, first, out);
        first = false;
    }
    put_end(c, &p, out);
    page_finish(&p);
}

static void put_group_members(struct call *c, const struct page *p, struct bytes *out)
{
    bool first = true;
    for (size_t i = 0; i < p->count; i++) {
        struct status status;
        struct status_id id = {.id = p->users[i]};
        if (!page_user(c, p, i, &status))
            continue;
        status_write_user(id, &status, first, out);
        first = false;
    }
}

void group_answer(struct call *c, struct span group)
{
    struct paging paging;
    struct page p = {0};
    bytes_auto set = BYTES_INIT;
    keys_group(c->server->config.policy.group_key, group, &set);
    if (read_paging(c, GROUP_LIMIT, &paging) < 0)
        return;
    if (scope_has(c->scope, group) && read_page(c, 'S', bytes_span(&set), &paging, &p) < 0)
        return;
    struct bytes *out = answer_json(c);
    bytes_append_text(out, "{\"success\":true,\"group\":");
    bytes_append_json(out, group);
    bytes_append_text(out, ",\"users\":[");
    put_group_members(c, &p, out);
    put_end(c, &p, out);
    page_finish(&p);
}

/* Who is seen by a bounded token is counted one by one, as long as that takes no longer than an answer may.
 */
static int count_seen(struct call *c, struct span due, int64_t *ret)
{
    struct paging paging = {.limit = page_max(c->scope)};
    int64_t online = 0, deadline_ms = clock_mono_ms() + c->server->config.answer_timeout_ms;
    do {
        struct page p;
        struct status status;
        if (clock_mono_ms() > deadline_ms) {
            refuse_for_now(c, "Too many users to count for a token with groups");
            return -1;
        }
        if (read_page(c, 'Z', due, &paging, &p) < 0)
            return -1;
        for (size_t i = 0; i < p.count; i++)
            online += page_user(c, &p, i, &status) && status.online;
        if (span_to_u64(p.cursor, UINT64_MAX, &paging.cursor) < 0)
            paging.cursor = 0;
        page_finish(&p);
    } while (paging.cursor != 0);
    *ret = online;
    return 0;
}

static int count_all(struct call *c, struct span due, int64_t *ret)
{
    struct pool_answers a;
    bytes_auto commands = BYTES_INIT;
    resp_begin(&commands, 2);
    resp_text(&commands, "ZCARD");
    resp_arg(&commands, due);
    if (ask(c, &commands, 1, &a) < 0)
        return -1;
    *ret = reply_integer(a.replies[0], 0);
    pool_answers_finish(&a);
    return 0;
}

void count_answer(struct call *c, struct span id)
{
    int64_t online;
    bytes_auto due = BYTES_INIT;
    keys_name(c->server->config.policy.prefix, KEY_DUE, &due);
    int result = c->scope->bounded ? count_seen(c, bytes_span(&due), &online)
                                   : count_all(c, bytes_span(&due), &online);
    if (result < 0)
        return;
    struct bytes *out = answer_json(c);
    bytes_append_text(out, "{\"success\":true,\"online\":");
    bytes_append_i64(out, online);
    bytes_append_text(out, ",\"timestamp\":");
    jsonput_ms(out, view_redis_ms(&c->server->view, clock_mono_ms()));
    bytes_append_char(out, '}');
}
