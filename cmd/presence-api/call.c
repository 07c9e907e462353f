/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "base/log.h"
#include "server.h"
#include "wire/status.h"

#include <string.h>

void call_refuse(struct call *c, int status, const char *error)
{
    c->answer->status = status;
    bytes_reset(&c->answer->body);
    status_write_error(error, &c->answer->body);
    http_answer_header(c->answer, "Content-Type", SPAN("application/json"));
    if (status == 401)
        http_answer_header(c->answer, "WWW-Authenticate", SPAN("Bearer"));
}

void call_refuse_for_now(struct call *c, const char *error)
{
    call_refuse(c, 503, error);
    http_answer_header(c->answer, "Retry-After", SPAN("1"));
}

struct bytes *call_answer_json(struct call *c)
{
    c->answer->status = 200;
    http_answer_header(c->answer, "Content-Type", SPAN("application/json"));
    return &c->answer->body;
}

void call_count(const struct call *c)
{
    if (!c->answer->status)
        return;
    counters_answered(c->route ? c->route->id : ROUTE_NONE, c->answer->status, clock_mono_us() - c->begun_us);
    log_debug("answered", LOG_S("path", c->request->path), LOG_N("status", c->answer->status));
}

void call_resume(struct call *c)
{
    call_count(c);
    if (c->answer->status)
        http_answered(c->request);
}

/* What makes a connection useless although it answers. */
static bool is_useless(const struct redisReply *reply)
{
    static const char *const codes[] = {"LOADING", "MASTERDOWN", "NOAUTH", "NOPERM", "CLUSTERDOWN"};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (reply_error_is(reply, codes[i]))
            return true;
    return false;
}

/* Whether the record was made by the process that answered. */
static enum view_process process_of(const struct redisReply *record, const char *run_id)
{
    struct span owner = reply_text(reply_at(record, 1));
    if (strcmp(run_id, STORE_RUN_ID_UNKNOWN) == 0 || span_equal(owner, SPAN(STORE_RUN_ID_UNKNOWN)))
        return VIEW_PROCESS_UNKNOWN;
    return span_equal(owner, span_of(run_id)) ? VIEW_PROCESS_SAME : VIEW_PROCESS_OTHER;
}

/* The last replies are the epoch's record and, of a token's holder, its revocations. */
static void take(struct call *c, const struct redisReply *const *replies)
{
    struct server *s = c->server;
    int64_t now_ms = clock_mono_ms();
    bool by_token = c->scope->token.user_len > 0;
    size_t count = c->question.count - 1 - by_token;
    const struct redisReply *record = replies[count];
    enum view_process process = process_of(record, questions_run_id(s->questions));
    if (is_useless(record)) {
        questions_distrust(s->questions, "it can't answer questions now");
        call_refuse_for_now(c, "Redis can't answer now");
    } else if (!view_trusts(&s->view, reply_text(reply_at(record, 0)), process, c->question.sent_us / 1000,
                            now_ms)) {
        call_refuse_for_now(c, "Redis has lost its memory; waiting for the servers to say who is online");
    } else if (by_token && scope_revoked(c->scope, replies[count + 1], view_redis_ms(&s->view, now_ms))) {
        call_refuse(c, 401, "Token revoked");
    } else {
        c->then(c, replies);
    }
}

static void on_answered(void *arg, const struct redisReply *const *replies)
{
    struct call *c = arg;
    bytes_reset(&c->question.commands);
    if (replies)
        take(c, replies);
    else
        call_refuse_for_now(c, "Redis can't be reached");
    call_resume(c);
}

void call_ask(struct call *c, size_t count, call_replies *then)
{
    struct question *q = &c->question;
    store_epoch(&c->server->store, &q->commands);
    bool by_token = scope_ask_revoked(c->scope, &c->server->store, &q->commands);
    q->count = count + 1 + by_token;
    q->answered = on_answered;
    q->arg = c;
    c->then = then;
    if (questions_ask(c->server->questions, q) < 0)
        call_refuse_for_now(c, "Redis can't be reached");
}
