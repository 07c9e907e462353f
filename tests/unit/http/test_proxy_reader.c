/* SPDX-License-Identifier: MIT */
#include "http/proxy_reader.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "support/loop_until.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADER "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"

/* What the hooks saw, in order, as text. */
struct scene {
    struct loop *loop;
    struct proxy_reader *reader;
    char seen[512];
    const char *awaited;
};

static void note(struct scene *s, const char *format, ...)
{
    size_t len = strlen(s->seen);
    va_list args;

    va_start(args, format);
    vsnprintf(s->seen + len, sizeof(s->seen) - len, format, args);
    va_end(args);
}

static void on_accepted(void *arg, int fd, const char *peer)
{
    char left[64];
    ssize_t n = recv(fd, left, sizeof(left), MSG_DONTWAIT);
    note(arg, "<%s:%.*s>", peer, n > 0 ? (int)n : 0, left);
    close(fd);
}

#define REASON_NAME(id, name, ...) name,

static void on_refused(void *arg, enum proxy_reason reason)
{
    static const char *const names[] = {PROXY_REASONS(REASON_NAME)};
    note(arg, "<%s>", names[reason]);
}

static const struct proxy_reader_hooks hooks = {on_accepted, on_refused};

static void scene_begin(struct scene *s, const struct proxy_reader_config *config)
{
    memset(s, 0, sizeof(*s));
    s->loop = loop_create();
    s->reader = proxy_reader_create(s->loop, config, &hooks, s);
}

static void scene_end(struct scene *s)
{
    proxy_reader_destroy(s->reader);
    loop_destroy(s->loop);
}

/* The client's end of a new connection that has sent `text`. */
static int come(struct scene *s, const char *peer, const char *text)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    assert_int_equal(send(pair[0], text, strlen(text), MSG_NOSIGNAL), strlen(text));
    proxy_reader_accept(s->reader, pair[1], peer);
    return pair[0];
}

static bool has_seen(void *arg)
{
    const struct scene *s = arg;
    return strstr(s->seen, s->awaited) != NULL;
}

static void await(struct scene *s, const char *text)
{
    s->awaited = text;
    loop_until(s->loop, has_seen, s, 5000);
    if (!has_seen(s))
        fail_msg("'%s' not in '%s'", text, s->seen);
}

static const struct proxy_reader_config two = {"10.0.0.1", 60000, 2};

static void test_who_has_a_header(void **state)
{
    static const struct proxy_reader_config off = {NULL, 60000, 2};
    struct scene s;
    scene_begin(&s, &off);
    close(come(&s, "10.0.0.1", HEADER));
    assert_string_equal(s.seen, "<10.0.0.1:" HEADER ">");
    scene_end(&s);
    scene_begin(&s, &two);
    close(come(&s, "10.0.0.2", HEADER));
    close(come(&s, "10.0.0.1", HEADER));
    close(come(&s, "10.0.0.1", HEADER HEADER));
    close(come(&s, "10.0.0.1", "PROXY UNKNOWN\r\nhello"));
    close(come(&s, "10.0.0.1", "hello"));
    assert_string_equal(s.seen, "<10.0.0.2:" HEADER "><192.0.2.1:><192.0.2.1:" HEADER
                                "><10.0.0.1:hello><proxy_protocol>");
    assert_int_equal(proxy_reader_pending(s.reader), 0);
    scene_end(&s);
}

static void test_a_header_in_two_pieces(void **state)
{
    struct scene s;
    int client;
    scene_begin(&s, &two);
    client = come(&s, "10.0.0.1", "PROXY TCP4 192.0.");
    assert_int_equal(proxy_reader_pending(s.reader), 1);
    assert_int_equal(send(client, "2.1 192.0.2.2 1 2\r\nrest", 23, 0), 23);
    await(&s, "<192.0.2.1:rest>");
    assert_int_equal(proxy_reader_pending(s.reader), 0);
    close(client);
    scene_end(&s);
}

static void test_who_goes_without_a_word(void **state)
{
    struct scene s;
    int client, probe;
    scene_begin(&s, &two);
    client = come(&s, "10.0.0.1", "");
    close(client);
    probe = come(&s, "10.0.0.1", "PROXY");
    close(probe);
    await(&s, "<proxy_protocol>");
    assert_string_equal(s.seen, "<proxy_protocol>");
    assert_int_equal(proxy_reader_pending(s.reader), 0);
    scene_end(&s);
}

static bool has_ended(int client)
{
    char byte;
    return recv(client, &byte, 1, MSG_DONTWAIT) == 0;
}

static void test_the_oldest_gives_way(void **state)
{
    struct scene s;
    int clients[3];
    scene_begin(&s, &two);
    for (size_t i = 0; i < 3; i++)
        clients[i] = come(&s, "10.0.0.1", i == 1 ? "PROXY" : "");
    assert_string_equal(s.seen, "<overload>");
    assert_int_equal(proxy_reader_pending(s.reader), 2);
    assert_true(has_ended(clients[0]));
    assert_false(has_ended(clients[1]));
    assert_false(has_ended(clients[2]));
    close(come(&s, "10.0.0.1", HEADER));
    assert_string_equal(s.seen, "<overload><192.0.2.1:>");
    for (size_t i = 0; i < 3; i++)
        close(clients[i]);
    scene_end(&s);
}

static void test_a_header_that_does_not_come(void **state)
{
    static const struct proxy_reader_config soon = {"10.0.0.1", 20, 8};
    struct scene s;
    int clients[2];
    scene_begin(&s, &soon);
    clients[0] = come(&s, "10.0.0.1", "");
    clients[1] = come(&s, "10.0.0.1", "PROXY TCP4 ");
    await(&s, "<timeout><timeout>");
    assert_true(has_ended(clients[0]) && has_ended(clients[1]));
    assert_int_equal(proxy_reader_pending(s.reader), 0);
    close(clients[0]);
    close(clients[1]);
    scene_end(&s);
}

static void test_an_end_with_some_that_wait(void **state)
{
    struct scene s;
    int client;
    scene_begin(&s, &two);
    client = come(&s, "10.0.0.1", "PROXY");
    scene_end(&s);
    assert_true(has_ended(client));
    assert_string_equal(s.seen, "");
    close(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_has_a_header),
        cmocka_unit_test(test_a_header_in_two_pieces),
        cmocka_unit_test(test_who_goes_without_a_word),
        cmocka_unit_test(test_the_oldest_gives_way),
        cmocka_unit_test(test_a_header_that_does_not_come),
        cmocka_unit_test(test_an_end_with_some_that_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
