#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "net/origin.h"

static const struct {
    const char *allowed, *origin, *host;
    bool expected;
} rows[] = {
    /* The default: the Host's own name. */
    {NULL, "", "example.org", true},
    {NULL, "https://example.org", "example.org", true},
    {"", "https://example.org", "example.org", true},
    {"  ", "http://Example.ORG:8080", "example.org:3000", true},
    {NULL, "http://127.0.0.1:8080", "127.0.0.1:3000", true},
    {NULL, "http://[::1]:8080", "[::1]:3000", true},
    {NULL, "http://[::1]", "[::1]", true},
    {NULL, "http://[::1]", "[::2]", false},
    {NULL, "https://evil.org", "example.org", false},
    {NULL, "https://example.org.evil.org", "example.org", false},
    {NULL, "https://notexample.org", "example.org", false},
    {NULL, "https://example.org@evil.org", "example.org", false},
    {NULL, "https://example.org/", "example.org", false},
    {NULL, "null", "null", false},
    {NULL, "https://", "", false},
    {NULL, "https://:80", ":80", false},
    {NULL, "example.org", "example.org", false},
    {NULL, "https://example.org", "", false},
    /* All, also in a list. */
    {"*", "https://evil.org", "example.org", true},
    {"https://a.org, *", "null", "example.org", true},
    /* Named ones replace the default. */
    {"https://a.org", "https://a.org", "b.org", true},
    {"https://a.org", "https://example.org", "example.org", false},
    {"https://a.org,https://b.org", "https://b.org", "x", true},
    {"https://a.org , https://b.org/", "https://B.org", "x", true},
    {"https://a.org", "http://a.org", "x", false},
    {"https://a.org", "https://a.org:8443", "x", false},
    {"https://a.org:8443", "https://a.org:8443", "x", true},
    {"https://a.org:8443", "https://a.org", "x", false},
    {"a.org", "https://a.org", "x", false},
    {",", "https://a.org", "a.org", false},
    /* Every name below. */
    {"https://*.a.org", "https://x.a.org", "x", true},
    {"https://*.a.org", "https://y.x.A.org", "x", true},
    {"https://*.a.org", "https://a.org", "x", false},
    {"https://*.a.org", "https://.a.org", "x", false},
    {"https://*.a.org", "https://xa.org", "x", false},
    {"https://*.a.org", "https://x.a.org.evil.org", "x", false},
    {"https://*.a.org", "http://x.a.org", "x", false},
    {"null", "null", "x", true},
    {"null", "https://null", "x", false},
};

static void test_rows(void **state)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (origin_allowed(rows[i].allowed, span_of(rows[i].origin), span_of(rows[i].host)) !=
            rows[i].expected)
            fail_msg("allowed '%s', origin '%s', host '%s': expected %d",
                     rows[i].allowed ? rows[i].allowed : "(none)", rows[i].origin, rows[i].host,
                     rows[i].expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
