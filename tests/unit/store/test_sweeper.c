/* SPDX-License-Identifier: MIT */
#include "store/node_registry.h"
#include "store/sweeper.h"

#include <hiredis/hiredis.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define EPOCH "11111111-abc"

struct bench {
    struct sweeper sweeper;
    struct node_registry registry;
    struct store store;
    struct redis_time time;
    int64_t now_ms;
    size_t sent, swept, resets;
    bool refuse;
};

static int on_send(void *arg, struct store_request *request, struct span command)
{
    struct bench *b = arg;
    if (b->refuse)
        return -1;
    b->sent += request == &b->sweeper.request;
    return 0;
}

static int64_t on_wall_ms(void)
{
    return 0;
}

static void on_state(void *arg, const struct store_state *state, const struct node_registry_news *news)
{
}

static void on_nodes(void *arg, const struct node_answer *answer)
{
    struct bench *b = arg;
    sweeper_registered(&b->sweeper, b->now_ms);
}

static void on_swept(void *arg, const struct expire_answer *answer)
{
    ((struct bench *)arg)->swept++;
}

static void on_reset(void *arg, const char *why)
{
    ((struct bench *)arg)->resets++;
}

static const struct sweeper_hooks hooks = {.send = on_send, .swept = on_swept, .reset = on_reset};
static const struct node_registry_hooks registry_hooks = {
    .wall_ms = on_wall_ms, .send = on_send, .state = on_state, .nodes = on_nodes, .reset = on_reset};

static struct redisReply *parse(const char *text)
{
    void *reply = NULL;
    redisReader *reader = redisReaderCreate();
    assert_int_equal(redisReaderFeed(reader, text, strlen(text)), REDIS_OK);
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    assert_non_null(reply);
    redisReaderFree(reader);
    return reply;
}

/* The sweep is answered: Redis's clock is ours plus 5000. */
static void answer(struct bench *b, int64_t held_ms, int64_t next_in_ms, int looked)
{
    char text[256], next[32] = "";
    if (next_in_ms != -1)
        snprintf(next, sizeof(next), "%lld", (long long)(b->now_ms + 5000 + next_in_ms));
    snprintf(text, sizeof(text),
             "*8\r\n:%lld\r\n+" EPOCH "\r\n+7\r\n:3\r\n:%lld\r\n$%zu\r\n%s\r\n:%d\r\n*0\r\n",
             (long long)b->now_ms + 5000, (long long)held_ms, strlen(next), next, looked);
    struct redisReply *reply = parse(text);
    store_request_answered(&b->sweeper.request, reply, b->now_ms);
    freeReplyObject(reply);
}

struct heard {
    const char *name, *program, *asserted;
    int64_t age_ms;
};

static void nodes(struct bench *b, const char *epoch, const struct heard *list, size_t count)
{
    char text[2048];
    size_t len =
        (size_t)snprintf(text, sizeof(text), "*8\r\n:%lld\r\n+%s\r\n+7\r\n:3\r\n+0\r\n:0\r\n*%zu\r\n",
                         (long long)b->now_ms + 5000, epoch, 2 * count);
    for (size_t i = 0; i < count; i++) {
        char json[256];
        snprintf(json, sizeof(json),
                 "{\"program\":\"%s\",\"address\":\"\",\"seen\":%lld,\"offset\":0,\"asserted\":\"%s\"}",
                 list[i].program, (long long)(b->now_ms + 5000 - list[i].age_ms), list[i].asserted);
        len += (size_t)snprintf(text + len, sizeof(text) - len, "+%s\r\n$%zu\r\n%s\r\n", list[i].name,
                                strlen(json), json);
    }
    snprintf(text + len, sizeof(text) - len, "+0\r\n");
    struct redisReply *reply = parse(text);
    node_registry_probe(&b->registry, b->now_ms);
    store_request_answered(&b->registry.request, reply, b->now_ms);
    freeReplyObject(reply);
}

static void connect_again(struct bench *b)
{
    node_registry_disconnected(&b->registry);
    sweeper_disconnected(&b->sweeper);
    node_registry_connected(&b->registry, "r", b->store.generation + 1, b->now_ms);
}

static void finish(struct bench *b)
{
    sweeper_finish(&b->sweeper);
    node_registry_finish(&b->registry);
}

static void begin(struct bench *b, int64_t interval_ms, int64_t holdback_ms)
{
    struct sweeper_config config = {.interval_ms = interval_ms, .holdback_ms = holdback_ms};
    struct node_registry_config registry = {.program = "presence-expiryd",
                                            .address = "",
                                            .peers = holdback_ms > 0 ? NODE_REGISTRY_CONNECTION
                                                                     : NODE_REGISTRY_NO_PEERS};
    memset(b, 0, sizeof(*b));
    b->now_ms = 100000;
    b->store = (struct store){.prefix = "presence:", .node = "e1"};
    node_registry_init(&b->registry, &registry, &b->store, &b->time, &registry_hooks, b);
    sweeper_init(&b->sweeper, &config, &b->store, &b->registry.recovery, &hooks, b);
    assert_int_equal(sweeper_due(&b->sweeper), SWEEPER_NEVER);
    connect_again(b);
    assert_int_equal(sweeper_due(&b->sweeper), SWEEPER_NEVER);
    nodes(b, EPOCH, NULL, 0);
    assert_int_equal(sweeper_due(&b->sweeper), b->now_ms);
    sweeper_tick(&b->sweeper, b->now_ms);
    assert_int_equal(b->sent, 1);
}

static void test_when_the_next_sweep_is(void **state)
{
    static const struct {
        const char *name;
        int64_t interval_ms, held_ms, next_in_ms;
        int looked;
        int64_t expected;
    } cases[] = {
        {"an empty index", 50, 0, -1, 0, 50},
        {"an entry far off", 50, 0, 5000, 0, 50},
        {"an entry sooner than the interval", 50, 0, 20, 0, 22},
        {"an entry in a moment, beside few", 50, 0, 2, SWEEPER_FEW - 1, 4},
        {"an entry in a moment, beside many", 50, 0, 2, SWEEPER_FEW, 10},
        {"an entry now", 50, 0, 0, 3, 10},
        {"an entry overdue", 50, 0, -3, 3, 10},
        {"a full sweep", 50, 0, 0, SWEEPER_LIMIT, 0},
        {"held back for long", 50, 2000, 0, 0, 50},
        {"held back for a moment", 50, 15, 0, 0, 15},
        {"a short interval", 5, 0, 0, 0, 5},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bench b;
        print_message("%s\n", cases[i].name);
        begin(&b, cases[i].interval_ms, 2000);
        assert_int_equal(sweeper_due(&b.sweeper), SWEEPER_NEVER);
        b.now_ms += 1;
        answer(&b, cases[i].held_ms, cases[i].next_in_ms, cases[i].looked);
        assert_int_equal(sweeper_due(&b.sweeper), b.now_ms + cases[i].expected);
        assert_int_equal(b.swept, 1);
        assert_int_equal(b.sweeper.swept_ms, b.now_ms);
        finish(&b);
    }
}

static void test_hints_wake_it_but_not_too_often(void **state)
{
    struct bench b;
    begin(&b, 50, 2000);
    sweeper_wake(&b.sweeper, b.now_ms);
    assert_int_equal(sweeper_due(&b.sweeper), SWEEPER_NEVER);
    answer(&b, 0, 5000, 0);
    b.now_ms += 3;
    sweeper_wake(&b.sweeper, b.now_ms);
    assert_int_equal(sweeper_due(&b.sweeper), b.now_ms + 7);
    b.now_ms += 20;
    sweeper_tick(&b.sweeper, b.now_ms);
    assert_int_equal(b.sent, 2);
    answer(&b, 0, 5000, 0);
    b.now_ms += 30;
    sweeper_wake(&b.sweeper, b.now_ms);
    assert_int_equal(sweeper_due(&b.sweeper), b.now_ms);
    finish(&b);
}

static void answer_error(struct bench *b, const char *text)
{
    struct redisReply *reply = parse(text);
    store_request_answered(&b->sweeper.request, reply, b->now_ms);
    freeReplyObject(reply);
}

static void test_error_answers(void **state)
{
    struct bench b;
    begin(&b, 50, 2000);
    answer_error(&b, "-READONLY You can't write against a read only replica.\r\n");
    assert_int_equal(b.resets, 1);
    assert_int_equal(sweeper_due(&b.sweeper), b.now_ms + 200);
    b.now_ms += 200;
    b.refuse = true;
    sweeper_tick(&b.sweeper, b.now_ms);
    assert_int_equal(sweeper_due(&b.sweeper), b.now_ms + 200);
    assert_int_equal(b.swept, 0);
    finish(&b);
}

static void test_a_lost_answer_is_no_answer(void **state)
{
    struct bench b;
    begin(&b, 50, 2000);
    store_request_answered(&b.sweeper.request, NULL, b.now_ms);
    sweeper_disconnected(&b.sweeper);
    answer(&b, 0, -1, 0);
    assert_int_equal(b.swept, 0);
    assert_int_equal(sweeper_due(&b.sweeper), SWEEPER_NEVER);
    finish(&b);
}

/* ws1 lives, ws2 was silent for long before the loss, api and other daemons do not matter. */
static void test_waits_for_servers_after_a_loss(void **state)
{
    static const struct heard before[] = {{"ws1", "presence-ws", EPOCH, 300},
                                          {"ws2", "presence-ws", EPOCH, 9000},
                                          {"api", "presence-api", "", 10}};
    static const struct heard still[] = {{"ws1", "presence-ws", EPOCH, 8000}};
    static const struct heard spoke[] = {{"ws1", "presence-ws", EPOCH, 10}};
    static const struct heard elsewhere[] = {{"ws1", "presence-ws", "", 10}};
    struct bench b;
    begin(&b, 50, 2000);
    nodes(&b, EPOCH, before, 3);
    answer(&b, 0, -1, 0);
    b.now_ms += 8000;
    connect_again(&b);
    nodes(&b, EPOCH, still, 1);
    assert_false(recovery_settled(&b.registry.recovery, b.now_ms));
    sweeper_tick(&b.sweeper, b.now_ms);
    b.now_ms += 1000;
    sweeper_tick(&b.sweeper, b.now_ms);
    assert_int_equal(b.sent, 1);
    nodes(&b, EPOCH, spoke, 1);
    assert_true(recovery_settled(&b.registry.recovery, b.now_ms));
    sweeper_tick(&b.sweeper, b.now_ms + 50);
    assert_int_equal(b.sent, 2);
    answer(&b, 0, -1, 0);
    /* Another epoch: it must have asserted in that one. */
    b.now_ms += 100;
    nodes(&b, "22222222-def", spoke, 1);
    assert_false(recovery_settled(&b.registry.recovery, b.now_ms));
    nodes(&b, "22222222-def", elsewhere, 1);
    assert_false(recovery_settled(&b.registry.recovery, b.now_ms));
    sweeper_tick(&b.sweeper, b.now_ms);
    assert_int_equal(b.sent, 2);
    b.now_ms += RECOVERY_LIMIT_MS;
    sweeper_tick(&b.sweeper, b.now_ms);
    assert_int_equal(b.sent, 3);
    finish(&b);
}

static void test_without_holdback_nobody_is_waited_for(void **state)
{
    static const struct heard before[] = {{"ws1", "presence-ws", EPOCH, 300}};
    struct bench b;
    begin(&b, 50, 0);
    nodes(&b, EPOCH, before, 1);
    connect_again(&b);
    nodes(&b, "22222222-def", NULL, 0);
    sweeper_tick(&b.sweeper, b.now_ms);
    assert_int_equal(b.sent, 2);
    finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_when_the_next_sweep_is),
        cmocka_unit_test(test_hints_wake_it_but_not_too_often),
        cmocka_unit_test(test_error_answers),
        cmocka_unit_test(test_a_lost_answer_is_no_answer),
        cmocka_unit_test(test_waits_for_servers_after_a_loss),
        cmocka_unit_test(test_without_holdback_nobody_is_waited_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
