/* SPDX-License-Identifier: MIT */
/* One account with very many sessions: what it costs Redis grows with the operations, not with the sessions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "support/store_view_checker.h"

#define OPS          256 /* a whole batch */
#define BESIDE       250 /* sessions of the user */
#define SESSIONS_MAX 256 /* as in apply.lua */
#define COMMANDS     9   /* for an operation, */
#define ONCE         24  /* and for a batch: epoch, count, the settling of its user */

struct crowd {
    struct store_redis *t;
    char names[OPS][32], devices[OPS][32];
    struct session_op ops[OPS];
};

/* The user has `count` sessions, "n1/0" and so on, as another version may have left them. */
static void fill(struct crowd *c, int count)
{
    int64_t now = store_redis_now(c->t);
    for (int i = 0; i < count; i++) {
        char name[32], value[96];
        snprintf(name, sizeof(name), "n1/%d", i);
        snprintf(value, sizeof(value), "%lld\t%lld\t1000\t\t[\"g\"]\td%d", (long long)(now + 9000 - i % 7),
                 (long long)(now - 1000 - i % 7), i);
        redis_server_do(&c->t->server, "HSET", "presence:sessions:kiosk", name, value);
    }
}

static void begin(struct crowd *c, int count)
{
    struct session_op op = store_redis_op('o', "kiosk", "n1/0", "d0");
    store_redis_clear(c->t);
    assert_int_equal(store_redis_apply(c->t, &op, 1), 0);
    fill(c, count);
}

/* `kind` by sessions from `first` on, all with the same time. */
static void plan(struct crowd *c, char kind, int first, int64_t beat_ms)
{
    for (int i = 0; i < OPS; i++) {
        snprintf(c->names[i], sizeof(c->names[i]), "n1/%d", first + i);
        snprintf(c->devices[i], sizeof(c->devices[i]), "d%d", first + i);
        c->ops[i] = store_redis_op(kind, "kiosk", c->names[i], c->devices[i]);
        c->ops[i].beat_ms = beat_ms;
        c->ops[i].groups = SPAN("[\"g\"]");
        if (kind == OP_END || kind == OP_GRACE)
            c->ops[i].extra = SPAN("disconnected");
        c->ops[i].grace_ms = 5000;
    }
}

static long calls_of(const char *stats, const char *command)
{
    char name[48];
    snprintf(name, sizeof(name), "cmdstat_%s:calls=", command);
    const char *at = strstr(stats, name);
    return at ? atol(at + strlen(name)) : 0;
}

/* Runs the batch; returns the commands that its script ran. */
static long run(struct crowd *c, long *ret_hgetall)
{
    long all = 0;
    assert_int_equal(store_redis_apply(c->t, c->ops, 0), 0); /* the script is known */
    redis_server_do(&c->t->server, "CONFIG", "RESETSTAT");
    assert_int_equal(store_redis_apply(c->t, c->ops, OPS), 0);
    redisReply *info = redis_server_call(&c->t->server, "INFO", "commandstats", NULL);
    for (const char *at = info->str; (at = strstr(at, ":calls=")); at++)
        all += atol(at + strlen(":calls="));
    *ret_hgetall = calls_of(info->str, "hgetall");
    all -= calls_of(info->str, "evalsha") + calls_of(info->str, "config|resetstat");
    freeReplyObject(info);
    return all;
}

static int sessions_left(struct crowd *c)
{
    return atoi(STORE_REDIS_TEXT(c->t, "HLEN", "presence:sessions:kiosk"));
}

static bool stands(struct crowd *c, const char *session)
{
    return atoi(STORE_REDIS_TEXT(c->t, "HEXISTS", "presence:sessions:kiosk", session)) == 1;
}

static void test_a_batch_costs_as_its_operations(void **state)
{
    static const struct {
        const char *name;
        char kind;
        int first;
        int64_t ago_ms; /* of the beats; 0: now */
    } cases[] = {
        {"beats", OP_BEAT, 0, 0},
        {"beats that move nothing", OP_BEAT, 0, 3000},
        {"beats of sessions that had gone", OP_BEAT, 1000, 0},
        {"assertions", OP_ASSERT, 0, 2500},
        {"further openings", OP_OPEN, 1000, 0},
        {"openings of the same devices", OP_OPEN, 0, 0},
        {"ends", OP_END, 0, 0},
        {"ends after a grace", OP_GRACE, 0, 0},
    };
    struct crowd c = {.t = *state};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        long hgetall, commands;
        begin(&c, BESIDE);
        plan(&c, cases[i].kind, cases[i].first, cases[i].ago_ms ? store_redis_now(c.t) - cases[i].ago_ms : 0);
        commands = run(&c, &hgetall);
        print_message("%s: %ld commands, %ld readings of all sessions\n", cases[i].name, commands, hgetall);
        assert_true(hgetall <= 1);
        assert_true(commands <=
                    COMMANDS * OPS + ONCE + (sessions_left(&c) ? 2 * (BESIDE + OPS - SESSIONS_MAX) : 0));
    }
}

/* A batch that was lost is said again, with the same times: the key stands at them already. */
static void test_the_same_again_reads_no_sessions(void **state)
{
    struct crowd c = {.t = *state};
    long hgetall;
    begin(&c, BESIDE);
    plan(&c, OP_BEAT, 0, store_redis_now(c.t) - 100);
    run(&c, &hgetall);
    assert_true(run(&c, &hgetall) <= COMMANDS * OPS);
    assert_int_equal(hgetall, 0);
}

static void test_what_an_older_version_left(void **state)
{
    enum { LEFT = 5000 };
    static const char kinds[] = {OP_BEAT, OP_OPEN, OP_END, OP_GRACE};
    struct crowd c = {.t = *state};
    for (size_t i = 0; i < sizeof(kinds); i++) {
        long hgetall;
        begin(&c, LEFT);
        plan(&c, kinds[i], 0, store_redis_now(c.t) - 3000);
        assert_true(run(&c, &hgetall) <= COMMANDS * OPS + ONCE + 2 * LEFT);
        assert_true(hgetall <= 1);
        assert_true(sessions_left(&c) <= SESSIONS_MAX);
        assert_string_equal(STORE_REDIS_TEXT(c.t, "HGET", "presence:meta:kiosk", "status"), "online");
    }
}

static void open_one(struct store_view_checker *w, const char *session, int64_t left_ms, char outcome)
{
    struct session_op op = store_redis_op('o', "kiosk", session, session);
    op.beat_ms = store_redis_now(w->t) - w->t->ttl_ms + left_ms;
    assert_int_equal(store_redis_apply(w->t, &op, 1), 0);
    assert_int_equal(w->t->answer.outcomes.data[0], outcome);
    store_view_checker_look(w);
}

/* Those that end first go, but not the one that opened just now and not that of another writer. */
static void test_sessions_are_bounded(void **state)
{
    struct crowd c = {.t = *state};
    struct store_view_checker w = {.t = c.t};
    char name[32];
    store_redis_clear(c.t);
    for (int i = 0; i < SESSIONS_MAX - 1; i++) {
        snprintf(name, sizeof(name), "n1/%d", i);
        open_one(&w, name, 5000 + i, i == 0 ? 'n' : '.');
    }
    redis_server_do(&c.t->server, "HSET", "presence:sessions:kiosk", "external/0", "1001\t1000\t1000\t\t\tx");
    assert_int_equal(sessions_left(&c), SESSIONS_MAX);
    open_one(&w, "n1/late", 4000, '.');
    assert_int_equal(sessions_left(&c), 224);
    assert_true(stands(&c, "n1/late") && stands(&c, "external/0"));
    assert_false(stands(&c, "n1/0") || stands(&c, "n1/32"));
    assert_true(stands(&c, "n1/33"));
    struct session_op beat = store_redis_op('b', "kiosk", "n1/0", "n1/0");
    assert_int_equal(store_redis_apply(c.t, &beat, 1), 0);
    assert_int_equal(c.t->answer.outcomes.data[0], '.');
    assert_true(stands(&c, "n1/0"));
    store_view_checker_look(&w);
    assert_true(store_view_checker_user(&w, "kiosk")->online);
}

static int start(void **state)
{
    struct store_redis *t = mem_zalloc(sizeof(*t));
    store_redis_start(t);
    *state = t;
    return 0;
}

static int stop(void **state)
{
    store_redis_stop(*state);
    free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_batch_costs_as_its_operations),
        cmocka_unit_test(test_the_same_again_reads_no_sessions),
        cmocka_unit_test(test_what_an_older_version_left),
        cmocka_unit_test(test_sessions_are_bounded),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
