#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "net/notify.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path_and_abstract_name),
        cmocka_unit_test(test_nobody_listens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
