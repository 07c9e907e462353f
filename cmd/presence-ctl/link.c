/* Redis for the commands: one question after the other, and what went wrong as a sentence. */
#include "base/clock.h"
#include "ctl.h"
#include "store/resp.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int ctl_fail(struct ctl *c, int code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(c->error, sizeof(c->error), format, args);
    va_end(args);
    return code;
}

/* Where INFO is forbidden: what the daemons found it to be, so that asking for it here begins no epoch. */
static int borrow_run_id(struct ctl *c)
{
    bytes_auto command = BYTES_INIT;
    struct redisReply *reply;

    store_epoch(&c->store, &command);
    int code = ctl_ask_one(c, bytes_span(&command), &reply);
    if (code != 0)
        return code;
    struct span run_id = reply_text(reply_at(reply, 1));
    if (run_id.len > 0)
        span_copy(run_id, c->store.run_id, sizeof(c->store.run_id));
    reply_free(reply);
    return 0;
}

int ctl_connect(struct ctl *c)
{
    char error[sizeof(c->error) - 100] = "";
    enum redis_sync_result result = redis_sync_open(&c->config.redis, &c->redis, error, sizeof(error));

    c->refused = result == REDIS_SYNC_AUTH;
    if (c->refused)
        return ctl_fail(c, EXIT_UNREACHABLE, "%s (REDIS_USERNAME, REDIS_PASSWORD, REDIS_DB)", error);
    if (result != REDIS_SYNC_OK)
        return ctl_fail(c, EXIT_UNREACHABLE, "%s", error);
    snprintf(c->store.run_id, sizeof(c->store.run_id), "%s", redis_sync_run_id(c->redis));
    return strcmp(c->store.run_id, "unknown") == 0 ? borrow_run_id(c) : 0;
}

static int lost(struct ctl *c)
{
    char where[300];

    redis_config_describe(&c->config.redis, where);
    ctl_fail(c, EXIT_UNREACHABLE, "Redis at %s: %s", where, redis_sync_error(c->redis));
    redis_sync_close(c->redis);
    c->redis = NULL;
    return EXIT_UNREACHABLE;
}

int ctl_ask(struct ctl *c, struct span commands, struct redisReply **ret, size_t count)
{
    if (!c->redis)
        return ctl_fail(c, EXIT_UNREACHABLE, "Redis: not connected");
    redis_sync_send(c->redis, commands);
    for (size_t i = 0; i < count; i++) {
        if (redis_sync_reply(c->redis, &ret[i]) == REDIS_SYNC_OK)
            continue;
        replies_free(ret, i);
        return lost(c);
    }
    return 0;
}

int ctl_refused(struct ctl *c, const struct redisReply *reply)
{
    struct span said = reply_error(reply);

    if (!said.data)
        return ctl_fail(c, EXIT_INTERNAL, "Redis gave an answer of an unexpected form");
    return ctl_fail(c, EXIT_UNREACHABLE, "Redis refuses: %.*s", (int)(said.len < 500 ? said.len : 500),
                    said.data);
}

int ctl_ask_one(struct ctl *c, struct span command, struct redisReply **ret)
{
    struct redisReply *reply;
    int code = ctl_ask(c, command, &reply, 1);

    if (code != 0)
        return code;
    if (reply_is_error(reply)) {
        code = ctl_refused(c, reply);
        reply_free(reply);
        return code;
    }
    *ret = reply;
    return 0;
}

int ctl_script(struct ctl *c, void (*write)(void *arg, bool text, struct bytes *out), void *arg,
               struct redisReply **ret)
{
    bytes_auto command = BYTES_INIT;
    struct redisReply *reply;

    write(arg, false, &command);
    int code = ctl_ask(c, bytes_span(&command), &reply, 1);
    if (code != 0)
        return code;
    if (!reply_error_is(reply, "NOSCRIPT")) {
        *ret = reply;
        return 0;
    }
    reply_free(reply);
    bytes_reset(&command);
    write(arg, true, &command);
    return ctl_ask(c, bytes_span(&command), ret, 1);
}

int ctl_now(struct ctl *c, int64_t *ret_ms)
{
    bytes_auto command = BYTES_INIT;
    struct redisReply *reply;

    resp_command(&command, "TIME", NULL);
    int code = ctl_ask_one(c, bytes_span(&command), &reply);
    if (code != 0)
        return code;
    *ret_ms = reply_integer(reply_at(reply, 0), 0) * 1000 + reply_integer(reply_at(reply, 1), 0) / 1000;
    reply_free(reply);
    return 0;
}

void replies_free(struct redisReply **replies, size_t count)
{
    for (size_t i = 0; i < count; i++)
        reply_free(replies[i]);
}

int ctl_publish(struct ctl *c, enum key channel, struct span payload, int64_t *ret_heard)
{
    bytes_auto command = BYTES_INIT;
    struct redisReply *reply;

    store_publish(&c->store, channel, payload, &command);
    int code = ctl_ask_one(c, bytes_span(&command), &reply);
    if (code != 0)
        return code;
    *ret_heard = reply_integer(reply, 0);
    reply_free(reply);
    return 0;
}
