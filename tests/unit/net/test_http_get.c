#include "net/http_get.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void test_parse(void **state)
{
    static const struct {
        const char *name, *text;
        bool ended;
        int expected, status;
        const char *body;
    } rows[] = {
        {"with a length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", false, 1, 200, "hi"},
        {"more than its length", "HTTP/1.1 200 OK\r\ncontent-length:2\r\n\r\nhi!", false, 1, 200, "hi"},
        {"no reason phrase", "HTTP/1.1 503\r\nContent-Length: 0\r\n\r\n", false, 1, 503, ""},
        {"until the end", "HTTP/1.0 200 OK\r\n\r\nhi", true, 1, 200, "hi"},
        {"more to come", "HTTP/1.0 200 OK\r\n\r\nhi", false, 0, 0, NULL},
        {"half a head", "HTTP/1.1 200 OK\r\nCont", false, 0, 0, NULL},
        {"half a body", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi", false, 0, 0, NULL},
        {"cut short", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi", true, -1, 0, NULL},
        {"nothing", "", true, -1, 0, NULL},
        {"no HTTP", "-ERR unknown command\r\n\r\n", true, -1, 0, NULL},
        {"no status", "HTTP/1.1 OK\r\n\r\n", true, -1, 0, NULL},
        {"status out of range", "HTTP/1.1 99\r\n\r\n", true, -1, 0, NULL},
        {"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", true, -1, 0, NULL},
        {"length of a giant", "HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n", false, -1, 0, NULL},
        {"length below zero", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", false, -1, 0, NULL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int status = 0;
        struct span body = SPAN_NONE;
        int r = http_get_parse(span_of(rows[i].text), rows[i].ended, &status, &body);
        if (r != rows[i].expected || status != rows[i].status ||
            (r == 1 && !span_equal(body, span_of(rows[i].body))))
            fail_msg("%s: %d, status %d", rows[i].name, r, status);
    }
}

static int listen_on(int *ret_port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *ret_port = ntohs(at.sin_port);
    return fd;
}

/* Answers once, in pieces, and keeps the question. */
struct peer {
    int fd;
    char question[256];
};

static void *answer(void *arg)
{
    struct peer *p = arg;
    static const char *const pieces[] = {"HTTP/1.1 200", " OK\r\nContent-Length: 5\r\n", "\r\nhel", "lo"};
    int fd = accept(p->fd, NULL, NULL);
    ssize_t n = read(fd, p->question, sizeof(p->question) - 1);

    p->question[n < 0 ? 0 : n] = '\0';
    for (size_t i = 0; i < 4; i++) {
        if (write(fd, pieces[i], strlen(pieces[i])) < 0)
            break;
        usleep(2000);
    }
    close(fd);
    return NULL;
}

static void test_get(void **state)
{
    struct peer peer = {0};
    pthread_t thread;
    char address[64], error[200] = "";
    bytes_auto body = BYTES_INIT;
    int port, status = 0;

    peer.fd = listen_on(&port);
    assert_int_equal(pthread_create(&thread, NULL, answer, &peer), 0);
    snprintf(address, sizeof(address), "*:%d", port);
    assert_int_equal(http_get(address, "/metrics", 5000, &status, &body, error, sizeof(error)), 0);
    pthread_join(thread, NULL);
    close(peer.fd);
    assert_int_equal(status, 200);
    assert_string_equal(bytes_text(&body), "hello");
    assert_non_null(strstr(peer.question, "GET /metrics HTTP/1.1\r\n"));
    assert_non_null(strstr(peer.question, "\r\nConnection: close\r\n"));
}

static void test_failures(void **state)
{
    char silent[64], closed[64], error[200];
    int port, status = 7;
    bytes_auto body = BYTES_INIT;
    int fd = listen_on(&port);

    snprintf(silent, sizeof(silent), "127.0.0.1:%d", port);
    int64_t began_ms = clock_mono_ms();
    assert_int_equal(http_get(silent, "/", 100, &status, &body, error, sizeof(error)), -1);
    assert_in_range(clock_mono_ms() - began_ms, 99, 3000);
    assert_non_null(strstr(error, "no answer in time"));
    close(fd);
    snprintf(closed, sizeof(closed), "127.0.0.1:%d", port);
    assert_int_equal(http_get(closed, "/", 1000, &status, &body, error, sizeof(error)), -1);
    assert_non_null(strstr(error, closed));
    static const char *const wrong[] = {"", "nowhere", "127.0.0.1", ":80", "[]:80", "unix:/nonexistent/x"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(http_get(wrong[i], "/", 1000, &status, &body, error, sizeof(error)), -1);
    assert_int_equal(status, 7);
    assert_int_equal(body.len, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_get),
        cmocka_unit_test(test_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
