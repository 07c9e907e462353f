/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "net/notify.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A manager's socket under that NOTIFY_SOCKET name. */
static int listen_as(const char *name)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    memcpy(at.sun_path, name, strlen(name));
    if (name[0] == '@')
        at.sun_path[0] = '\0';
    assert_return_code(
        bind(fd, (struct sockaddr *)&at, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
        errno);
    setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

static void assert_heard(int fd, const char *expected)
{
    char text[64];
    ssize_t len = recv(fd, text, sizeof(text), 0);
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(text, expected, strlen(expected));
}

static void test_path_and_abstract_name(void **state)
{
    char dir[] = "/tmp/presence-notify-XXXXXX", name[64];
    assert_non_null(mkdtemp(dir));
    for (int abstract = 0; abstract < 2; abstract++) {
        snprintf(name, sizeof(name), "%s%s/sock", abstract ? "@" : "", dir);
        int fd = listen_as(name);
        assert_int_equal(notify_send(NOTIFY_READY), 0);
        assert_heard(fd, "READY=1");
        assert_int_equal(notify_send(NOTIFY_STOPPING), 0);
        assert_heard(fd, "STOPPING=1");
        close(fd);
    }
    snprintf(name, sizeof(name), "%s/sock", dir);
    unlink(name);
    rmdir(dir);
}

static void test_nobody_listens(void **state)
{
    char long_name[256];
    static const struct {
        const char *name;
        int expected;
    } cases[] = {
        {NULL, 1},
        {"", 1},
        {"relative/sock", -1},
        {"/tmp/presence-notify-nowhere/sock", -1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (cases[i].name)
            setenv("NOTIFY_SOCKET", cases[i].name, 1);
        else
            unsetenv("NOTIFY_SOCKET");
        assert_int_equal(notify_send(NOTIFY_READY), cases[i].expected);
    }
    memset(long_name, 'x', sizeof(long_name) - 1);
    long_name[0] = '/';
    long_name[sizeof(long_name) - 1] = '\0';
    setenv("NOTIFY_SOCKET", long_name, 1);
    assert_int_equal(notify_send(NOTIFY_READY), -1);
}

static void test_reloading_says_when(void **state)
{
    char name[64], text[128] = "";
    long long usec;
    snprintf(name, sizeof(name), "@presence-reloading-%d", (int)getpid());
    int fd = listen_as(name);
    int64_t before_us = clock_mono_us();
    assert_int_equal(notify_reloading(), 0);
    assert_true(recv(fd, text, sizeof(text) - 1, 0) > 0);
    assert_int_equal(sscanf(text, "RELOADING=1\nMONOTONIC_USEC=%lld", &usec), 1);
    assert_in_range(usec, before_us, clock_mono_us());
    close(fd);
}

static void test_watchdog(void **state)
{
    char own[16];
    snprintf(own, sizeof(own), "%d", (int)getpid());
    const struct {
        const char *usec, *pid;
        int64_t expected;
    } cases[] = {
        {NULL, NULL, 0},
        {"30000000", NULL, 30000},
        {"30000000", own, 30000},
        {"30000000", "1", 0},
        {"30000000", "x", 0},
        {"30000000", "", 0},
        {"", own, 0},
        {"0", own, 0},
        {"-5", own, 0},
        {"5s", own, 0},
        {"1", own, 2},
        {"1999", own, 2},
        {"2500", own, 2},
        {NULL, own, 0},
        {"99999999999999999999", own, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsetenv("WATCHDOG_USEC");
        unsetenv("WATCHDOG_PID");
        if (cases[i].usec)
            setenv("WATCHDOG_USEC", cases[i].usec, 1);
        if (cases[i].pid)
            setenv("WATCHDOG_PID", cases[i].pid, 1);
        if (notify_watchdog_ms() != cases[i].expected)
            fail_msg("case %zu: %lld", i, (long long)notify_watchdog_ms());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path_and_abstract_name),
        cmocka_unit_test(test_nobody_listens),
        cmocka_unit_test(test_reloading_says_when),
        cmocka_unit_test(test_watchdog),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
