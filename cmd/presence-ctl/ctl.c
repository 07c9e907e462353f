/* SPDX-License-Identifier: MIT */
#include "ctl.h"

#include <stdio.h>

int ctl_fail(struct ctl *c, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(c->error, sizeof(c->error), format, args);
    va_end(args);
    return code;
}

int ctl_connect(struct ctl *c)
{
    char error[sizeof(c->error) - 100] = "";
    enum redis_sync_result result = redis_sync_open(&c->config.redis, &c->redis, error, sizeof(error));
    c->fault = redis_sync_fault(result, &c->config.redis);
    if (c->fault == REDIS_FAULT_REFUSED)
        return ctl_fail(c, EXIT_UNREACHABLE, "%s (REDIS_USERNAME, REDIS_PASSWORD, REDIS_DB)", error);
    if (result != REDIS_SYNC_OK)
        return ctl_fail(c, EXIT_UNREACHABLE, "%s", error);
    snprintf(c->store.run_id, sizeof(c->store.run_id), "%s", redis_sync_run_id(c->redis));
    return 0;
}

void ctl_disconnect(struct ctl *c)
{
    redis_sync_close(c->redis);
    c->redis = NULL;
}

int ctl_ask(struct ctl *c, struct span commands, struct redisReply **ret, size_t count)
{
    if (!c->redis)
        return ctl_fail(c, EXIT_UNREACHABLE, "Redis: not connected");
    redis_sync_send(c->redis, commands);
    for (size_t i = 0; i < count; i++) {
        if (redis_sync_reply(c->redis, &ret[i]) == REDIS_SYNC_OK)
            continue;
        ctl_free_replies(ret, i);
        ctl_fail(c, EXIT_UNREACHABLE, "Redis at %s: %s", redis_sync_where(c->redis),
                 redis_sync_error(c->redis));
        ctl_disconnect(c);
        return EXIT_UNREACHABLE;
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

int ctl_ask_one(struct ctl *c, const struct bytes *command, struct redisReply **ret)
{
    reply_auto *reply = NULL;
    int code = ctl_ask(c, bytes_span(command), &reply, 1);
    if (code != 0)
        return code;
    if (reply_is_error(reply))
        return ctl_refused(c, reply);
    *ret = reply;
    reply = NULL;
    return 0;
}

int ctl_script(struct ctl *c, struct span command, struct redisReply **ret)
{
    struct redisReply *loaded[SCRIPTS];
    bytes_auto scripts = BYTES_INIT;
    int code = ctl_ask(c, command, ret, 1);
    if (code != 0 || !reply_error_is(*ret, "NOSCRIPT"))
        return code;
    reply_free(*ret);
    *ret = NULL;
    for (int i = 0; i < SCRIPTS; i++)
        store_load_script((enum script)i, &scripts);
    code = ctl_ask(c, bytes_span(&scripts), loaded, SCRIPTS);
    if (code != 0)
        return code;
    for (int i = 0; i < SCRIPTS; i++)
        if (!*ret && reply_is_error(loaded[i]))
            *ret = loaded[i];
        else
            reply_free(loaded[i]);
    return *ret ? 0 : ctl_ask(c, command, ret, 1);
}

int ctl_now(struct ctl *c, int64_t *ret_ms)
{
    bytes_auto command = BYTES_INIT;
    reply_auto *reply = NULL;
    store_time(&command);
    int code = ctl_ask_one(c, &command, &reply);
    if (code == 0 && store_read_time(reply, ret_ms) < 0)
        code = ctl_refused(c, reply);
    return code;
}

static int ask_number(struct ctl *c, const struct bytes *command, int64_t *ret)
{
    reply_auto *reply = NULL;
    int code = ctl_ask_one(c, command, &reply);
    if (code == 0)
        *ret = reply_integer(reply, 0);
    return code;
}

int ctl_online(struct ctl *c, int64_t *ret)
{
    bytes_auto command = BYTES_INIT;
    store_online(&c->store, &command);
    return ask_number(c, &command, ret);
}

int ctl_publish(struct ctl *c, enum key channel, struct span payload, int64_t *ret_received)
{
    bytes_auto command = BYTES_INIT;
    store_publish(&c->store, channel, payload, &command);
    return ask_number(c, &command, ret_received);
}

void ctl_free_replies(struct redisReply **replies, size_t count)
{
    for (size_t i = 0; i < count; i++)
        reply_free(replies[i]);
}
