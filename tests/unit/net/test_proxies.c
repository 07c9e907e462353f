#include "net/proxies.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
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
    static const char *const bad[] = {"localhost", "1.2.3", "1.2.3.4/33", "1.2.3.4/",      "1.2.3.4/x",
                                      "::1/129",   "/8",    "1.2.3.4/-1", "1.2.3.4,,unix", "1.2.3.4/8/8"};
    struct span wrong;
    for (size_t i = 0; i < COUNT(good); i++)
        assert_int_equal(proxies_check(good[i], &wrong), 0);
    for (size_t i = 0; i < COUNT(bad); i++)
        if (proxies_check(bad[i], &wrong) == 0)
            fail_msg("%s", bad[i]);
}

static void test_who_the_client_is(void **state)
{
    static const struct {
        const char *list, *peer, *first, *second, *client;
    } cases[] = {
        {"127.0.0.1", "127.0.0.1", "8.8.8.8", NULL, "8.8.8.8"},
        {"127.0.0.1", "9.9.9.9", "8.8.8.8", NULL, "9.9.9.9"},
        {"", "127.0.0.1", "8.8.8.8", NULL, "127.0.0.1"},
        {"unix", "unix", "8.8.8.8", NULL, "8.8.8.8"},
        {"127.0.0.1", "127.0.0.1", NULL, NULL, "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1", "6.6.6.6, 8.8.8.8", NULL, "8.8.8.8"},
        {"127.0.0.1,10.0.0.0/8", "127.0.0.1", "6.6.6.6, 8.8.8.8, 10.0.0.7", NULL, "8.8.8.8"},
        {"127.0.0.1,10.0.0.0/8", "127.0.0.1", "8.8.8.8", "10.0.0.7", "8.8.8.8"},
        {"127.0.0.1", "127.0.0.1", "8.8.8.8", "7.7.7.7", "7.7.7.7"},
        {"127.0.0.1", "127.0.0.1", "unknown", NULL, "127.0.0.1"},
        {"127.0.0.1,10.0.0.0/8", "127.0.0.1", "8.8.8.8, _x, 10.0.0.7", NULL, "10.0.0.7"},
        {"127.0.0.1", "127.0.0.1", "8.8.8.8,", NULL, "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1", "8.8.8.8:80", NULL, "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1", "2001:db8::5", NULL, "2001:db8::5"},
        {"127.0.0.0/8,10.0.0.0/8", "127.0.0.1", "10.0.0.1, 10.0.0.2", NULL, "10.0.0.1"},
        {"127.0.0.1", "127.0.0.1", "1.1.1.1 2.2.2.2", NULL, "127.0.0.1"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct span forwarded[2] = {span_of(cases[i].first), span_of(cases[i].second)};
        size_t count = cases[i].second ? 2 : cases[i].first ? 1 : 0;
        struct span client = proxies_client(cases[i].list, span_of(cases[i].peer), forwarded, count);
        if (!span_equal(client, span_of(cases[i].client)))
            fail_msg("case %zu: %.*s, not %s", i, (int)client.len, client.data, cases[i].client);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_is_trusted),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_who_the_client_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
