/* SPDX-License-Identifier: MIT */
#include "http/proxies.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void test_who_is_trusted(void **state)
{
    static const struct {
        const char *list, *address;
        bool trusted;
    } cases[] = {
        {NULL, "127.0.0.1", false},
        {"", "127.0.0.1", false},
        {"127.0.0.1", "127.0.0.1", true},
        {"127.0.0.1", "127.0.0.2", false},
        {"10.0.0.0/8, 192.168.0.0/16", "192.168.3.4", true},
        {"10.0.0.0/8,192.168.0.0/16", "192.169.3.4", false},
        {"10.1.2.0/23", "10.1.3.255", true},
        {"10.1.2.0/23", "10.1.4.0", false},
        {"0.0.0.0/0", "8.8.8.8", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "2001:db8::1", true},
        {"10.0.0.1", "::ffff:10.0.0.1", true},
        {"fd00::/8", "fdab::1", true},
        {"fd00::/8", "fe80::1", false},
        {"::1", "::1", true},
        {"unix", "unix", true},
        {"127.0.0.1", "unix", false},
        {"unix", "127.0.0.1", false},
        {"127.0.0.1", "no address", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        if (proxies_trust(cases[i].list, span_of(cases[i].address)) != cases[i].trusted)
            fail_msg("%s in %s", cases[i].address, cases[i].list ? cases[i].list : "nothing");
}

static void test_lists(void **state)
{
    static const char *const good[] = {
        NULL, "", "unix", "1.2.3.4", "1.2.3.4/32,::1/128", " 10.0.0.0/8 , fd00::/8 "};
    static const char *const bad[] = {"localhost",     "1.2.3",       "1.2.3.4/33",  "1.2.3.4/",
                                      "1.2.3.4/x",     "::1/129",     "/8",          "1.2.3.4/-1",
                                      "1.2.3.4,,unix", "1.2.3.4/8/8", "fe80::1%eth0"};
    struct span wrong;
    for (size_t i = 0; i < COUNT(good); i++)
        assert_int_equal(proxies_check(good[i], &wrong), 0);
    for (size_t i = 0; i < COUNT(bad); i++)
        if (proxies_check(bad[i], &wrong) == 0)
            fail_msg("%s", bad[i]);
}

static const char *client_of(const char *list, const char *peer, const char *const x_forwarded_for[2],
                             const char *const forwarded[2], int *ret)
{
    static char out[ADDRESS_SIZE];
    struct span values[4];
    struct proxies_values headers[2] = {{values, 0}, {values + 2, 0}};
    const char *const *const texts[2] = {x_forwarded_for, forwarded};
    for (size_t h = 0; h < 2; h++)
        while (headers[h].count < 2 && texts[h][headers[h].count]) {
            values[2 * h + headers[h].count] = span_of(texts[h][headers[h].count]);
            headers[h].count++;
        }
    *ret = proxies_client(list, span_of(peer), &headers[0], &headers[1], out);
    return out;
}

static void test_who_the_client_is(void **state)
{
    static const struct {
        const char *list, *peer, *values[2], *client;
    } cases[] = {
        {"127.0.0.1", "127.0.0.1", {"8.8.8.8"}, "8.8.8.8"},
        {"127.0.0.1", "9.9.9.9", {"8.8.8.8"}, "9.9.9.9"},
        {"", "127.0.0.1", {"8.8.8.8"}, "127.0.0.1"},
        {NULL, "127.0.0.1", {"8.8.8.8"}, "127.0.0.1"},
        {"unix", "unix", {"8.8.8.8"}, "8.8.8.8"},
        {"127.0.0.1", "127.0.0.1", {NULL}, "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1", {"6.6.6.6, 8.8.8.8"}, "8.8.8.8"},
        {"127.0.0.1,10.0.0.0/8", "127.0.0.1", {"6.6.6.6, 8.8.8.8, 10.0.0.7"}, "8.8.8.8"},
        {"127.0.0.1,10.0.0.0/8", "127.0.0.1", {"8.8.8.8", "10.0.0.7"}, "8.8.8.8"},
        {"127.0.0.1", "127.0.0.1", {"8.8.8.8", "7.7.7.7"}, "7.7.7.7"},
        {"127.0.0.1", "127.0.0.1", {"unknown"}, "127.0.0.1"},
        {"127.0.0.1,10.0.0.0/8", "127.0.0.1", {"8.8.8.8, _x, 10.0.0.7"}, "10.0.0.7"},
        {"127.0.0.1", "127.0.0.1", {"8.8.8.8,"}, "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1", {"8.8.8.8", ""}, "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1", {"8.8.8.8:5123"}, "8.8.8.8"},
        {"127.0.0.1,10.0.0.0/8", "127.0.0.1", {"6.6.6.6, 8.8.8.8:80, 10.0.0.7:9"}, "8.8.8.8"},
        {"127.0.0.1", "127.0.0.1", {"2001:DB8::5"}, "2001:db8::5"},
        {"127.0.0.1", "127.0.0.1", {"[2001:db8::5]:443"}, "2001:db8::5"},
        {"127.0.0.1", "127.0.0.1", {"\"[2001:db8::5]\""}, "2001:db8::5"},
        {"127.0.0.1", "127.0.0.1", {"::ffff:8.8.8.8"}, "8.8.8.8"},
        {"127.0.0.1,fe80::/10", "127.0.0.1", {"8.8.8.8, fe80::1%eth0"}, "8.8.8.8"},
        {"127.0.0.1,10.0.0.0/8", "127.0.0.1", {"8.8.8.8, ::ffff:10.0.0.7"}, "8.8.8.8"},
        {"127.0.0.1,unix", "127.0.0.1", {"8.8.8.8, unix:"}, "8.8.8.8"},
        {"127.0.0.1", "127.0.0.1", {"8.8.8.8, unix:"}, "unix"},
        {"127.0.0.0/8,10.0.0.0/8", "127.0.0.1", {"10.0.0.1, 10.0.0.2"}, "10.0.0.1"},
        {"127.0.0.1", "127.0.0.1", {"1.1.1.1 2.2.2.2"}, "127.0.0.1"},
    };
    static const char *const none[2] = {NULL};
    int rc;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *client = client_of(cases[i].list, cases[i].peer, cases[i].values, none, &rc);
        if (strcmp(client, cases[i].client) != 0 || rc != 0)
            fail_msg("case %zu: %s, not %s", i, client, cases[i].client);
    }
}

static void test_who_the_client_is_by_forwarded(void **state)
{
    static const struct {
        const char *list, *peer, *values[2], *client;
    } cases[] = {
        {"127.0.0.1", "127.0.0.1", {"for=8.8.8.8"}, "8.8.8.8"},
        {"127.0.0.1", "9.9.9.9", {"for=8.8.8.8"}, "9.9.9.9"},
        {"127.0.0.1", "127.0.0.1", {"For=\"[2001:DB8::5]:443\";proto=https;by=_us"}, "2001:db8::5"},
        {"127.0.0.1", "127.0.0.1", {"for=6.6.6.6, for=\"8.8.8.8:80\""}, "8.8.8.8"},
        {"127.0.0.1,10.0.0.0/8", "127.0.0.1", {"for=8.8.8.8, for=10.0.0.7"}, "8.8.8.8"},
        {"127.0.0.1,10.0.0.0/8", "127.0.0.1", {"for=8.8.8.8", "for=10.0.0.7;proto=http"}, "8.8.8.8"},
        {"127.0.0.1,10.0.0.0/8", "127.0.0.1", {"for=8.8.8.8, for=_x, for=10.0.0.7"}, "10.0.0.7"},
        {"127.0.0.1,10.0.0.0/8", "127.0.0.1", {"for=8.8.8.8, proto=http, for=10.0.0.7"}, "10.0.0.7"},
        {"127.0.0.1", "127.0.0.1", {"for=unknown"}, "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1", {"for=8.8.8.8,"}, "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1", {"for=8.8.8.8", "proto=http"}, "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1", {"for=\"6.6.6.6, for=8.8.8.8"}, "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1", {"for=\"", "for=8.8.8.8"}, "8.8.8.8"},
        {"127.0.0.1,10.0.0.0/8", "127.0.0.1", {"for=8.8.8.8;", "for=\"10.0.0.7"}, "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1", {"for=6.6.6.6;for=8.8.8.8"}, "127.0.0.1"},
    };
    static const char *const none[2] = {NULL};
    int rc;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *client = client_of(cases[i].list, cases[i].peer, none, cases[i].values, &rc);
        if (strcmp(client, cases[i].client) != 0 || rc != 0)
            fail_msg("case %zu: %s, not %s", i, client, cases[i].client);
    }
}

/* One of the two may be the client's own. */
static void test_both_headers_must_agree(void **state)
{
    static const struct {
        const char *list, *peer, *x_forwarded_for, *forwarded, *client;
        int rc;
    } cases[] = {
        {"127.0.0.1", "127.0.0.1", "8.8.8.8", "for=8.8.8.8", "8.8.8.8", 0},
        {"127.0.0.1", "127.0.0.1", "8.8.8.8:5", "for=\"8.8.8.8:6\"", "8.8.8.8", 0},
        {"127.0.0.1", "127.0.0.1", "6.6.6.6, 8.8.8.8", "for=7.7.7.7, for=8.8.8.8", "8.8.8.8", 0},
        {"127.0.0.1", "127.0.0.1", "8.8.8.8", "for=6.6.6.6", "127.0.0.1", -1},
        {"127.0.0.1", "127.0.0.1", "8.8.8.8", "for=unknown", "127.0.0.1", -1},
        {"127.0.0.1", "127.0.0.1", "8.8.8.8", "for=\"", "127.0.0.1", -1},
        {"127.0.0.1", "127.0.0.1", "unknown", "for=_x", "127.0.0.1", 0},
        {"127.0.0.1", "9.9.9.9", "8.8.8.8", "for=6.6.6.6", "9.9.9.9", 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *const list[2] = {cases[i].x_forwarded_for}, *const elements[2] = {cases[i].forwarded};
        int rc;
        const char *client = client_of(cases[i].list, cases[i].peer, list, elements, &rc);
        if (strcmp(client, cases[i].client) != 0 || rc != cases[i].rc)
            fail_msg("case %zu: %s %d, not %s", i, client, rc, cases[i].client);
    }
}

/* However many a header names, the last ones are looked at: ten thousand cost what a few do. */
static void test_hops_are_bounded(void **state)
{
    for (int form = 0; form < 2; form++) {
        bytes_auto text = BYTES_INIT;
        char out[ADDRESS_SIZE], last[ADDRESS_SIZE];
        for (size_t i = 0; i < 10000; i++) {
            bytes_append_text(&text, i ? "," : "");
            bytes_printf(&text, form ? "for=10.0.0.%zu" : "10.0.0.%zu", i % 200);
        }
        struct span value = bytes_span(&text);
        struct proxies_values some = {&value, 1}, none = {&value, 0};
        assert_int_equal(
            proxies_client("10.0.0.0/8", SPAN("10.9.9.9"), form ? &none : &some, form ? &some : &none, out),
            0);
        snprintf(last, sizeof(last), "10.0.0.%d", (10000 - PROXIES_HOPS_MAX) % 200);
        assert_string_equal(out, last);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_is_trusted),          cmocka_unit_test(test_lists),
        cmocka_unit_test(test_who_the_client_is),       cmocka_unit_test(test_who_the_client_is_by_forwarded),
        cmocka_unit_test(test_both_headers_must_agree), cmocka_unit_test(test_hops_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
