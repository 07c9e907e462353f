/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/store_redis.h"

#include "store/reconciler.h"

static struct store_redis t;

struct bench {
    struct reconciler reconciler;
    int64_t now_ms, took_ms;
    struct redisReply *pending;
    size_t sent;
    bool refuse;
    size_t letters[256];
};

static int on_send(void *arg, struct store_request *request, struct span command)
{
    struct bench *b = arg;
    if (b->refuse)
        return -1;
    struct bytes copy = {(char *)command.data, command.len, command.len};
    assert_null(b->pending);
    b->pending = store_redis_send(&t, &copy);
    b->sent++;
    return 0;
}

static void on_fixed(void *arg, char outcome)
{
    ((struct bench *)arg)->letters[(unsigned char)outcome]++;
}

static const struct reconciler_hooks hooks = {.send = on_send, .fixed = on_fixed};

static void begin(struct bench *b, int64_t interval_ms)
{
    struct reconciler_config config = {.interval_ms = interval_ms, .ttl_ms = STORE_REDIS_TTL, .seed = 3};
    memset(b, 0, sizeof(*b));
    b->now_ms = 1000;
    store_redis_clear(&t);
    reconciler_init(&b->reconciler, &config, &t.store, &hooks, b);
}

/* Lets time pass until that many passes are done; every answer takes took_ms. */
static void work(struct bench *b, uint64_t passes)
{
    while (b->reconciler.passes < passes) {
        int64_t due = reconciler_due(&b->reconciler);
        assert_int_not_equal(due, RECONCILER_NEVER);
        b->now_ms = due > b->now_ms ? due : b->now_ms;
        reconciler_tick(&b->reconciler, b->now_ms);
        if (!b->pending)
            continue;
        assert_int_equal(reconciler_due(&b->reconciler), RECONCILER_NEVER);
        b->now_ms += b->took_ms;
        struct redisReply *reply = b->pending;
        b->pending = NULL;
        store_request_answered(&b->reconciler.request, reply, b->now_ms);
        freeReplyObject(reply);
    }
}

static void finish(struct bench *b)
{
    freeReplyObject(b->pending);
    reconciler_finish(&b->reconciler);
}

static void test_rests_between_passes(void **state)
{
    struct bench b;
    begin(&b, 1000);
    assert_int_equal(reconciler_due(&b.reconciler), RECONCILER_NEVER);
    reconciler_connected(&b.reconciler, true, b.now_ms);
    int64_t last = b.now_ms, shortest = INT64_MAX, longest = 0;
    for (uint64_t i = 1; i <= 50; i++) {
        int64_t pause = reconciler_due(&b.reconciler) - last;
        shortest = pause < shortest ? pause : shortest;
        longest = pause > longest ? pause : longest;
        work(&b, i);
        last = b.now_ms;
    }
    assert_true(shortest >= 750 && longest <= 1250 && longest - shortest > 200);
    reconciler_connected(&b.reconciler, false, b.now_ms);
    assert_int_equal(reconciler_due(&b.reconciler), RECONCILER_NEVER);
    finish(&b);
    begin(&b, 0);
    reconciler_connected(&b.reconciler, true, b.now_ms);
    assert_int_equal(reconciler_due(&b.reconciler), RECONCILER_NEVER);
    finish(&b);
}

static void test_meets_every_user_and_leaves_redis_time(void **state)
{
    struct bench b;
    begin(&b, 1000);
    for (int i = 0; i < 1500; i++) {
        char user[16], session[16], key[48];
        snprintf(user, sizeof(user), "u%d", i);
        snprintf(session, sizeof(session), "n1/%d", i);
        snprintf(key, sizeof(key), "presence:user:u%d", i);
        struct session_op op = store_redis_op('o', user, session, "phone");
        assert_int_equal(store_redis_apply(&t, &op, 1), 0);
        if (i % 3 == 0)
            redis_server_do(&t.server, "DEL", key);
    }
    redis_server_do(&t.server, "SET", "presence:user:other", "1", "PX", "60000");
    redis_server_do(&t.server, "SET", "presence:user:\x01", "1");
    redis_server_do(&t.server, "SET", "presence:user:", "1");
    redis_server_do(&t.server, "SET", "unrelated:user:x", "1");
    redis_server_do(&t.server, "SET", "presence:meta:bad", "1");
    redis_server_do(&t.server, "HSET", "presence:meta:stale", "status", "online");
    reconciler_connected(&b.reconciler, true, b.now_ms);
    b.now_ms = reconciler_due(&b.reconciler);
    b.took_ms = 4;
    int64_t began = b.now_ms;
    work(&b, 1);
    assert_int_equal(b.letters['k'], 500);
    assert_int_equal(b.letters['a'], 1);
    assert_int_equal(b.letters['o'], 1);
    assert_int_equal(b.letters['x'], 1);
    assert_int_equal(b.letters['e'], 0);
    /* By their meta; the keys that stand are met twice. */
    assert_true(b.letters['.'] >= 2000);
    assert_string_equal(STORE_REDIS_TEXT(&t, "ZCARD", "presence:due"), "1501");
    assert_string_equal(STORE_REDIS_TEXT(&t, "PTTL", "presence:user:\x01"), "-1");
    assert_true(b.now_ms - began >= (int64_t)(b.sent - 1) * 40);
    size_t before = b.letters['.'];
    work(&b, 2);
    assert_int_equal(b.letters['k'], 500);
    assert_int_equal(b.letters['.'] - before, 1501);
    /* Keys deleted between passes are found by the index. */
    redis_server_do(&t.server, "DEL", "presence:user:u7", "presence:user:u77");
    work(&b, 3);
    assert_int_equal(b.letters['k'], 502);
    finish(&b);
}

static void test_a_lost_connection_gives_the_pass_up(void **state)
{
    struct bench b;
    begin(&b, 100);
    b.refuse = true;
    reconciler_connected(&b.reconciler, true, b.now_ms);
    b.now_ms = reconciler_due(&b.reconciler);
    reconciler_tick(&b.reconciler, b.now_ms);
    assert_true(reconciler_due(&b.reconciler) > b.now_ms);
    b.refuse = false;
    b.now_ms = reconciler_due(&b.reconciler);
    reconciler_tick(&b.reconciler, b.now_ms);
    assert_non_null(b.pending);
    store_request_answered(&b.reconciler.request, NULL, b.now_ms);
    reconciler_connected(&b.reconciler, false, b.now_ms);
    freeReplyObject(b.pending);
    b.pending = NULL;
    reconciler_connected(&b.reconciler, true, b.now_ms);
    work(&b, 1);
    finish(&b);
}

static void test_error_answers_end_a_pass(void **state)
{
    struct bench b;
    begin(&b, 100);
    redis_server_do(&t.server, "SET", "presence:due", "x");
    redis_server_do(&t.server, "SET", "presence:user:bob", "1");
    reconciler_connected(&b.reconciler, true, b.now_ms);
    for (int i = 0; i < 20; i++) {
        b.now_ms = reconciler_due(&b.reconciler);
        reconciler_tick(&b.reconciler, b.now_ms);
        struct redisReply *reply = b.pending;
        b.pending = NULL;
        store_request_answered(&b.reconciler.request, reply, b.now_ms);
        freeReplyObject(reply);
    }
    assert_int_equal(b.reconciler.passes, 0);
    redis_server_do(&t.server, "DEL", "presence:due");
    work(&b, 1);
    assert_int_equal(b.letters['a'], 1);
    finish(&b);
}

static int start(void **state)
{
    store_redis_start(&t);
    return 0;
}

static int stop(void **state)
{
    store_redis_stop(&t);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rests_between_passes),
        cmocka_unit_test(test_meets_every_user_and_leaves_redis_time),
        cmocka_unit_test(test_a_lost_connection_gives_the_pass_up),
        cmocka_unit_test(test_error_answers_end_a_pass),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
