#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "net/daemon.h"

#include <signal.h>
#include <string.h>

static void test_debug_names(void **state)
{
    static const struct {
        const char *debug;
        int level;
        enum log_level expected;
    } cases[] = {
        {NULL, LOG_LEVEL_WARN, LOG_LEVEL_WARN},
        {"", LOG_LEVEL_INFO, LOG_LEVEL_INFO},
        {"vp:presence", LOG_LEVEL_ERROR, LOG_LEVEL_DEBUG},
        {"express:*,vp:presence", LOG_LEVEL_INFO, LOG_LEVEL_DEBUG},
        {"express:* vp:*", LOG_LEVEL_INFO, LOG_LEVEL_DEBUG},
        {" , *", LOG_LEVEL_INFO, LOG_LEVEL_DEBUG},
        {"vp:presences", LOG_LEVEL_INFO, LOG_LEVEL_INFO},
        {"-vp:presence", LOG_LEVEL_INFO, LOG_LEVEL_INFO},
        {"1", LOG_LEVEL_INFO, LOG_LEVEL_INFO},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct log_config config = {.level = cases[i].level, .debug = (char *)cases[i].debug};
        assert_int_equal(log_config_level(&config), cases[i].expected);
    }
}

struct heard {
    struct loop *loop;
    char steps[8];
};

static void on_stop(void *arg)
{
    struct heard *h = arg;
    strcat(h->steps, "s");
    if (strlen(h->steps) == 3)
        loop_stop(h->loop);
    else
        raise(SIGINT);
}

static void on_reload(void *arg)
{
    struct heard *h = arg;
    strcat(h->steps, "r");
    raise(SIGTERM);
}

static void send_hup(void *arg)
{
    raise(SIGHUP);
}

static void test_signals(void **state)
{
    struct heard h = {.loop = loop_create()};
    struct daemon_signals signals = {.stop = on_stop, .reload = on_reload, .arg = &h};
    struct loop_timer *timer = loop_timer_create(h.loop, send_hup, NULL);
    daemon_on_signals(h.loop, &signals);
    loop_timer_start(timer, 1, 10000);
    loop_run(h.loop);
    assert_string_equal(h.steps, "rss");
    loop_timer_destroy(timer);
    loop_destroy(h.loop);
}

static void test_node_ids_differ(void **state)
{
    char a[DAEMON_NODE_ID_SIZE], b[DAEMON_NODE_ID_SIZE];
    daemon_node_id(a);
    daemon_node_id(b);
    assert_int_equal(strlen(a), 8);
    assert_int_equal(strspn(a, "0123456789abcdef"), 8);
    assert_string_not_equal(a, b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_debug_names),
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_node_ids_differ),
    };

    log_init("test_daemon", LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
