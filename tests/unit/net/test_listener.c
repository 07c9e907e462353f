/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "net/listener.h"

#include "base/log.h"
#include "support/lose_family.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
    const char *spec;
    const char *names; /* joined by spaces; NULL: refused */
    const char *loopback;
    const char *error; /* a part of the sentence */
} forms[] = {
    {"3000", "127.0.0.1:3000 [::1]:3000", "yy", NULL},
    {"localhost:3000", "127.0.0.1:3000 [::1]:3000", "yy", NULL},
    {"127.0.0.1:3000", "127.0.0.1:3000", "y", NULL},
    {"127.8.9.10:3000", "127.8.9.10:3000", "y", NULL},
    {"0.0.0.0:3000", "0.0.0.0:3000", "n", NULL},
    {"[::1]:3000", "[::1]:3000", "y", NULL},
    {"[::]:0", "[::]:0", "n", NULL},
    {"*:3000", "0.0.0.0:3000 [::]:3000", "nn", NULL},
    {"unix:/run/x.sock", "unix:/run/x.sock", "y", NULL},
    {"unix:/run/x:3000", "unix:/run/x:3000", "y", NULL},
    {"systemd", "systemd", "n", NULL},
    {" 127.0.0.1:1 , unix:/a ", "127.0.0.1:1 unix:/a", "yy", NULL},
    {"", NULL, NULL, "no address"},
    {"127.0.0.1:1,,2", NULL, NULL, "empty"},
    {"65536", NULL, NULL, "0 to 65535"},
    {"-1", NULL, NULL, "0 to 65535"},
    {"127.0.0.1:", NULL, NULL, "0 to 65535"},
    {"127.0.0.1:http", NULL, NULL, "0 to 65535"},
    {":3000", NULL, NULL, "no host"},
    {"::1:3000", NULL, NULL, "expected"},
    {"[::1:3000", NULL, NULL, "expected"},
    {"example.org:3000", NULL, NULL, "example.org:3000"},
    {"unix:", NULL, NULL, "no path"},
    {"1,2,3,4,5,6,7,8,9", NULL, NULL, "more than 16"},
};

static void test_forms(void **state)
{
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct listen_set set = {0};
        char error[256] = "", names[512] = "", loopback[LISTEN_MAX + 1] = "";
        int rc = listener_check(forms[i].spec, &set, error, sizeof(error));

        assert_int_equal(rc, forms[i].names ? 0 : -1);
        if (rc) {
            if (!strstr(error, forms[i].error))
                fail_msg("'%s' gave '%s'", forms[i].spec, error);
            continue;
        }
        for (size_t n = 0; n < set.count; n++) {
            snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s", n ? " " : "",
                     set.names[n]);
            strcat(loopback, set.loopback[n] ? "y" : "n");
            assert_int_equal(set.fds[n], -1);
        }
        assert_string_equal(names, forms[i].names);
        assert_string_equal(loopback, forms[i].loopback);
    }
}

static void test_a_path_too_long(void **state)
{
    struct listen_set set;
    char error[256], spec[140] = "unix:/";
    memset(spec + 6, 'x', 109);
    assert_int_equal(listener_check(spec, &set, error, sizeof(error)), -1);
    assert_non_null(strstr(error, "at most 107"));
}

static int port_of(const char *name)
{
    return atoi(strrchr(name, ':') + 1);
}

static void test_port_zero_and_port_in_use(void **state)
{
    struct listen_set first, second = {.count = 7};
    char error[256], spec[64], wanted[64];
    assert_int_equal(listener_open("0", false, &first, error, sizeof(error)), 0);
    assert_true(first.count >= 1);
    assert_true(port_of(first.names[0]) > 0);
    assert_true(fcntl(first.fds[0], F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(first.fds[0], F_GETFL) & O_NONBLOCK);
    snprintf(spec, sizeof(spec), "127.0.0.1:%d", port_of(first.names[0]));
    snprintf(wanted, sizeof(wanted), "port %d is in use", port_of(first.names[0]));
    assert_int_equal(listener_open(spec, false, &second, error, sizeof(error)), -1);
    assert_non_null(strstr(error, wanted));
    assert_int_equal(second.count, 7);
    listener_close_socket(&first);
    assert_int_equal(listener_open(spec, false, &first, error, sizeof(error)), 0);
    listener_close_socket(&first);
}

static bool machine_has_ipv6(void)
{
    struct listen_set set;
    char error[256];
    if (listener_open("[::1]:0", false, &set, error, sizeof(error)))
        return false;
    listener_close_socket(&set);
    return true;
}

/* What listener_open gives in a process without the families: the names, the error, and the log. */
static void open_without(const char *spec, bool v4, bool v6, char said[1024])
{
    int out[2], status;
    size_t len = 0;
    pid_t child;
    ssize_t n;
    assert_int_equal(pipe(out), 0);
    child = fork();
    if (child == 0) {
        struct listen_set set;
        char error[256];

        log_init("test", LOG_LEVEL_INFO);
        log_set_fd(out[1]);
        if ((!v4 && lose_family(AF_INET)) || (!v6 && lose_family(AF_INET6)))
            _exit(1);
        if (listener_open(spec, false, &set, error, sizeof(error)))
            dprintf(out[1], "refused: %s", error);
        else
            for (size_t i = 0; i < set.count; i++)
                dprintf(out[1], "<%.*s>", (int)(strrchr(set.names[i], ':') - set.names[i]), set.names[i]);
        _exit(0);
    }
    close(out[1]);
    while ((n = read(out[0], said + len, 1023 - len)) > 0)
        len += (size_t)n;
    said[len] = '\0';
    close(out[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static const struct {
    const char *spec;
    bool v4, v6;
    const char *parts[3]; /* of what is said; NULL: no more */
    bool warned;
} lacking[] = {
    {"localhost:0", true, true, {"<127.0.0.1><[::1]>"}, false},
    {"localhost:0", true, false, {"listen_partial address=[::1]:", "not supported", "<127.0.0.1>"}, true},
    {"0", true, false, {"listen_partial address=[::1]:", "<127.0.0.1>"}, true},
    {"*:0", true, false, {"listen_partial address=[::]:", "<0.0.0.0>"}, true},
    {"localhost:0", false, true, {"listen_partial address=127.0.0.1:0", "<[::1]>"}, true},
    {"localhost:0", false, false, {"refused: can't listen on [::1]:0: Address family not"}, false},
    {"127.0.0.1:0,[::1]:0", true, false, {"refused: can't listen on [::1]:0: Address family not"}, false},
    {"[::]:0", true, false, {"refused: can't listen on [::]:0"}, false},
    {"127.0.0.1:0", true, false, {"<127.0.0.1>"}, false},
};

static void test_a_family_that_is_lacking(void **state)
{
    for (size_t i = 0; i < sizeof(lacking) / sizeof(lacking[0]); i++) {
        char said[1024];

        if (lacking[i].v6 && !machine_has_ipv6())
            continue;
        open_without(lacking[i].spec, lacking[i].v4, lacking[i].v6, said);
        for (size_t p = 0; p < 3 && lacking[i].parts[p]; p++)
            if (!strstr(said, lacking[i].parts[p]))
                fail_msg("%s, case %zu: '%s' not in '%s'", lacking[i].spec, i, lacking[i].parts[p], said);
        if ((strstr(said, "listen_partial") != NULL) != lacking[i].warned)
            fail_msg("%s, case %zu: '%s'", lacking[i].spec, i, said);
    }
}

/* A port in use is no lacking family. */
static void test_a_pair_with_a_port_in_use(void **state)
{
    struct listen_set first, second;
    char error[256], spec[64];
    if (!machine_has_ipv6())
        skip();
    assert_int_equal(listener_open("[::1]:0", false, &first, error, sizeof(error)), 0);
    snprintf(spec, sizeof(spec), "localhost:%d", port_of(first.names[0]));
    assert_int_equal(listener_open(spec, false, &second, error, sizeof(error)), -1);
    assert_non_null(strstr(error, "is in use ([::1]:"));
    listener_close_socket(&first);
}

static void test_reuseport_shares(void **state)
{
    struct listen_set first, second;
    char error[256], spec[64];
    assert_int_equal(listener_open("127.0.0.1:0", true, &first, error, sizeof(error)), 0);
    snprintf(spec, sizeof(spec), "127.0.0.1:%d", port_of(first.names[0]));
    assert_int_equal(listener_open(spec, true, &second, error, sizeof(error)), 0);
    listener_close_socket(&first);
    listener_close_socket(&second);
}

struct scratch {
    char dir[32], path[64], spec[80];
};

static void scratch_make(struct scratch *s)
{
    strcpy(s->dir, "/tmp/listen.XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    snprintf(s->path, sizeof(s->path), "%s/sock", s->dir);
    snprintf(s->spec, sizeof(s->spec), "unix:%s", s->path);
}

static void test_unix_socket_file(void **state)
{
    struct scratch s;
    struct listen_set set, other;
    struct stat st;
    char error[256];
    scratch_make(&s);
    assert_int_equal(listener_open(s.spec, false, &set, error, sizeof(error)), 0);
    assert_int_equal(stat(s.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    assert_true(set.is_unix[0] && set.loopback[0]);
    assert_int_equal(listener_open(s.spec, false, &other, error, sizeof(error)), -1);
    assert_non_null(strstr(error, "in use"));
    close(set.fds[0]); /* as if the process had been killed */
    assert_int_equal(listener_open(s.spec, false, &set, error, sizeof(error)), 0);
    listener_close_socket(&set);
    assert_int_equal(stat(s.path, &st), -1);
    rmdir(s.dir);
}

static void test_a_file_is_not_replaced(void **state)
{
    struct scratch s;
    struct listen_set set;
    char error[256];
    FILE *file;
    scratch_make(&s);
    file = fopen(s.path, "w");
    fclose(file);
    assert_int_equal(listener_open(s.spec, false, &set, error, sizeof(error)), -1);
    assert_non_null(strstr(error, "no socket"));
    assert_int_equal(unlink(s.path), 0);
    rmdir(s.dir);
}

static void test_systemd_without_sockets(void **state)
{
    struct listen_set set;
    char error[256];
    unsetenv("LISTEN_PID");
    assert_int_equal(listener_open("systemd", false, &set, error, sizeof(error)), -1);
    assert_non_null(strstr(error, "LISTEN_FDS"));
    setenv("LISTEN_PID", "1", 1);
    setenv("LISTEN_FDS", "1", 1);
    assert_int_equal(listener_open("systemd", false, &set, error, sizeof(error)), -1);
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
}

struct accepts {
    struct loop *loop;
    struct listener *listener;
    struct loop_timer *timer;
    int fd;
    char peer[64];
    int exhausted;
    struct rlimit before;
};

static void on_accepted(void *arg, int fd, const char *peer)
{
    struct accepts *a = arg;
    a->fd = fd;
    snprintf(a->peer, sizeof(a->peer), "%s", peer);
    listener_destroy(a->listener);
    loop_stop(a->loop);
}

static void on_exhausted(void *arg)
{
    struct accepts *a = arg;
    a->exhausted++;
    setrlimit(RLIMIT_NOFILE, &a->before);
}

static const struct listener_hooks hooks = {.accepted = on_accepted, .exhausted = on_exhausted};

static int connect_to(const struct listen_set *set)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);
    int fd;
    assert_int_equal(getsockname(set->fds[0], (struct sockaddr *)&address, &len), 0);
    fd = socket(address.ss_family, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, len), 0);
    return fd;
}

static void accept_over(const char *spec, const char *peer, bool tcp)
{
    struct accepts a = {.loop = loop_create()};
    struct listen_set set;
    char error[256];
    int client, on = 0;
    socklen_t len = sizeof(on);
    assert_int_equal(listener_open(spec, false, &set, error, sizeof(error)), 0);
    a.listener = listener_create(a.loop, &set, &hooks, &a);
    client = connect_to(&set);
    loop_run(a.loop);
    assert_string_equal(a.peer, peer);
    assert_true(fcntl(a.fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(a.fd, F_GETFD) & FD_CLOEXEC);
    if (tcp)
        assert_int_equal(getsockopt(a.fd, IPPROTO_TCP, TCP_NODELAY, &on, &len) || !on, 0);
    close(a.fd);
    close(client);
    loop_destroy(a.loop);
    listener_close_socket(&set);
}

static void test_accepts(void **state)
{
    struct scratch s;
    accept_over("127.0.0.1:0", "127.0.0.1", true);
    scratch_make(&s);
    accept_over(s.spec, "unix", false);
    rmdir(s.dir);
}

static void test_pauses_without_descriptors(void **state)
{
    struct accepts a = {.loop = loop_create()};
    struct listen_set set;
    struct rlimit none;
    char error[256];
    int client;
    assert_int_equal(listener_open("127.0.0.1:0", false, &set, error, sizeof(error)), 0);
    a.listener = listener_create(a.loop, &set, &hooks, &a);
    client = connect_to(&set);
    getrlimit(RLIMIT_NOFILE, &a.before);
    none = (struct rlimit){(rlim_t)client + 1, a.before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    loop_run(a.loop);
    assert_int_equal(a.exhausted, 1);
    assert_string_equal(a.peer, "127.0.0.1");
    close(a.fd);
    close(client);
    loop_destroy(a.loop);
    listener_close_socket(&set);
}

struct counted {
    struct loop *loop;
    int accepted;
};

static void on_counted(void *arg, int fd, const char *peer)
{
    struct counted *c = arg;
    c->accepted++;
    close(fd);
}

static void stop_loop(void *arg)
{
    loop_stop(((struct counted *)arg)->loop);
}

static void turn(struct counted *c)
{
    struct loop_timer *timer = loop_timer_create(c->loop, stop_loop, c);
    loop_timer_start(timer, 20, 0);
    loop_run(c->loop);
    loop_timer_destroy(timer);
}

/* While the program drains, its own sockets are accepted from to the end; those handed over are left to the
 * next. */
static void test_drains(void **state)
{
    static const struct listener_hooks counting = {.accepted = on_counted};
    for (int inherited = 0; inherited < 2; inherited++) {
        struct counted c = {.loop = loop_create()};
        struct listen_set set;
        struct listener *listener;
        char error[256];
        int clients[3];

        assert_int_equal(listener_open("127.0.0.1:0", false, &set, error, sizeof(error)), 0);
        set.inherited[0] = inherited;
        listener = listener_create(c.loop, &set, &counting, &c);
        clients[0] = connect_to(&set);
        turn(&c);
        assert_int_equal(c.accepted, 1);
        listener_drain(listener);
        clients[1] = connect_to(&set);
        turn(&c);
        assert_int_equal(c.accepted, inherited ? 1 : 2);
        clients[2] = connect_to(&set);
        listener_empty(listener);
        assert_int_equal(c.accepted, inherited ? 1 : 3);
        listener_destroy(listener);
        loop_destroy(c.loop);
        listener_close_socket(&set);
        for (int i = 0; i < 3; i++)
            close(clients[i]);
    }
}

/* Many that come together, one behind them, and one after a while: none is left waiting. */
static void test_gathers(void **state)
{
    static const struct listener_hooks gathering = {.accepted = on_counted, .gathers = true};
    enum { MANY = 100, ALL };
    struct counted c = {.loop = loop_create()};
    struct listen_set set;
    char error[256];
    int clients[ALL + 1];
    assert_int_equal(listener_open("127.0.0.1:0", false, &set, error, sizeof(error)), 0);
    struct listener *listener = listener_create(c.loop, &set, &gathering, &c);
    for (int i = 0; i < MANY; i++)
        clients[i] = connect_to(&set);
    turn(&c);
    assert_int_equal(c.accepted, MANY);
    clients[MANY] = connect_to(&set);
    turn(&c);
    assert_int_equal(c.accepted, MANY + 1);
    for (int i = 0; i < 5; i++)
        turn(&c);
    clients[ALL] = connect_to(&set);
    turn(&c);
    assert_int_equal(c.accepted, ALL + 1);
    listener_destroy(listener);
    loop_destroy(c.loop);
    listener_close_socket(&set);
    for (int i = 0; i <= ALL; i++)
        close(clients[i]);
}

/* The name may be the next instance's by then. */
static void test_a_file_is_removed_once(void **state)
{
    struct scratch s;
    struct listen_set set, next;
    char error[256];
    struct stat st;
    scratch_make(&s);
    assert_int_equal(listener_open(s.spec, false, &set, error, sizeof(error)), 0);
    listener_unlink(&set);
    assert_int_equal(stat(s.path, &st), -1);
    assert_int_equal(listener_open(s.spec, false, &next, error, sizeof(error)), 0);
    listener_unlink(&set);
    listener_close_socket(&set);
    assert_int_equal(stat(s.path, &st), 0);
    listener_close_socket(&next);
    assert_int_equal(stat(s.path, &st), -1);
    rmdir(s.dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_a_path_too_long),
        cmocka_unit_test(test_port_zero_and_port_in_use),
        cmocka_unit_test(test_a_family_that_is_lacking),
        cmocka_unit_test(test_a_pair_with_a_port_in_use),
        cmocka_unit_test(test_reuseport_shares),
        cmocka_unit_test(test_unix_socket_file),
        cmocka_unit_test(test_a_file_is_not_replaced),
        cmocka_unit_test(test_systemd_without_sockets),
        cmocka_unit_test(test_accepts),
        cmocka_unit_test(test_drains),
        cmocka_unit_test(test_gathers),
        cmocka_unit_test(test_a_file_is_removed_once),
        cmocka_unit_test(test_pauses_without_descriptors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
