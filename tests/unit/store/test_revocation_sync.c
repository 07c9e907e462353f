/* SPDX-License-Identifier: MIT */
/* The list of revoked tokens on a real Redis: the script, and two servers' revocation syncs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "store/revocation_sync.h"

#include "support/store_redis.h"

#include "redis/resp.h"

static struct store_redis t;

struct server {
    struct revocation_sync revocation_sync;
    int looked; /* at its connections */
};

static int on_send(void *arg, struct store_request *request, struct span command)
{
    bytes_auto out = BYTES_INIT;
    bytes_append_span(&out, command);
    store_redis_keep(&t, store_redis_send(&t, &out));
    return 0;
}

static void on_revoked(void *arg)
{
    ((struct server *)arg)->looked++;
}

static void begin(struct server *s)
{
    static const struct revocation_sync_hooks hooks = {on_send, on_revoked};
    memset(s, 0, sizeof(*s));
    revocation_sync_init(&s->revocation_sync, &t.store, &hooks, s);
}

static uint64_t version(void)
{
    bytes_auto out = BYTES_INIT;
    struct node_says says = {
        .program = "presence-ws", .address = "", .asserted = "", .forget_ms = 60000, .epoch = ""};
    struct node_answer a;
    store_node(&t.store, &says, &out);
    store_redis_keep(&t, store_redis_send(&t, &out));
    assert_int_equal(store_read_node(t.reply, &a), 0);
    return a.revoked_version;
}

/* Once a second, and the answers to what it asks then. */
static void tick(struct server *s)
{
    revocation_sync_version(&s->revocation_sync, version());
    for (int i = 0; i < 3 && s->revocation_sync.due; i++) {
        revocation_sync_tick(&s->revocation_sync, store_redis_now(&t));
        store_request_answered(&s->revocation_sync.request, t.reply, 0);
    }
    assert_false(s->revocation_sync.due);
}

static void say(struct server *s, const char *name, int64_t issued_s, int64_t left_ms)
{
    revocations_put(&s->revocation_sync.list, span_of(name), issued_s, store_redis_now(&t) + left_ms);
    s->revocation_sync.due = true;
}

static bool refuses(const struct server *s, const char *user, int64_t issued_s)
{
    struct bearer b = {.user = span_of(user), .issued_s = issued_s};
    return revocations_refuse(&s->revocation_sync.list, &b, store_redis_now(&t));
}

static void test_every_server_holds_all(void **state)
{
    struct server a, b;
    store_redis_clear(&t);
    begin(&a);
    begin(&b);
    tick(&a);
    assert_int_equal(a.revocation_sync.version, 0);
    say(&a, "u:alice", 7, 60000);
    tick(&a);
    assert_int_equal(a.looked, 0); /* it has nothing new */
    tick(&b);
    assert_int_equal(b.looked, 1);
    assert_true(refuses(&b, "alice", 7));
    assert_false(refuses(&b, "alice", 8));
    tick(&b);
    assert_int_equal(b.looked, 1);
    revocation_sync_finish(&a.revocation_sync);
    revocation_sync_finish(&b.revocation_sync);
}

static void test_a_wiped_store_gets_it_back(void **state)
{
    struct server a, b;
    store_redis_clear(&t);
    begin(&a);
    begin(&b);
    say(&a, "u:alice", 7, 60000);
    tick(&a);
    redis_server_do(&t.server, "FLUSHALL");
    tick(&b);
    assert_false(refuses(&b, "alice", 7));
    revocation_sync_epoch(&a.revocation_sync);
    tick(&a);
    tick(&b);
    assert_true(refuses(&b, "alice", 7));
    redis_server_do(&t.server, "DEL", "presence:revoked"); /* by hand: no other epoch */
    tick(&a);
    assert_string_equal(STORE_REDIS_TEXT(&t, "HEXISTS", "presence:revoked", "u:alice"), "1");
    revocation_sync_finish(&a.revocation_sync);
    revocation_sync_finish(&b.revocation_sync);
}

static void test_an_error_answer_is_asked_again(void **state)
{
    struct server a;
    bytes_auto nonsense = BYTES_INIT;
    store_redis_clear(&t);
    begin(&a);
    say(&a, "u:alice", 7, 60000);
    revocation_sync_tick(&a.revocation_sync, store_redis_now(&t));
    resp_command(&nonsense, "NONSENSE", NULL);
    store_redis_keep(&t, store_redis_send(&t, &nonsense));
    store_request_answered(&a.revocation_sync.request, t.reply, 0);
    assert_false(a.revocation_sync.due); /* not at once */
    tick(&a);
    assert_string_equal(STORE_REDIS_TEXT(&t, "HEXISTS", "presence:revoked", "u:alice"), "1");
    revocation_sync_finish(&a.revocation_sync);
}

static void test_what_is_over_is_forgotten(void **state)
{
    struct server a;
    store_redis_clear(&t);
    begin(&a);
    say(&a, "u:alice", 7, 30);
    say(&a, "u:bob", 7, 60000);
    tick(&a);
    assert_true(refuses(&a, "alice", 1));
    store_redis_wait_until(&t, store_redis_now(&t) + 31);
    assert_false(refuses(&a, "alice", 1));
    say(&a, "t:x", 7, 60000);
    tick(&a);
    assert_string_equal(STORE_REDIS_TEXT(&t, "HEXISTS", "presence:revoked", "u:alice"), "0");
    assert_string_equal(STORE_REDIS_TEXT(&t, "HLEN", "presence:revoked"), "3");
    assert_int_equal(a.revocation_sync.list.by_name.count, 2);
    revocation_sync_finish(&a.revocation_sync);
}

static void test_rubbish_and_bounds(void **state)
{
    struct server a;
    char name[32];
    store_redis_clear(&t);
    begin(&a);
    redis_server_do(&t.server, "SET", "presence:revoked", "text");
    say(&a, "u:alice", 7, 60000);
    revocation_sync_tick(&a.revocation_sync, store_redis_now(&t));
    assert_true(span_equal(reply_error(t.reply), SPAN("FOREIGN presence:revoked is a string")));
    store_request_answered(&a.revocation_sync.request, t.reply, 0);
    assert_false(a.revocation_sync.due);
    assert_string_equal(STORE_REDIS_TEXT(&t, "GET", "presence:revoked"), "text");
    redis_server_do(&t.server, "DEL", "presence:revoked");
    a.revocation_sync.due = true;
    tick(&a);
    redis_server_do(&t.server, "HSET", "presence:revoked", "u:bob", "rubbish", "odd", "1\t9999999999999",
                    "version", "1");
    tick(&a);
    assert_true(refuses(&a, "alice", 7));
    assert_false(refuses(&a, "bob", 1));
    revocation_sync_finish(&a.revocation_sync);

    struct revocations list, one;
    struct revoke_answer answer;
    bytes_auto out = BYTES_INIT;
    redis_server_do(&t.server, "FLUSHALL");
    revocations_init(&list);
    for (int i = 0; i < REVOCATIONS_MAX; i++) {
        snprintf(name, sizeof(name), "u:%d", i);
        revocations_put(&list, span_of(name), 1, INT64_MAX / 4096);
    }
    store_revoke(&t.store, &list, &out);
    store_redis_keep(&t, store_redis_send(&t, &out));
    assert_int_equal(store_read_revoke(t.reply, &answer), 0);
    assert_int_equal(answer.count, REVOCATIONS_MAX);
    revocations_init(&one);
    revocations_put(&one, SPAN("u:more"), 1, INT64_MAX / 4096);
    bytes_reset(&out);
    store_revoke(&t.store, &one, &out);
    store_redis_keep(&t, store_redis_send(&t, &out));
    assert_int_equal(store_read_revoke(t.reply, &answer), 0);
    assert_int_equal(answer.rejected, 1);
    assert_int_equal(answer.count, REVOCATIONS_MAX);
    revocations_finish(&list);
    revocations_finish(&one);
}

static void test_a_word_on_the_channel(void **state)
{
    struct server a;
    struct control word = {.name = SPAN("u:alice"), .issued_s = 5, .until_ms = INT64_MAX / 4096};
    store_redis_clear(&t);
    begin(&a);
    revocation_sync_control(&a.revocation_sync, &word);
    revocation_sync_control(&a.revocation_sync, &word);
    assert_int_equal(a.looked, 1);
    assert_true(refuses(&a, "alice", 5));
    word.name = SPAN("nonsense");
    revocation_sync_control(&a.revocation_sync, &word);
    assert_int_equal(a.looked, 1);
    revocation_sync_finish(&a.revocation_sync);
}

static int set_up(void **state)
{
    store_redis_start(&t);
    return 0;
}

static int tear_down(void **state)
{
    store_redis_stop(&t);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_server_holds_all),
        cmocka_unit_test(test_a_wiped_store_gets_it_back),
        cmocka_unit_test(test_an_error_answer_is_asked_again),
        cmocka_unit_test(test_what_is_over_is_forgotten),
        cmocka_unit_test(test_a_word_on_the_channel),
        cmocka_unit_test(test_rubbish_and_bounds), /* last: its publishing fills the fixture's list */
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
