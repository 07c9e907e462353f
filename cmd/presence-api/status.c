/* POST /api/presence/status: the guide's bulk question. */
#include "wire/status.h"
#include "base/clock.h"
#include "server.h"
#include "store/reply.h"

static const struct status never_seen = {0};

/* The replies: who may be seen, ZMSCORE, an HMGET for each, the epoch. */
static void write_users(const struct call *c, const struct status_request *r, const struct span *users,
                        struct redisReply *const *replies, size_t scoped, struct bytes *out)
{
    struct redisReply *const *store = replies + scoped;
    for (size_t i = 0; i < r->count; i++) {
        struct status_answer a;
        struct status status = never_seen;
        if (scope_sees(c->scope, replies, users, i) && store_read_status(store[0], i, store[1 + i], &a) == 0)
            status = (struct status){a.online, a.last_seen_ms, a.device};
        status_write_user(r->ids[i], &status, i == 0, out);
    }
}

static void answer_users(struct call *c, const struct status_request *r, const struct span *users)
{
    const struct server *s = c->server;
    struct pool_answers a;
    bytes_auto commands = BYTES_INIT;
    size_t scoped = scope_ask(c->scope, &s->store, s->config.policy.group_key, users, r->count, &commands);
    store_status(&s->store, users, r->count, &commands);
    if (ask(c, &commands, scoped + 1 + r->count, &a) < 0)
        return;
    if (!reply_is_array(a.replies[scoped])) {
        pool_answers_finish(&a);
        refuse_for_now(c, "Redis can't answer: the index of who is online is no sorted set");
        return;
    }
    struct bytes *out = answer_json(c);
    bytes_reserve(out, 64 + r->count * 128);
    status_write_begin(out);
    write_users(c, r, users, a.replies, scoped, out);
    status_write_end(view_redis_ms(&c->server->view, clock_mono_ms()), out);
    pool_answers_finish(&a);
}

static void answer_nobody(struct call *c)
{
    struct bytes *out = answer_json(c);
    status_write_begin(out);
    status_write_end(view_redis_ms(&c->server->view, clock_mono_ms()), out);
}

void status_answer(struct call *c, struct span id)
{
    struct status_request r;
    struct span users[STATUS_IDS_MAX];
    const char *error;
    if (status_request_read(bytes_span(&c->request->body), &r, &error) < 0) {
        refuse(c, 400, error);
        return;
    }
    for (size_t i = 0; i < r.count; i++)
        users[i] = r.ids[i].id;
    metric_add(&counters.ids, r.count);
    if (r.count > 0)
        answer_users(c, &r, users);
    else
        answer_nobody(c);
    status_request_finish(&r);
}
