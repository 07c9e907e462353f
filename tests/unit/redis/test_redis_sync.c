/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "redis/redis_sync.h"
#include "redis/reply.h"
#include "redis/resp.h"
#include "support/redis_server.h"

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define TIMEOUT_MS 600

static struct redis_server server;

static struct redis_config over_unix(void)
{
    return (struct redis_config){.unix_path = server.path, .timeout_ms = TIMEOUT_MS};
}

static struct redis_config over_tcp(const char *host)
{
    return (struct redis_config){.host = (char *)host, .port = server.port, .timeout_ms = TIMEOUT_MS};
}

static void open_fails(const struct redis_config *config, enum redis_sync_result expected,
                       const char *sentence)
{
    struct redis_sync *r = NULL;
    char error[300] = "";
    assert_int_equal(redis_sync_open(config, &r, error, sizeof(error)), expected);
    assert_null(r);
    if (!strstr(error, sentence) || strstr(error, "sesame"))
        fail_msg("\"%s\" instead of \"%s\"", error, sentence);
}

static struct redis_sync *open_good(const struct redis_config *config)
{
    struct redis_sync *r = NULL;
    char error[300] = "";
    if (redis_sync_open(config, &r, error, sizeof(error)) != REDIS_SYNC_OK)
        fail_msg("%s", error);
    return r;
}

static void send_text(struct redis_sync *r, const char *first, const char *second)
{
    bytes_auto command = BYTES_INIT;
    resp_command(&command, first, second, NULL);
    redis_sync_send(r, bytes_span(&command));
}

static void assert_answer(struct redis_sync *r, const char *expected)
{
    struct redisReply *reply;
    assert_int_equal(redis_sync_reply(r, &reply), REDIS_SYNC_OK);
    assert_true(span_equal(reply_text(reply), span_of(expected)));
    reply_free(reply);
}

static void assert_works(const struct redis_config *config)
{
    struct redis_sync *r = open_good(config);
    send_text(r, "ECHO", "one");
    send_text(r, "ECHO", "two");
    assert_answer(r, "one");
    assert_answer(r, "two");
    redis_sync_close(r);
}

static void test_ways_in(void **state)
{
    static const char *const hosts[] = {"localhost", "127.0.0.1", "::1"};
    struct redis_config config = over_unix();
    assert_works(&config);
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        print_message("%s\n", hosts[i]);
        config = over_tcp(hosts[i]);
        assert_works(&config);
    }
}

static void test_run_id(void **state)
{
    struct redis_config config = over_unix();
    struct redis_sync *r = open_good(&config);
    redisReply *info = redis_server_call(&server, "INFO", "server", NULL);
    assert_int_equal(strlen(redis_sync_run_id(r)), 40);
    assert_non_null(strstr(info->str, redis_sync_run_id(r)));
    freeReplyObject(info);
    redis_sync_close(r);
}

static void test_run_id_not_permitted(void **state)
{
    struct redis_config config = over_unix();
    redis_server_do(&server, "ACL", "SETUSER", "meek", "on", ">sesame", "-@all", "+auth", "+get", "~*");
    config.username = "meek";
    config.password = "sesame";
    struct redis_sync *r = open_good(&config);
    assert_string_equal(redis_sync_run_id(r), "unknown");
    redis_sync_close(r);
}

static void test_database(void **state)
{
    struct redis_config config = over_unix();
    config.db = 3;
    redis_server_do(&server, "EVAL", "redis.call('SELECT', 3) redis.call('SET', 'where', 'three')", "0");
    struct redis_sync *r = open_good(&config);
    send_text(r, "GET", "where");
    assert_answer(r, "three");
    redis_sync_close(r);
    config.db = 99;
    open_fails(&config, REDIS_SYNC_AUTH, "DB index is out of range");
}

static void test_password(void **state)
{
    struct redis_config config = over_unix();
    redis_server_do(&server, "ACL", "SETUSER", "one", "on", ">opens", "+@all", "~*");
    config.username = "one";
    config.password = "opens";
    assert_works(&config);
    config.password = "sesame";
    open_fails(&config, REDIS_SYNC_AUTH, "WRONGPASS");
    config.username = NULL;
    open_fails(&config, REDIS_SYNC_AUTH, "AUTH");
}

static void test_password_missing(void **state)
{
    struct redis_server locked = {.options = (const char *const[]){"--requirepass", "opens", NULL},
                                  .password = "opens"};
    redis_server_start(&locked);
    struct redis_config config = {.unix_path = locked.path, .timeout_ms = TIMEOUT_MS};
    open_fails(&config, REDIS_SYNC_AUTH, "NOAUTH");
    config.password = "opens";
    assert_works(&config);
    redis_server_stop(&locked);
}

static void test_nobody_there(void **state)
{
    struct redis_config config = over_unix();
    char path[120];
    snprintf(path, sizeof(path), "%s/none", server.dir);
    config.unix_path = path;
    open_fails(&config, REDIS_SYNC_UNREACHABLE, "No such file");
    config = over_tcp("localhost");
    config.port = redis_server_free_port();
    open_fails(&config, REDIS_SYNC_UNREACHABLE, "refused");
    config.host = "no-such-host.invalid";
    open_fails(&config, REDIS_SYNC_UNREACHABLE, "no-such-host.invalid");
}

static void test_silence(void **state)
{
    struct redis_config config = over_unix();
    struct redis_sync *r = open_good(&config);
    struct redisReply *reply = NULL;
    redis_server_pause(&server);
    send_text(r, "ECHO", "late");
    int64_t started_ms = clock_mono_ms();
    assert_int_equal(redis_sync_reply(r, &reply), REDIS_SYNC_TIMEOUT);
    assert_in_range(clock_mono_ms() - started_ms, TIMEOUT_MS - 1, TIMEOUT_MS + 2000);
    assert_null(reply);
    assert_string_equal(redis_sync_error(r), "no answer in time");
    open_fails(&config, REDIS_SYNC_TIMEOUT, "no answer in time");
    redis_server_resume(&server);
    assert_answer(r, "late");
    redis_sync_close(r);
}

/* More than the sockets hold, both ways: who only writes first never gets to read. */
static void test_long_pipeline(void **state)
{
    enum { COMMANDS = 64, LEN = 256 << 10 };
    struct redis_config config = over_unix();
    config.timeout_ms = 10000;
    struct redis_sync *r = open_good(&config);
    bytes_auto text = BYTES_INIT;
    memset(bytes_reserve(&text, LEN), 'x', LEN);
    text.len = LEN;
    for (int i = 0; i < COMMANDS; i++)
        send_text(r, "ECHO", bytes_text(&text));
    for (int i = 0; i < COMMANDS; i++)
        assert_answer(r, bytes_text(&text));
    redis_sync_close(r);
}

/* Replies of each type are copied whole. */
static void test_types(void **state)
{
    struct redis_config config = over_unix();
    struct redis_sync *r = open_good(&config);
    struct redisReply *a[4];
    bytes_auto commands = BYTES_INIT;
    resp_command(&commands, "EVAL", "return {1, {'two', {}, false}, redis.status_reply('FINE')}", "0", NULL);
    resp_command(&commands, "GET", "nothing", NULL);
    resp_command(&commands, "NONSENSE", NULL);
    resp_command(&commands, "ECHO", "", NULL);
    redis_sync_send(r, bytes_span(&commands));
    for (int i = 0; i < 4; i++)
        assert_int_equal(redis_sync_reply(r, &a[i]), REDIS_SYNC_OK);
    assert_int_equal(reply_count(a[0]), 3);
    assert_int_equal(reply_integer(reply_at(a[0], 0), -1), 1);
    assert_int_equal(reply_count(reply_at(a[0], 1)), 3);
    assert_true(span_equal(reply_text(reply_at(reply_at(a[0], 1), 0)), SPAN("two")));
    assert_true(reply_is_array(reply_at(reply_at(a[0], 1), 1)));
    assert_true(reply_is_nil(reply_at(reply_at(a[0], 1), 2)));
    assert_true(span_equal(reply_text(reply_at(a[0], 2)), SPAN("FINE")));
    assert_true(reply_is_nil(a[1]));
    assert_true(reply_error_is(a[2], "ERR"));
    assert_true(reply_text(a[3]).data && reply_text(a[3]).len == 0);
    for (int i = 0; i < 4; i++)
        reply_free(a[i]);
    redis_sync_close(r);
}

static void test_messages(void **state)
{
    struct redis_config config = over_unix();
    struct redis_sync *r = open_good(&config);
    struct redisReply *reply;
    send_text(r, "SUBSCRIBE", "news");
    assert_int_equal(redis_sync_reply(r, &reply), REDIS_SYNC_OK);
    reply_free(reply);
    redis_sync_set_timeout(r, 20);
    assert_int_equal(redis_sync_reply(r, &reply), REDIS_SYNC_TIMEOUT);
    redis_server_do(&server, "PUBLISH", "news", "hello");
    redis_sync_set_timeout(r, -1);
    assert_int_equal(redis_sync_reply(r, &reply), REDIS_SYNC_OK);
    assert_int_equal(reply_count(reply), 3);
    assert_true(span_equal(reply_text(reply_at(reply, 2)), SPAN("hello")));
    reply_free(reply);
    redis_sync_close(r);
}

static void test_killed(void **state)
{
    struct redis_config config = over_unix();
    struct redis_sync *r = open_good(&config);
    struct redisReply *reply;
    redis_server_kill(&server);
    send_text(r, "ECHO", "lost");
    assert_int_equal(redis_sync_reply(r, &reply), REDIS_SYNC_UNREACHABLE);
    assert_true(redis_sync_error(r)[0] != '\0');
    assert_int_equal(redis_sync_reply(r, &reply), REDIS_SYNC_UNREACHABLE);
    redis_sync_close(r);
    open_fails(&config, REDIS_SYNC_UNREACHABLE, "refused");
    redis_server_run(&server);
    assert_works(&config);
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
        cmocka_unit_test(test_ways_in),
        cmocka_unit_test(test_run_id),
        cmocka_unit_test(test_run_id_not_permitted),
        cmocka_unit_test(test_database),
        cmocka_unit_test(test_password),
        cmocka_unit_test(test_password_missing),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_long_pipeline),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_killed),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
