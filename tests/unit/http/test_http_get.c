/* SPDX-License-Identifier: MIT */
#include "http/http_get.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

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

/* Answers once, in two pieces, and keeps the question. */
struct peer {
    int fd;
    const char *answer;
    char question[512];
};

static void *serve(void *arg)
{
    struct peer *p = arg;
    size_t len = strlen(p->answer), half = len / 2;
    int fd = accept(p->fd, NULL, NULL);
    ssize_t n = read(fd, p->question, sizeof(p->question) - 1);
    p->question[n < 0 ? 0 : n] = '\0';
    if (write(fd, p->answer, half) >= 0) {
        usleep(2000);
        n = write(fd, p->answer + half, len - half);
    }
    close(fd);
    return NULL;
}

static void test_answers(void **state)
{
    static const struct {
        const char *name, *text;
        int expected, status;
        const char *body;
    } rows[] = {
        {"with a length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 0, 200, "hi"},
        {"more than its length", "HTTP/1.1 200 OK\r\ncontent-length:2\r\n\r\nhi!", 0, 200, "hi"},
        {"no reason phrase", "HTTP/1.1 503\r\nContent-Length: 0\r\n\r\n", 0, 503, ""},
        {"until the end", "HTTP/1.0 200 OK\r\n\r\nhi", 0, 200, "hi"},
        {"a redirect", "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", 0,
         302, ""},
        {"cut short", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi", -1, 0, NULL},
        {"half a head", "HTTP/1.1 200 OK\r\nCont", -1, 0, NULL},
        {"nothing", "", -1, 0, NULL},
        {"no HTTP", "-ERR unknown command\r\n\r\n", -1, 0, NULL},
        {"no status", "HTTP/1.1 OK\r\n\r\n", -1, 0, NULL},
        {"length below zero", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", -1, 0, NULL},
    };
    int port;
    int fd = listen_on(&port);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct peer peer = {.fd = fd, .answer = rows[i].text};
        pthread_t thread;
        char address[64], error[200] = "";
        bytes_auto body = BYTES_INIT;
        int status = 0;
        assert_int_equal(pthread_create(&thread, NULL, serve, &peer), 0);
        snprintf(address, sizeof(address), "*:%d", port);
        int r = http_get(address, "/metrics", 5000, &status, &body, error, sizeof(error));
        pthread_join(thread, NULL);
        if (r != rows[i].expected || status != rows[i].status ||
            (r == 0 && !span_equal(bytes_span(&body), span_of(rows[i].body))) ||
            (r < 0 && !strstr(error, address)))
            fail_msg("%s: %d, status %d, %s", rows[i].name, r, status, error);
        assert_non_null(strstr(peer.question, "GET /metrics HTTP/1.1\r\n"));
        assert_non_null(strstr(peer.question, "\r\nConnection: close\r\n"));
    }
    close(fd);
}

static void test_too_large(void **state)
{
    bytes_auto text = BYTES_INIT, body = BYTES_INIT;
    char address[64], error[200] = "";
    pthread_t thread;
    int port, status = 0;
    bytes_append_text(&text, "HTTP/1.0 200 OK\r\n\r\n");
    memset(bytes_reserve(&text, HTTP_GET_BODY_MAX + 1), 'x', HTTP_GET_BODY_MAX + 1);
    text.len += HTTP_GET_BODY_MAX + 1;
    struct peer peer = {.fd = listen_on(&port), .answer = bytes_text(&text)};
    assert_int_equal(pthread_create(&thread, NULL, serve, &peer), 0);
    snprintf(address, sizeof(address), "127.0.0.1:%d", port);
    assert_int_equal(http_get(address, "/metrics", 5000, &status, &body, error, sizeof(error)), -1);
    pthread_join(thread, NULL);
    close(peer.fd);
    assert_int_equal(body.len, 0);
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
    signal(SIGPIPE, SIG_IGN);
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
