/* SPDX-License-Identifier: MIT */
#include "base/log.h"
#include "redis/redis_link.h"
#include "support/loop_until.h"
#include "support/odd_redis.h"
#include "support/redis_server.h"

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define TIMEOUT_MS  600
#define PATIENCE_MS 10000

static struct redis_server server;

/* A subscriber and all it said. */
struct watch {
    struct loop *loop;
    struct redis_config config;
    struct redis_subscriber *subscriber;
    int log; /* where the log goes */
    size_t subscribed, lost, messages;
    size_t awaited; /* messages */
    char channel[64], payload[64], why[200];
    bool resets;
};

static void copy(struct span text, char *out)
{
    assert_int_equal(span_copy(text, out, 64), 0);
}

static void on_subscribed(void *arg)
{
    struct watch *w = arg;
    w->subscribed++;
    assert_true(redis_subscriber_ready(w->subscriber));
}

static void on_message(void *arg, struct span channel, struct span payload)
{
    struct watch *w = arg;
    w->messages++;
    copy(channel, w->channel);
    copy(payload, w->payload);
    if (w->resets)
        redis_subscriber_reset(w->subscriber, "deaf");
    w->resets = false;
}

static void on_lost(void *arg, const char *why)
{
    struct watch *w = arg;
    w->lost++;
    snprintf(w->why, sizeof(w->why), "%s", why);
    assert_false(redis_subscriber_ready(w->subscriber));
}

static const struct redis_subscriber_hooks hooks = {on_subscribed, on_message, on_lost};

static void watch_start(struct watch *w, struct redis_config config)
{
    static const char *const channels[] = {"presence:updates", "presence:control"};
    memset(w, 0, sizeof(*w));
    w->loop = loop_create();
    w->config = config;
    w->config.timeout_ms = TIMEOUT_MS;
    w->log = memfd_create("log", MFD_CLOEXEC);
    log_set_fd(w->log);
    w->subscriber = redis_subscriber_create(w->loop, &w->config, channels, 2, &hooks, w);
}

static void watch_stop(struct watch *w)
{
    redis_subscriber_destroy(w->subscriber);
    loop_destroy(w->loop);
    log_set_fd(STDERR_FILENO);
    close(w->log);
}

static struct redis_config over_unix(void)
{
    return (struct redis_config){.unix_path = server.path};
}

static bool is_ready(void *arg)
{
    return redis_subscriber_ready(((struct watch *)arg)->subscriber);
}

static bool is_lost(void *arg)
{
    return ((struct watch *)arg)->lost > 0;
}

static bool has_messages(void *arg)
{
    struct watch *w = arg;
    return w->messages >= w->awaited;
}

static void await(struct watch *w, bool (*holds)(void *arg))
{
    assert_true(loop_until(w->loop, holds, w, PATIENCE_MS));
}

static int log_lines(const struct watch *w, const char *event)
{
    char text[16384];
    int lines = 0;
    ssize_t len = pread(w->log, text, sizeof(text) - 1, 0);
    text[len < 0 ? 0 : len] = '\0';
    for (const char *at = text; (at = strstr(at, event)); at++)
        lines++;
    return lines;
}

/* Whoever publishes finds one listener, and it hears. */
static void assert_hears(struct watch *w, const char *channel, const char *payload)
{
    redisReply *r = redis_server_call(&server, "PUBLISH", channel, payload, NULL);
    assert_int_equal(r->integer, 1);
    freeReplyObject(r);
    w->awaited = w->messages + 1;
    await(w, has_messages);
    assert_int_equal(w->messages, w->awaited);
    assert_string_equal(w->channel, channel);
    assert_string_equal(w->payload, payload);
}

static void test_messages(void **state)
{
    struct redis_config configs[] = {over_unix(), {.host = "localhost", .port = server.port}};
    for (size_t i = 0; i < 2; i++) {
        struct watch w;
        watch_start(&w, configs[i]);
        assert_false(redis_subscriber_ready(w.subscriber));
        await(&w, is_ready);
        assert_hears(&w, "presence:updates", "one");
        assert_hears(&w, "presence:control", "");
        assert_hears(&w, "presence:updates", "two");
        assert_int_equal(w.subscribed, 1);
        assert_int_equal(w.lost, 0);
        assert_int_equal(log_lines(&w, "redis_up"), 1);
        watch_stop(&w);
    }
}

static void test_many_messages(void **state)
{
    struct watch w;
    watch_start(&w, over_unix());
    await(&w, is_ready);
    redis_server_do(&server, "EVAL", "for i = 1, 20000 do redis.call('PUBLISH', 'presence:updates', i) end",
                    "0");
    w.awaited = 20000;
    await(&w, has_messages);
    assert_int_equal(w.messages, 20000);
    assert_string_equal(w.payload, "20000");
    watch_stop(&w);
}

static void test_cut_by_redis(void **state)
{
    struct watch w;
    watch_start(&w, over_unix());
    await(&w, is_ready);
    redis_server_do(&server, "CLIENT", "KILL", "TYPE", "pubsub");
    await(&w, is_lost);
    assert_true(w.why[0] != '\0');
    await(&w, is_ready);
    assert_int_equal(w.subscribed, 2);
    assert_int_equal(w.lost, 1);
    assert_hears(&w, "presence:updates", "again");
    watch_stop(&w);
}

static void test_killed(void **state)
{
    struct watch w;
    watch_start(&w, over_unix());
    await(&w, is_ready);
    redis_server_kill(&server);
    await(&w, is_lost);
    redis_server_run(&server);
    await(&w, is_ready);
    assert_int_equal(w.lost, 1);
    assert_hears(&w, "presence:control", "back");
    watch_stop(&w);
}

static void test_reset_from_a_message(void **state)
{
    struct watch w;
    watch_start(&w, over_unix());
    await(&w, is_ready);
    w.resets = true;
    redis_server_do(&server, "EVAL", "for i = 1, 9 do redis.call('PUBLISH', 'presence:updates', i) end", "0");
    await(&w, is_lost);
    assert_int_equal(w.messages, 1);
    assert_string_equal(w.why, "deaf");
    await(&w, is_ready);
    assert_hears(&w, "presence:updates", "again");
    watch_stop(&w);
}

static bool asked_many_times(void *arg)
{
    redisReply *r = redis_server_call(&server, "INFO", "stats", NULL);
    const char *at = strstr(r->str, "total_connections_received:");
    bool many = at && atoi(strchr(at, ':') + 1) > 5;
    freeReplyObject(r);
    return many;
}

static void test_channel_not_permitted(void **state)
{
    struct redis_config config = over_unix();
    struct watch w;
    redis_server_do(&server, "ACL", "SETUSER", "meek", "reset", "on", ">p", "-@all", "+subscribe",
                    "&presence:updates");
    redis_server_do(&server, "CONFIG", "RESETSTAT");
    config.username = "meek";
    config.password = "p";
    watch_start(&w, config);
    await(&w, asked_many_times);
    assert_int_equal(w.subscribed, 0);
    assert_int_equal(w.lost, 0);
    assert_int_equal(log_lines(&w, "redis_down"), 1);
    assert_int_equal(log_lines(&w, "NOPERM"), 1);
    redis_server_do(&server, "ACL", "SETUSER", "meek", "&presence:control");
    await(&w, is_ready);
    assert_int_equal(log_lines(&w, "redis_up"), 1);
    watch_stop(&w);
}

static bool failed_once(void *arg)
{
    return log_lines(arg, "redis_down") > 0;
}

static void test_silent_from_the_start(void **state)
{
    struct watch w;
    redis_server_pause(&server);
    watch_start(&w, over_unix());
    await(&w, failed_once);
    assert_int_equal(w.lost, 0);
    redis_server_resume(&server);
    await(&w, is_ready);
    watch_stop(&w);
}

/* No message is no fault. */
static void test_quiet(void **state)
{
    struct watch w;
    watch_start(&w, over_unix());
    await(&w, is_ready);
    w.awaited = 1;
    assert_false(loop_until(w.loop, has_messages, &w, 2 * TIMEOUT_MS));
    assert_int_equal(w.lost, 0);
    assert_hears(&w, "presence:updates", "still here");
    watch_stop(&w);
}

/* Of a broken Redis, or of what stands before it. Each ends the connection, never the process. */
static void test_odd_answers(void **state)
{
    static const char *const odd[] = {
        "*3\r\n$7\r\nmessage\r\n:1\r\n:2\r\n",
        "*1\r\n$7\r\nmessage\r\n",
        "*3\r\n$7\r\nmessage\r\n$16\r\npresence:updates\r\n$-1\r\n",
        "*4\r\n$7\r\nmessage\r\n$16\r\npresence:updates\r\n$1\r\na\r\n$1\r\nb\r\n",
        "*0\r\n",
        "*-1\r\n",
        "*2\r\n*0\r\n*0\r\n",
        "*1\r\n*1\r\n*1\r\n*0\r\n",
        "*3\r\n$9\r\nsubscribe\r\n$16\r\npresence:updates\r\n:3\r\n",
        "*3\r\n$11\r\nunsubscribe\r\n$16\r\npresence:updates\r\n:1\r\n",
        "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n",
        "*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$16\r\npresence:updates\r\n$1\r\na\r\n",
        "*3\r\n$8\r\npmessage\r\n:1\r\n:2\r\n",
        "+OK\r\n",
        ":1\r\n",
        "$-1\r\n",
        "$0\r\n\r\n",
        "+message\r\n",
    };

    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        struct odd_redis redis;
        struct watch w;
        odd_redis_start(&redis, "SUBSCRIBE", span_of(odd[i]));
        watch_start(&w, (struct redis_config){.unix_path = redis.path});
        await(&w, is_lost);
        if (strcmp(w.why, "protocol") != 0 || w.messages > 0)
            fail_msg("%s: %s, %zu messages", odd[i], w.why, w.messages);
        await(&w, is_ready);
        assert_int_equal(w.subscribed, 2);
        watch_stop(&w);
        odd_redis_stop(&redis);
    }
}

static int start(void **state)
{
    server.tcp = true;
    redis_server_start(&server);
    return 0;
}

static int stop(void **state)
{
    redis_server_stop(&server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_many_messages),
        cmocka_unit_test(test_cut_by_redis),
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_reset_from_a_message),
        cmocka_unit_test(test_channel_not_permitted),
        cmocka_unit_test(test_silent_from_the_start),
        cmocka_unit_test(test_quiet),
        cmocka_unit_test(test_odd_answers),
    };
    log_init("test", LOG_LEVEL_INFO);
    return cmocka_run_group_tests(tests, start, stop);
}
