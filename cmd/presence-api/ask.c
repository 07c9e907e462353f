#include "base/clock.h"
#include "net/redis_greeting.h"
#include "server.h"

#include <string.h>

/* What makes a connection useless although it answers. */
static bool is_useless(const struct redisReply *reply)
{
    static const char *const codes[] = {"LOADING", "MASTERDOWN", "NOAUTH", "NOPERM", "CLUSTERDOWN"};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (reply_error_is(reply, codes[i]))
            return true;
    return false;
}

/* The epoch that the record shows; none when it is another Redis process's: that one's memory is not this
 * one's. */
static struct span epoch_of(const struct redisReply *record, const char *run_id)
{
    struct span owner = reply_text(reply_at(record, 1));
    bool known = strcmp(run_id, REDIS_RUN_ID_UNKNOWN) != 0;
    if (known && !span_equal(owner, span_of(run_id)))
        return SPAN_NONE;
    return reply_text(reply_at(record, 0));
}

int ask(struct call *c, struct bytes *commands, size_t count, struct pool_answers *ret)
{
    struct server *s = c->server;
    struct pool_answers a;
    unsigned thread = c->request->thread;
    int64_t deadline_ms = clock_mono_ms() + s->config.answer_timeout_ms;
    store_epoch(&s->store, commands);
    bool by_token = scope_ask_revoked(c->scope, &s->store, commands);
    if (pool_ask(s->pool, thread, bytes_span(commands), count + 1 + by_token, deadline_ms, &a) < 0) {
        refuse_for_now(c, "Redis can't be reached");
        return -1;
    }
    const struct redisReply *record = a.replies[count];
    if (is_useless(record)) {
        pool_distrust(s->pool, thread);
        pool_answers_finish(&a);
        refuse_for_now(c, "Redis can't answer now");
        return -1;
    }
    if (!view_trusts(&s->view, epoch_of(record, a.run_id), a.sent_ms, clock_mono_ms())) {
        pool_answers_finish(&a);
        refuse_for_now(c, "Redis has lost its memory; waiting for the servers to say who is online");
        return -1;
    }
    if (by_token && scope_revoked(c->scope, a.replies[count + 1], view_redis_ms(&s->view, clock_mono_ms()))) {
        pool_answers_finish(&a);
        refuse(c, 401, "Token revoked");
        return -1;
    }
    *ret = a;
    return 0;
}
