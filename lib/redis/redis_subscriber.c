/* SPDX-License-Identifier: MIT */
#include "redis/redis_link.h"

#include "base/mem.h"
#include "redis/redis_connector.h"
#include "redis/reply.h"
#include "redis/resp.h"

#include <stdio.h>
#include <stdlib.h>

struct redis_subscriber {
    const struct redis_config *config;
    const struct redis_subscriber_hooks *hooks;
    void *arg;
    struct redis_connector *connector;
    struct loop_timer *deadline; /* of the confirmations */
    struct bytes subscribe;      /* the command, written once */
    size_t count, confirmed;
    bool ready;
};

static void on_deadline(void *arg)
{
    struct redis_subscriber *s = arg;
    redis_connector_reset(s->connector, "no confirmation of the subscription in time");
}

static void on_up(void *arg, const char *run_id)
{
    struct redis_subscriber *s = arg;
    s->confirmed = 0;
    loop_timer_start(s->deadline, s->config->timeout_ms, 0);
    redis_connector_send(s->connector, bytes_span(&s->subscribe));
}

static void take_confirmation(struct redis_subscriber *s)
{
    if (++s->confirmed < s->count)
        return;
    s->ready = true;
    loop_timer_stop(s->deadline);
    redis_connector_confirm(s->connector);
    s->hooks->subscribed(s->arg);
}

static void take_error(struct redis_subscriber *s, struct span error)
{
    char why[200];
    snprintf(why, sizeof(why), "%.*s", (int)(error.len < sizeof(why) ? error.len : sizeof(why)), error.data);
    redis_connector_reset(s->connector, why);
}

/* ["subscribe", channel, count], as many as there are channels. */
static bool is_confirmation(const struct redis_subscriber *s, const struct redisReply *reply)
{
    return !s->ready && reply_count(reply) == 3 &&
           span_equal(reply_text(reply_at(reply, 0)), SPAN("subscribe")) &&
           reply_text(reply_at(reply, 1)).data && reply_integer(reply_at(reply, 2), 0) > 0;
}

/* ["message", channel, payload] */
static bool is_message(const struct redisReply *reply)
{
    return reply_count(reply) == 3 && span_equal(reply_text(reply_at(reply, 0)), SPAN("message")) &&
           reply_text(reply_at(reply, 1)).data && reply_text(reply_at(reply, 2)).data;
}

static bool on_reply(void *arg, const struct redisReply *reply)
{
    struct redis_subscriber *s = arg;
    if (reply_is_error(reply))
        take_error(s, reply_error(reply));
    else if (is_confirmation(s, reply))
        take_confirmation(s);
    else if (!is_message(reply))
        redis_connector_reset(s->connector, "protocol");
    else if (s->ready)
        s->hooks->message(s->arg, reply_text(reply_at(reply, 1)), reply_text(reply_at(reply, 2)));
    return false;
}

static void on_down(void *arg, const char *why)
{
    struct redis_subscriber *s = arg;
    bool was_ready = s->ready;
    s->ready = false;
    loop_timer_stop(s->deadline);
    if (was_ready)
        s->hooks->lost(s->arg, why);
}

static const struct redis_connector_hooks connector_hooks = {.up = on_up, .reply = on_reply, .down = on_down};

struct redis_subscriber *redis_subscriber_create(struct loop *loop, const struct redis_config *config,
                                                 const char *const *channels, size_t count,
                                                 const struct redis_subscriber_hooks *hooks, void *arg)
{
    struct redis_subscriber *s = mem_zalloc(sizeof(*s));
    s->config = config;
    s->hooks = hooks;
    s->arg = arg;
    s->count = count;
    resp_begin(&s->subscribe, count + 1);
    resp_text(&s->subscribe, "SUBSCRIBE");
    for (size_t i = 0; i < count; i++)
        resp_text(&s->subscribe, channels[i]);
    s->deadline = loop_timer_create(loop, on_deadline, s);
    s->connector = redis_connector_create(loop, config, "messages", &connector_hooks, s);
    return s;
}

void redis_subscriber_destroy(struct redis_subscriber *s)
{
    if (!s)
        return;
    redis_connector_destroy(s->connector);
    loop_timer_destroy(s->deadline);
    bytes_finish(&s->subscribe);
    free(s);
}

bool redis_subscriber_ready(const struct redis_subscriber *s)
{
    return s->ready;
}

void redis_subscriber_reset(struct redis_subscriber *s, const char *why)
{
    if (s->ready)
        redis_connector_reset(s->connector, why);
}
