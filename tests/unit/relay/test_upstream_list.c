/* SPDX-License-Identifier: MIT */
#include "relay/upstream_list.h"
#include "support/cases.h"

#include <stdio.h>

static void test_lists(void **state)
{
    static const struct {
        const char *text;
        int result;
        const char *says; /* "host port path;" of each, or a part of the error */
    } cases[] = {
        {NULL, 0, ""},
        {"ws://127.0.0.1:9000", 0, "127.0.0.1 9000 ;"},
        {"ws://a:9000, ws://b/ ,unix:/run/r.sock", 0, "a 9000 ;b 80 ; 0 /run/r.sock;"},
        {"ws://[::1]:9000", 0, "::1 9000 ;"},
        {"ws://a:9000/path", -1, "no path"},
        {"ws://a:9000?x", -1, "no path"},
        {"ws://user@a", -1, "no path"},
        {"wss://a", -1, "stunnel"},
        {"http://a", -1, "ws://host:port"},
        {"a:9000", -1, "ws://host:port"},
        {"ws://", -1, "a host is expected"},
        {"ws://:9000", -1, "a host is expected"},
        {"ws://::1", -1, "a host is expected"},
        {"ws://a:0", -1, "1 to 65535"},
        {"ws://a:65536", -1, "1 to 65535"},
        {"unix:run", -1, "begins with /"},
        {"ws://a,,ws://b", -1, "ws://host:port"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct upstream_list list;
        bytes_auto says = BYTES_INIT;
        char error[400];
        int result = upstream_list_parse(cases[i].text, &list, error, sizeof(error));
        print_message("%s\n", cases[i].text ? cases[i].text : "none");
        assert_int_equal(result, cases[i].result);
        if (result < 0) {
            assert_non_null(strstr(error, cases[i].says));
            continue;
        }
        for (size_t at = 0; at < list.count; at++)
            bytes_printf(&says, "%s %d %s;", list.at[at].host, list.at[at].port, list.at[at].path);
        assert_string_equal(bytes_text(&says), cases[i].says);
        upstream_list_finish(&list);
    }
}

/* Users spread evenly; an upstream that joins takes its share and moves nobody else; the order does not count. */
static void test_choice(void **state)
{
    struct upstream_list three, four, turned;
    size_t counts[3] = {0}, moved = 0;
    char error[400];
    assert_int_equal(upstream_list_parse("ws://a:1,ws://b:1,ws://c:1", &three, error, sizeof(error)), 0);
    assert_int_equal(upstream_list_parse("ws://a:1,ws://b:1,ws://c:1,ws://d:1", &four, error, sizeof(error)),
                     0);
    assert_int_equal(upstream_list_parse("ws://c:1,ws://b:1,ws://a:1", &turned, error, sizeof(error)), 0);
    for (int i = 0; i < 3000; i++) {
        char user[32];
        snprintf(user, sizeof(user), "user%d", i);
        size_t chosen = upstream_list_choose(&three, span_of(user)),
               then = upstream_list_choose(&four, span_of(user));
        counts[chosen]++;
        moved += then != chosen;
        assert_true(then == chosen || then == 3);
        assert_int_equal(upstream_list_choose(&turned, span_of(user)), 2 - chosen);
    }
    for (size_t i = 0; i < 3; i++)
        assert_in_range(counts[i], 900, 1100);
    assert_in_range(moved, 650, 850);
    assert_int_equal(upstream_list_choose(&three, SPAN("user1")), 0); /* as it ever was */
    upstream_list_finish(&three);
    upstream_list_finish(&four);
    upstream_list_finish(&turned);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lists), cmocka_unit_test(test_choice)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
