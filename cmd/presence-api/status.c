/* SPDX-License-Identifier: MIT */
/* POST /api/presence/status: the guide's bulk question. */
#include "wire/status.h"
#include "base/clock.h"
#include "base/mem.h"
#include "redis/reply.h"
#include "server.h"

#include <stdlib.h>

struct status_work {
    struct status_request request;
    struct span users[STATUS_IDS_MAX];
};

static void work_finish(void *arg)
{
    struct status_work *w = arg;
    status_request_finish(&w->request);
    free(w);
}

/* The replies: who may be seen, ZMSCORE, an HMGET for each, the epoch. */
static void answer_users(struct call *c, const struct redisReply *const *replies)
{
    static const struct status never_seen = {0};
    const struct status_work *w = c->work;
    const struct redisReply *const *store = replies + c->scoped;
    if (w->request.count > 0 && !reply_is_array(store[0])) {
        call_refuse_for_now(c, "Redis can't answer: the index of who is online is no sorted set");
        return;
    }
    struct bytes *out = call_answer_json(c);
    bytes_reserve(out, 64 + w->request.count * 128);
    status_write_begin(out);
    for (size_t i = 0; i < w->request.count; i++) {
        struct status_answer a;
        struct status status = never_seen;
        if (scope_sees(c->scope, replies, w->users, i) &&
            store_read_status(store[0], i, store[1 + i], &a) == 0)
            status = (struct status){a.online, a.last_seen_ms, a.last_heartbeat_ms, a.device};
        status_write_user(w->request.ids[i], &status, i == 0, out);
    }
    status_write_end(view_redis_ms(&c->server->view, clock_mono_ms()), out);
}

void status_answer(struct call *c)
{
    const struct server *s = c->server;
    struct bytes *commands = &c->question.commands;
    struct status_request r;
    char error[STATUS_ERROR_SIZE];
    if (status_request_read(bytes_span(&c->request->body), &r, error) < 0) {
        call_refuse(c, 400, error);
        return;
    }
    struct status_work *w = mem_alloc(sizeof(*w));
    w->request = r;
    c->work = w;
    c->work_finish = work_finish;
    for (size_t i = 0; i < r.count; i++)
        w->users[i] = r.ids[i].id;
    metric_add(&counters.ids, r.count);
    c->scoped = scope_ask(c->scope, &s->store, s->config.policy.group_key, w->users, r.count, commands);
    if (r.count > 0)
        store_status(&s->store, w->users, r.count, commands);
    call_ask(c, r.count > 0 ? c->scoped + 1 + r.count : 0, answer_users);
}
