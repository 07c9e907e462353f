/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http/host.h"
#include "net/authority.h"

static const struct {
    const char *hosts, *origins, *host;
    bool expected;
} rows[] = {
    /* Nothing is listed. */
    {NULL, NULL, "", true},
    {NULL, NULL, "localhost", true},
    {NULL, NULL, "LocalHost:3001", true},
    {NULL, NULL, "127.0.0.1:3001", true},
    {NULL, NULL, "127.9.9.9", true},
    {NULL, NULL, "[::1]:3001", true},
    {NULL, NULL, "192.0.2.7:80", true},
    {NULL, NULL, "[2001:db8::1]", true},
    {NULL, NULL, "rebind.evil.example:3001", false},
    {NULL, NULL, "localhost.evil.example", false},
    {NULL, NULL, "evil.localhost", false},
    {NULL, NULL, "localhost.", false},
    {NULL, NULL, "127.0.0.1.evil.example", false},
    {NULL, NULL, "127.1", false},
    {NULL, NULL, "::1", false},
    {NULL, NULL, "[::1", false},
    {NULL, NULL, "[localhost]", false},
    {NULL, NULL, ":3001", false},
    {NULL, NULL, "localhost@evil.example", false},
    {NULL, NULL, "localhost, evil.example", false},
    {"", "", "presence", false},
    /* Listed names. */
    {"presence", NULL, "presence", true},
    {"presence", NULL, "Presence:3001", true},
    {"presence:3001", NULL, "presence:3001", true},
    {"presence:3001", NULL, "presence:3002", false},
    {"presence:3001", NULL, "presence", false},
    {"a.example, b.example", NULL, "b.example:80", true},
    {"a.example", NULL, "xa.example", false},
    {"a.example", NULL, "a.example.evil.example", false},
    {"*.a.example", NULL, "x.a.example:1", true},
    {"*.a.example", NULL, "a.example", false},
    {"*.a.example:1", NULL, "x.a.example:2", false},
    {"*", NULL, "rebind.evil.example", true},
    /* Those of origins. */
    {NULL, "https://app.example", "app.example:3001", true},
    {NULL, "https://app.example:8443", "app.example", true},
    {NULL, "null, https://*.app.example", "x.app.example", true},
    {NULL, "https://app.example", "evil.example", false},
    {NULL, "null,file://,app://evil.example", "evil.example", false},
    {NULL, "file://", "", true},
    {NULL, "*", "evil.example", true},
    {"presence", "https://app.example", "presence:1", true},
};

static void test_rows(void **state)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (host_allowed(rows[i].hosts, rows[i].origins, span_of(rows[i].host)) != rows[i].expected)
            fail_msg("hosts '%s', origins '%s', host '%s': expected %d", rows[i].hosts ? rows[i].hosts : "",
                     rows[i].origins ? rows[i].origins : "", rows[i].host, rows[i].expected);
}

static void test_lists(void **state)
{
    static const char *const
        good[] = {NULL, "", "*", "presence", "presence:3001,*.a.example", "10.0.0.1:1", "[::1]:80", "_x-1.y"},
        *const bad[] = {"a,,b", ",",  "a,",  "http://a", "a/b", "a:",  "a:0", "a:01", "a:65536",
                        "a:b",  "*.", "a.*", "**",       ".a",  "a b", "::1", "u@a",  "\xc3\xa4"};
    char error[400];

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        if (host_check(good[i], error, sizeof(error)) < 0)
            fail_msg("'%s': %s", good[i], error);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (host_check(bad[i], error, sizeof(error)) == 0)
            fail_msg("'%s' is taken", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_lists)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
