/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "redis/redis_link.h"
#include "redis/reply.h"
#include "redis/resp.h"
#include "support/loop_until.h"
#include "support/odd_redis.h"
#include "support/redis_server.h"

#include <netdb.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

#define TIMEOUT_MS  600
#define PATIENCE_MS 10000
#define ANSWERS_MAX 20000

static struct redis_server server;

/* A link and all it said. */
struct watch {
    struct loop *loop;
    struct redis_config config;
    struct redis_link *link;
    int log; /* where the log goes */
    char run_id[64], why[200];
    uint64_t generation;
    size_t readies, losses;
    size_t sent, answered, nulls; /* nulls: of the answered */
    size_t nulls_at_loss;         /* answered with NULL when lost() came */
    int64_t last;                 /* the last answer as an integer */
    size_t disordered;
    size_t in_a_row; /* commands still to send, each from the answer of the one before */
    bool resets;
    unsigned char answers[ANSWERS_MAX]; /* how often each was answered */
};

static void on_ready(void *arg, const char *run_id, uint64_t generation)
{
    struct watch *w = arg;
    w->readies++;
    w->generation = generation;
    snprintf(w->run_id, sizeof(w->run_id), "%s", run_id);
    assert_true(redis_link_ready(w->link));
}

static void on_lost(void *arg, const char *why)
{
    struct watch *w = arg;
    w->losses++;
    w->nulls_at_loss = w->nulls;
    snprintf(w->why, sizeof(w->why), "%s", why);
    assert_false(redis_link_ready(w->link));
}

static const struct redis_link_hooks hooks = {on_ready, on_lost};

static void watch_start(struct watch *w, struct redis_config config)
{
    memset(w, 0, sizeof(*w));
    w->loop = loop_create();
    w->config = config;
    w->config.timeout_ms = TIMEOUT_MS;
    w->log = memfd_create("log", MFD_CLOEXEC);
    log_set_fd(w->log);
    w->link = redis_link_create(w->loop, &w->config, &hooks, w);
}

static void watch_stop(struct watch *w)
{
    redis_link_destroy(w->link);
    loop_destroy(w->loop);
    log_set_fd(STDERR_FILENO);
    close(w->log);
}

static struct redis_config over_unix(void)
{
    return (struct redis_config){.unix_path = server.path};
}

static struct redis_config over_tcp(const char *host)
{
    return (struct redis_config){.host = (char *)host, .port = server.port};
}

static bool is_ready(void *arg)
{
    return redis_link_ready(((struct watch *)arg)->link);
}

static bool is_lost(void *arg)
{
    return ((struct watch *)arg)->losses > 0;
}

static bool all_answered(void *arg)
{
    struct watch *w = arg;
    return w->answered == w->sent && !w->in_a_row;
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
    assert_null(strstr(text, "sesame"));
    for (const char *at = text; (at = strstr(at, event)); at++)
        lines++;
    return lines;
}

struct asked {
    struct watch *watch;
    size_t number;
};

static int send_one(struct watch *w, const char *first, const char *second);

static void on_answer(void *arg, const struct redisReply *reply)
{
    struct asked *asked = arg;
    struct watch *w = asked->watch;
    w->disordered += asked->number != w->answered;
    w->answers[asked->number]++;
    w->answered++;
    w->nulls += !reply;
    w->last = reply_integer(reply, -1);
    free(asked);
    if (w->resets)
        redis_link_reset(w->link, "the caller saw a fault");
    w->resets = false;
    if (w->in_a_row && reply) {
        w->in_a_row--;
        assert_int_equal(send_one(w, "INCR", "row"), 0);
    }
}

/* The command has no byte more than it needs, so that reading beyond it is seen. */
static int send_one(struct watch *w, const char *first, const char *second)
{
    bytes_auto command = BYTES_INIT;
    struct asked *asked = mem_alloc(sizeof(*asked));
    *asked = (struct asked){w, w->sent};
    resp_command(&command, first, second, NULL);
    mem_auto char *exact = mem_alloc(command.len);
    memcpy(exact, command.data, command.len);
    int code = redis_link_send(w->link, (struct span){exact, command.len}, on_answer, asked);
    if (code == 0)
        w->sent++;
    else
        free(asked);
    return code;
}

static void send_many(struct watch *w, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(send_one(w, "INCR", "many"), 0);
    assert_int_equal(redis_link_in_flight(w->link), w->sent - w->answered);
}

static void assert_each_answered_once(const struct watch *w, size_t nulls)
{
    assert_int_equal(w->answered, w->sent);
    assert_int_equal(w->nulls, nulls);
    assert_int_equal(w->disordered, 0);
    for (size_t i = 0; i < w->sent; i++)
        assert_int_equal(w->answers[i], 1);
    assert_int_equal(redis_link_in_flight(w->link), 0);
}

static void assert_works(struct redis_config config)
{
    struct watch w;
    watch_start(&w, config);
    await(&w, is_ready);
    redis_server_do(&server, "DEL", "many");
    send_many(&w, 3);
    await(&w, all_answered);
    assert_int_equal(w.last, 3);
    assert_int_equal(w.generation, 1);
    assert_int_equal(redis_link_reconnects(w.link), 0);
    assert_each_answered_once(&w, 0);
    watch_stop(&w);
}

static void test_ways_in(void **state)
{
    static const char *const hosts[] = {"localhost", "127.0.0.1", "::1"};
    assert_works(over_unix());
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        print_message("%s\n", hosts[i]);
        assert_works(over_tcp(hosts[i]));
    }
}

/* The first address of localhost refuses, the second doesn't. */
static void test_second_address(void **state)
{
    struct redis_server half = {.tcp = true, .options = (const char *const[]){"--bind", "127.0.0.1", NULL}};
    struct watch w;
    redis_server_start(&half);
    watch_start(&w, (struct redis_config){.host = "localhost", .port = half.port});
    await(&w, is_ready);
    assert_int_equal(log_lines(&w, "redis_down"), 0);
    watch_stop(&w);
    redis_server_stop(&half);
}

struct batch {
    struct watch *watch;
    size_t last; /* how many commands */
};

static void on_batch(void *arg, const struct redisReply *const *replies)
{
    struct batch *b = arg;
    struct watch *w = b->watch;
    w->answers[w->answered++]++;
    w->nulls += !replies;
    for (size_t i = 0; replies && i < b->last; i++)
        w->disordered += reply_integer(replies[i], -1) != w->last + 1 + (int64_t)i;
    w->last = replies ? reply_integer(replies[b->last - 1], -1) : -1;
}

/* Answers of one batch come together, all of them valid, between those of single commands. */
static void test_batches(void **state)
{
    struct watch w;
    watch_start(&w, over_unix());
    await(&w, is_ready);
    redis_server_do(&server, "DEL", "many");
    struct batch batches[100];
    for (size_t i = 0; i < 100; i++) {
        bytes_auto commands = BYTES_INIT;
        batches[i] = (struct batch){.watch = &w, .last = 1 + i};
        for (size_t n = 0; n < batches[i].last; n++)
            resp_command(&commands, "INCR", "many", NULL);
        assert_int_equal(
            redis_link_send_all(w.link, bytes_span(&commands), batches[i].last, on_batch, &batches[i]), 0);
        w.sent++;
    }
    await(&w, all_answered);
    assert_int_equal(w.last, 100 * 101 / 2);
    assert_each_answered_once(&w, 0);
    bytes_auto commands = BYTES_INIT;
    resp_command(&commands, "INCR", "many", NULL);
    resp_command(&commands, "INCR", "many", NULL);
    assert_int_equal(redis_link_send_all(w.link, bytes_span(&commands), 2, on_batch, &batches[1]), 0);
    w.sent++;
    redis_link_reset(w.link, "the caller saw a fault");
    assert_each_answered_once(&w, 1);
    watch_stop(&w);
}

static bool resolves_to_loopback(const char *host)
{
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *list;
    if (getaddrinfo(host, NULL, &hints, &list) != 0)
        return false;
    struct sockaddr_in *in = (struct sockaddr_in *)list->ai_addr;
    bool loopback = in->sin_addr.s_addr == htonl(INADDR_LOOPBACK);
    freeaddrinfo(list);
    return loopback;
}

static void test_resolved_name(void **state)
{
    static const char *const names[] = {"localhost.localdomain", "localhost.", "localhost4", "sub.localhost"};
    bool tried = false;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !tried; i++)
        if ((tried = resolves_to_loopback(names[i])))
            assert_works(over_tcp(names[i]));
    if (!tried)
        print_message("no other name of this machine resolves to 127.0.0.1\n");
}

static bool failed_once(void *arg)
{
    return log_lines(arg, "redis_down") > 0;
}

static void test_unknown_name(void **state)
{
    struct watch w;
    watch_start(&w, over_tcp("no-such-host.invalid"));
    await(&w, failed_once);
    assert_int_equal(log_lines(&w, "no-such-host.invalid"), 1);
    assert_int_equal(w.losses, 0);
    watch_stop(&w);
}

static void test_destroyed_while_resolving(void **state)
{
    struct watch w;
    watch_start(&w, over_tcp("no-such-host.invalid"));
    loop_until(w.loop, is_ready, &w, 1);
    redis_link_destroy(w.link);
    w.link = NULL;
    uv_run(loop_uv(w.loop), UV_RUN_DEFAULT); /* until the resolver has answered nobody */
    watch_stop(&w);
}

static void test_run_id(void **state)
{
    struct watch w;
    redisReply *info = redis_server_call(&server, "INFO", "server", NULL);
    watch_start(&w, over_unix());
    await(&w, is_ready);
    assert_int_equal(strlen(w.run_id), 40);
    assert_non_null(strstr(info->str, w.run_id));
    freeReplyObject(info);
    watch_stop(&w);
}

static void test_database(void **state)
{
    struct redis_config config = over_unix();
    struct watch w;
    config.db = 5;
    redis_server_do(&server, "EVAL", "redis.call('SELECT', 5) redis.call('SET', 'where', '55')", "0");
    watch_start(&w, config);
    await(&w, is_ready);
    assert_int_equal(send_one(&w, "GET", "where"), 0);
    await(&w, all_answered);
    assert_int_equal(w.last, 55);
    watch_stop(&w);
}

static void test_order(void **state)
{
    struct watch w;
    watch_start(&w, over_unix());
    w.config.timeout_ms = PATIENCE_MS;
    await(&w, is_ready);
    send_many(&w, 10000);
    assert_true(redis_link_queued(w.link) >= 10000 * (sizeof("*2\r\n$4\r\nINCR\r\n$4\r\nmany\r\n") - 1));
    await(&w, all_answered);
    assert_int_equal(redis_link_queued(w.link), 0);
    w.in_a_row = 1000;
    send_many(&w, 100);
    await(&w, all_answered);
    assert_int_equal(w.sent, 11100);
    assert_each_answered_once(&w, 0);
    assert_int_equal(w.losses, 0);
    watch_stop(&w);
}

/* Redis begins with it while the turn goes on; what was asked before goes first. */
static void test_much_leaves_within_the_turn(void **state)
{
    char text[8193];
    struct watch w;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    watch_start(&w, over_unix());
    await(&w, is_ready);
    assert_int_equal(send_one(&w, "ECHO", "first"), 0);
    assert_true(redis_link_queued(w.link) > 0);
    assert_int_equal(send_one(&w, "ECHO", text), 0);
    assert_int_equal(redis_link_queued(w.link), 0);
    await(&w, all_answered);
    assert_each_answered_once(&w, 0);
    watch_stop(&w);
}

static void test_single_word(void **state)
{
    struct watch w;
    watch_start(&w, over_unix());
    await(&w, is_ready);
    assert_int_equal(send_one(&w, "DBSIZE", NULL), 0);
    assert_int_equal(redis_link_send(w.link, SPAN("*1\r\n$4\r\nPING\r\n"), NULL, NULL), 0);
    assert_int_equal(send_one(&w, "DBSIZE", NULL), 0);
    await(&w, all_answered);
    assert_true(w.last >= 0);
    assert_each_answered_once(&w, 0);
    watch_stop(&w);
}

static void test_not_ready(void **state)
{
    struct watch w;
    watch_start(&w, over_unix());
    assert_false(redis_link_ready(w.link));
    assert_int_equal(send_one(&w, "INCR", "many"), -1);
    redis_link_reset(w.link, "nothing to reset");
    assert_int_equal(w.losses, 0);
    await(&w, is_ready);
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

/* A password is told wrong once, tried again, and right as soon as it is. */
static void test_password(void **state)
{
    struct redis_config config = over_unix();
    struct watch w;
    redis_server_do(&server, "ACL", "SETUSER", "one", "reset", "on", ">other", "+@all", "~*");
    redis_server_do(&server, "CONFIG", "RESETSTAT");
    config.username = "one";
    config.password = "sesame";
    watch_start(&w, config);
    await(&w, asked_many_times);
    assert_false(redis_link_ready(w.link));
    assert_int_equal(log_lines(&w, "redis_down"), 1);
    assert_int_equal(log_lines(&w, "WRONGPASS"), 1);
    assert_int_equal(log_lines(&w, "hint=\"set REDIS_PASSWORD or REDIS_PASSWORD_FILE"), 1);
    assert_int_equal(w.losses, 0);
    redis_server_do(&server, "ACL", "SETUSER", "one", ">sesame");
    await(&w, is_ready);
    assert_int_equal(log_lines(&w, "redis_up"), 1);
    watch_stop(&w);
}

static void test_refused_then_there(void **state)
{
    struct watch w;
    redis_server_kill(&server);
    watch_start(&w, over_tcp("localhost"));
    await(&w, failed_once);
    assert_int_equal(log_lines(&w, "refused"), 1);
    redis_server_run(&server);
    await(&w, is_ready);
    assert_int_equal(w.generation, 1);
    watch_stop(&w);
}

static void test_socket_missing_then_there(void **state)
{
    struct watch w;
    redis_server_kill(&server);
    unlink(server.path);
    watch_start(&w, over_unix());
    await(&w, failed_once);
    assert_int_equal(log_lines(&w, "No such file"), 1);
    redis_server_run(&server);
    await(&w, is_ready);
    watch_stop(&w);
}

static void test_silent_from_the_start(void **state)
{
    struct watch w;
    redis_server_pause(&server);
    watch_start(&w, over_tcp("127.0.0.1"));
    await(&w, failed_once);
    assert_int_equal(log_lines(&w, "no answer in time"), 1);
    redis_server_resume(&server);
    await(&w, is_ready);
    assert_int_equal(w.losses, 0);
    watch_stop(&w);
}

static void test_silent_beyond_the_deadline(void **state)
{
    struct watch w;
    watch_start(&w, over_unix());
    await(&w, is_ready);
    redis_server_pause(&server);
    int64_t started_ms = clock_mono_ms();
    send_many(&w, 3);
    await(&w, is_lost);
    assert_in_range(clock_mono_ms() - started_ms, TIMEOUT_MS - 1, TIMEOUT_MS + 2000);
    assert_each_answered_once(&w, 3);
    assert_int_equal(w.nulls_at_loss, 3);
    assert_string_equal(w.why, "no answer in time");
    assert_int_equal(send_one(&w, "INCR", "many"), -1);
    redis_server_resume(&server);
    await(&w, is_ready);
    assert_int_equal(w.generation, 2);
    assert_int_equal(w.losses, 1);
    assert_int_equal(redis_link_reconnects(w.link), 1);
    watch_stop(&w);
}

/* Redis was in time; it was this process that slept. */
static void test_own_sleep(void **state)
{
    struct watch w;
    watch_start(&w, over_unix());
    await(&w, is_ready);
    send_many(&w, 1);
    redis_server_sleep_ms(2 * TIMEOUT_MS);
    await(&w, all_answered);
    assert_each_answered_once(&w, 0);
    assert_int_equal(w.losses, 0);
    watch_stop(&w);
}

static void test_killed_with_commands_in_flight(void **state)
{
    struct watch w;
    char run_id[64];
    watch_start(&w, over_unix());
    await(&w, is_ready);
    strcpy(run_id, w.run_id);
    redis_server_pause(&server);
    send_many(&w, 200);
    redis_server_kill(&server);
    await(&w, is_lost);
    assert_each_answered_once(&w, 200);
    assert_int_equal(w.nulls_at_loss, 200);
    redis_server_run(&server);
    await(&w, is_ready);
    assert_int_equal(w.losses, 1);
    assert_int_equal(w.generation, 2);
    assert_string_not_equal(w.run_id, run_id);
    redisReply *r = redis_server_call(&server, "EXISTS", "many", NULL);
    assert_int_equal(r->integer, 0); /* nothing was sent again */
    freeReplyObject(r);
    send_many(&w, 1);
    await(&w, all_answered);
    assert_int_equal(w.last, 1);
    watch_stop(&w);
}

static void test_cut_by_redis(void **state)
{
    struct watch w;
    watch_start(&w, over_tcp("127.0.0.1"));
    await(&w, is_ready);
    redis_server_do(&server, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    await(&w, is_lost);
    await(&w, is_ready);
    assert_int_equal(w.generation, 2);
    watch_stop(&w);
}

static void test_reset_from_an_answer(void **state)
{
    struct watch w;
    watch_start(&w, over_unix());
    await(&w, is_ready);
    w.resets = true;
    send_many(&w, 10);
    await(&w, is_lost);
    assert_each_answered_once(&w, 9);
    assert_string_equal(w.why, "the caller saw a fault");
    await(&w, is_ready);
    send_many(&w, 1);
    await(&w, all_answered);
    assert_each_answered_once(&w, 9);
    watch_stop(&w);
}

static void test_destroyed_with_commands_in_flight(void **state)
{
    struct watch w;
    watch_start(&w, over_unix());
    await(&w, is_ready);
    send_many(&w, 5);
    redis_link_destroy(w.link);
    w.link = NULL;
    assert_int_equal(w.answered, 5);
    assert_int_equal(w.nulls, 5);
    assert_int_equal(w.losses, 0);
    watch_stop(&w);
}

static void test_scripts_forgotten(void **state)
{
    struct watch w;
    bytes_auto command = BYTES_INIT;
    watch_start(&w, over_unix());
    await(&w, is_ready);
    resp_command(&command, "EVALSHA", "0123456789012345678901234567890123456789", "0", NULL);
    assert_int_equal(redis_link_send(w.link, bytes_span(&command), NULL, NULL), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(send_one(&w, "INCR", "many"), 0);
    await(&w, is_lost);
    assert_string_equal(w.why, "it has forgotten the scripts (NOSCRIPT)");
    assert_int_equal(w.nulls, 3);
    await(&w, is_ready);
    watch_stop(&w);
}

/* hiredis's asynchronous half takes an answer to nothing for a message, and aborts. */
static void test_unasked(void **state)
{
    static const char *const odd[] = {"+OK\r\n",
                                      ":1\r\n",
                                      "*0\r\n",
                                      "$-1\r\n",
                                      "-ERR by the way\r\n",
                                      "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n"};

    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        struct odd_redis redis;
        struct watch w;
        odd_redis_start(&redis, "INFO", span_of(odd[i]));
        watch_start(&w, (struct redis_config){.unix_path = redis.path});
        await(&w, is_lost);
        if (strcmp(w.why, "protocol") != 0)
            fail_msg("%s: %s", odd[i], w.why);
        await(&w, is_ready);
        assert_int_equal(w.readies, 2);
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
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_ways_in),
        cmocka_unit_test(test_second_address),
        cmocka_unit_test(test_resolved_name),
        cmocka_unit_test(test_unknown_name),
        cmocka_unit_test(test_destroyed_while_resolving),
        cmocka_unit_test(test_run_id),
        cmocka_unit_test(test_database),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_much_leaves_within_the_turn),
        cmocka_unit_test(test_single_word),
        cmocka_unit_test(test_not_ready),
        cmocka_unit_test(test_password),
        cmocka_unit_test(test_refused_then_there),
        cmocka_unit_test(test_socket_missing_then_there),
        cmocka_unit_test(test_silent_from_the_start),
        cmocka_unit_test(test_silent_beyond_the_deadline),
        cmocka_unit_test(test_own_sleep),
        cmocka_unit_test(test_killed_with_commands_in_flight),
        cmocka_unit_test(test_cut_by_redis),
        cmocka_unit_test(test_reset_from_an_answer),
        cmocka_unit_test(test_destroyed_with_commands_in_flight),
        cmocka_unit_test(test_scripts_forgotten),
        cmocka_unit_test(test_unasked),
    };
    log_init("test", LOG_LEVEL_INFO);
    return cmocka_run_group_tests(tests, start, stop);
}
