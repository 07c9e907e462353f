/* SPDX-License-Identifier: MIT */
#include "net/authority.h"

#include "support/cases.h"

static void test_parse(void **state)
{
    static const struct {
        const char *text;
        int result;
        const char *host, *port;
    } rows[] = {
        {"", 0, "", NULL},           {"a", 0, "a", NULL},          {"a:80", 0, "a", "80"},
        {"a:", 0, "a", ""},          {":80", 0, "", "80"},         {"192.0.2.1:80", 0, "192.0.2.1", "80"},
        {"[::1]", 0, "::1", NULL},   {"[::1]:80", 0, "::1", "80"}, {"[::1]:", 0, "::1", ""},
        {"[]", 0, "", NULL},         {"[", -1, NULL, NULL},        {"[::1", -1, NULL, NULL},
        {"[::1:80", -1, NULL, NULL}, {"[::1]80", -1, NULL, NULL},  {"[::1]a:80", -1, NULL, NULL},
        {"::1", -1, NULL, NULL},     {"::1:80", -1, NULL, NULL},   {"a:80:90", -1, NULL, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct span host, port;
        expect_int(rows[i].text, authority_parse(span_of(rows[i].text), &host, &port), rows[i].result);
        if (rows[i].result < 0)
            continue;
        expect_span(rows[i].text, host, span_of(rows[i].host));
        expect_span(rows[i].text, port, span_of(rows[i].port));
        expect_int(rows[i].text, port.data != NULL, rows[i].port != NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
