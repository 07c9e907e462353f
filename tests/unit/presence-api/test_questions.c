/* SPDX-License-Identifier: MIT */
/* Questions to a real Redis that is cut off, stops, and is away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "presence-api/questions.h"
#include "redis/reply.h"
#include "redis/resp.h"
#include "support/loop_until.h"
#include "support/redis_server.h"

#define PATIENCE_MS 30000
#define COMMANDS    100
#define MANY        200 /* questions: ten times what may be on its way at once */

static struct redis_server server;

struct asking {
    struct loop *loop;
    struct redis_config config;
    struct questions *questions;
    struct question asked[MANY];
    size_t sent, answered, lost;
    int64_t last;
    bool disordered;
};

static void on_answered(void *arg, const struct redisReply *const *replies)
{
    struct asking *a = arg;
    a->answered++;
    a->lost += !replies;
    for (size_t i = 0; replies && i < COMMANDS; i++) {
        int64_t value = reply_integer(replies[i], -1);
        a->disordered |= value <= a->last;
        a->last = value;
    }
}

static void ask_many(struct asking *a, size_t count, int expected)
{
    a->sent = a->answered = a->lost = 0;
    for (size_t n = 0; n < count; n++) {
        struct question *q = &a->asked[n];
        bytes_reset(&q->commands);
        for (size_t i = 0; i < COMMANDS; i++)
            resp_command(&q->commands, "INCR", "count", NULL);
        q->count = COMMANDS;
        q->answered = on_answered;
        q->arg = a;
        assert_int_equal(questions_ask(a->questions, q), expected);
        a->sent += expected == 0;
    }
}

static void start(struct asking *a, const char *path, int64_t timeout_ms)
{
    *a = (struct asking){.loop = loop_create(),
                         .config = {.unix_path = (char *)path, .timeout_ms = PATIENCE_MS}};
    a->questions = questions_create(a->loop, &a->config, timeout_ms);
    assert_true(questions_pass(a->questions));
    assert_false(questions_reached(a->questions));
}

static void stop(struct asking *a)
{
    questions_destroy(a->questions);
    assert_int_equal(a->answered, a->sent);
    for (size_t i = 0; i < MANY; i++)
        bytes_finish(&a->asked[i].commands);
    loop_destroy(a->loop);
}

static bool all_answered(void *arg)
{
    const struct asking *a = arg;
    return a->answered == a->sent;
}

static bool passes(void *arg)
{
    return questions_pass(((struct asking *)arg)->questions);
}

static bool refuses(void *arg)
{
    return !passes(arg);
}

static void await(struct asking *a, bool (*holds)(void *arg))
{
    assert_true(loop_until(a->loop, holds, a, PATIENCE_MS));
}

static void test_those_that_come_before_the_link_wait_for_it(void **state)
{
    struct asking a;
    start(&a, server.path, PATIENCE_MS);
    ask_many(&a, MANY, 0);
    await(&a, all_answered);
    assert_int_equal(a.lost, 0);
    assert_false(a.disordered);
    assert_int_equal(questions_opened(a.questions), 0);
    assert_int_equal(strlen(questions_run_id(a.questions)), 40);
    assert_true(questions_reached(a.questions));
    stop(&a);
}

static void test_a_connection_that_ends_is_replaced(void **state)
{
    struct asking a;
    start(&a, server.path, PATIENCE_MS);
    for (int round = 0; round < 10; round++) {
        ask_many(&a, 1, 0);
        await(&a, all_answered);
        redis_server_do(&server, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
        ask_many(&a, MANY, 0);
        await(&a, all_answered);
        assert_int_equal(a.lost, 0);
    }
    assert_int_equal(questions_opened(a.questions), 0);
    stop(&a);
}

static void test_one_that_hangs_has_all_refused_until_it_answers(void **state)
{
    struct asking a;
    start(&a, server.path, 1000);
    ask_many(&a, 1, 0);
    await(&a, all_answered);
    assert_int_equal(a.lost, 0);
    redis_server_pause(&server);
    ask_many(&a, MANY, 0);
    await(&a, all_answered);
    assert_int_equal(a.lost, MANY);
    assert_false(questions_pass(a.questions));
    assert_int_equal(questions_opened(a.questions), 1);
    ask_many(&a, 3, -1);
    redis_server_resume(&server);
    await(&a, passes);
    ask_many(&a, 3, 0);
    await(&a, all_answered);
    assert_int_equal(a.lost, 0);
    stop(&a);
}

static void test_one_that_is_lost_while_nobody_asks_is_noticed(void **state)
{
    struct asking a;
    struct redis_server other = {0};
    redis_server_start(&other);
    start(&a, other.path, 1000);
    ask_many(&a, 1, 0);
    await(&a, all_answered);
    redis_server_stop(&other);
    await(&a, refuses);
    assert_false(questions_reached(a.questions));
    stop(&a);
}

static void on_busy(void *arg)
{
    redis_server_sleep_ms(150);
}

static void test_a_loop_that_is_busy_is_not_redis_that_hangs(void **state)
{
    struct asking a;
    start(&a, server.path, 100);
    struct loop_timer *busy = loop_timer_create(a.loop, on_busy, NULL);
    loop_timer_start(busy, 0, 1);
    ask_many(&a, MANY / 4, 0);
    await(&a, all_answered);
    assert_int_equal(a.lost, 0);
    assert_int_equal(questions_opened(a.questions), 0);
    loop_timer_destroy(busy);
    stop(&a);
}

static void test_one_that_is_away_is_given_up(void **state)
{
    struct asking a;
    start(&a, "/nonexistent/redis.sock", 100);
    ask_many(&a, 2, 0);
    await(&a, refuses);
    assert_int_equal(a.lost, 2);
    stop(&a);
}

static void test_the_end_gives_up_all(void **state)
{
    struct asking a;
    start(&a, server.path, PATIENCE_MS);
    ask_many(&a, 1, 0);
    await(&a, all_answered);
    redis_server_pause(&server);
    ask_many(&a, MANY, 0);
    stop(&a);
    assert_int_equal(a.lost, MANY);
    redis_server_resume(&server);
}

static int setup(void **state)
{
    redis_server_start(&server);
    return 0;
}

static int teardown(void **state)
{
    redis_server_stop(&server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_those_that_come_before_the_link_wait_for_it),
        cmocka_unit_test(test_a_connection_that_ends_is_replaced),
        cmocka_unit_test(test_one_that_hangs_has_all_refused_until_it_answers),
        cmocka_unit_test(test_one_that_is_lost_while_nobody_asks_is_noticed),
        cmocka_unit_test(test_a_loop_that_is_busy_is_not_redis_that_hangs),
        cmocka_unit_test(test_one_that_is_away_is_given_up),
        cmocka_unit_test(test_the_end_gives_up_all),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
