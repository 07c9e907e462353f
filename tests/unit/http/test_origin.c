/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http/origin.h"

static const struct {
    const char *allowed, *origin, *host;
    bool expected;
} rows[] = {
    /* The default: the Host's own name and port. */
    {NULL, "", "example.org", true},
    {NULL, "https://example.org", "example.org", true},
    {"", "https://example.org", "example.org", true},
    {"  ", "http://Example.ORG:8080", "example.org:8080", true},
    {"  ", "http://Example.ORG:8080", "example.org:3000", false},
    {NULL, "http://127.0.0.1:8080", "127.0.0.1:3000", false},
    {NULL, "http://127.0.0.1:3000", "127.0.0.1:3000", true},
    {NULL, "http://localhost:8888", "localhost:3001", false},
    {NULL, "http://localhost", "localhost:3001", false},
    {NULL, "http://localhost:3001", "localhost", false},
    {NULL, "http://[::1]:8080", "[::1]:3000", false},
    {NULL, "http://[::1]:8080", "[0:0::1]:8080", true},
    {NULL, "http://[::1]", "[::1]", true},
    {NULL, "http://example.org", "example.org:80", true},
    {NULL, "https://example.org", "example.org:443", true},
    {NULL, "https://example.org", "example.org:80", false},
    {NULL, "https://example.org:8443", "example.org:8443", true},
    {NULL, "http://example.org:80", "example.org", true},
    {NULL, "app://example.org", "example.org", true},
    {NULL, "app://example.org", "example.org:3000", false},
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
    {"https://a.org , https://b.org", "https://B.org", "x", true},
    {"HTTPS://A.org", "https://a.org", "x", true},
    {"https://a.org", "http://a.org", "x", false},
    {"https://a.org", "https://a.org:8443", "x", false},
    {"https://a.org:8443", "https://a.org:8443", "x", true},
    {"https://a.org:8443", "https://a.org", "x", false},
    {"https://a.org:443", "https://a.org", "x", true},
    {"https://a.org", "https://a.org:443", "x", true},
    {"http://a.org:80", "http://a.org", "x", true},
    {"http://a.org:443", "http://a.org", "x", false},
    {"wss://a.org", "wss://a.org:443", "x", true},
    {"ws://a.org:80", "ws://a.org", "x", true},
    {"wss://a.org", "https://a.org", "x", false},
    {"app://a:443", "app://a", "x", false},
    {"http://[::1]:8080", "http://[::1]:8080", "x", true},
    {"http://[0:0:0:0:0:0:0:1]:8080", "http://[::1]:8080", "x", true},
    {"http://[::FFFF:127.0.0.1]", "http://[::ffff:7f00:1]", "x", true},
    {"http://[::1]:8080", "http://[::2]:8080", "x", false},
    {"http://[::1]:8080", "http://[::1]", "x", false},
    {"https://a.org", "https://a.org/", "x", false},
    {"https://a.org", "https://u@a.org", "x", false},
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
    {"https://*.a.org:8443", "https://x.a.org:8443", "x", true},
    {"https://*.a.org:8443", "https://x.a.org", "x", false},
    {"https://*.a.org:443", "https://x.a.org", "x", true},
    /* Shells with schemes of their own. */
    {"file://", "file://", "x", true},
    {"FILE://", "file://", "x", true},
    {"file://", "null", "x", false},
    {"null", "file://", "x", false},
    {"null,file://", "file://", "x", true},
    {"null,file://", "null", "x", true},
    {"file://", "file://x", "x", false},
    {"app://x", "app://x", "x", true},
    {"app://x", "app://y", "x", false},
    {"app://.", "app://.", "x", true},
    {"app://", "app://", "x", true},
    {"app://", "app://x", "x", false},
    {"capacitor-electron://-", "capacitor-electron://-", "x", true},
    {"ionic://localhost", "ionic://localhost", "x", true},
    {"capacitor://localhost", "Capacitor://LOCALHOST", "x", true},
    {"ionic://localhost", "capacitor://localhost", "x", false},
    {"tauri://localhost", "tauri://localhost", "x", true},
    {"http://tauri.localhost", "http://tauri.localhost", "x", true},
    {"chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop", "x", true},
    {"moz-extension://2f3a-77", "moz-extension://2f3a-77", "x", true},
    {"vscode-webview://0a1b", "vscode-webview://0a1b", "x", true},
    {"vscode-webview://0a1b", "vscode-webview://0a1c", "x", false},
    {"qrc://", "qrc://", "x", true},
    {NULL, "file://", "x", false},
    {NULL, "app://example.org", "example.org", true},
};

/* The error names the entry; `says` is why, or what to write; NULL: the list is right. */
static const struct {
    const char *allowed, *entry, *says;
} lists[] = {
    {NULL, NULL, NULL},
    {"", NULL, NULL},
    {"*", NULL, NULL},
    {"null", NULL, NULL},
    {"https://a.example, *", NULL, NULL},
    {"https://a.example", NULL, NULL},
    {"HTTPS://A.example:443,http://localhost:8080 , https://*.a.example:8443", NULL, NULL},
    {"http://127.0.0.1:3000,http://[::1]:8080,http://[2001:DB8::1],http://a_b.example", NULL, NULL},
    {"http://xn--bcher-kva.example,http://3com.example,http://a.", NULL, NULL},
    {"file://,null,app://x,app://,app://.,ionic://localhost,capacitor://localhost", NULL, NULL},
    {"chrome-extension://abc,tauri://localhost,vscode-webview://0-a,capacitor-electron://-", NULL, NULL},
    {"wss://a.example,ws://a.example:8080", NULL, NULL},
    {"https://a.example/", "'https://a.example/'", "write https://a.example"},
    {"https://a.example/app", "'https://a.example/app'", "write https://a.example"},
    {"https://a.example:8443/?x", "'https://a.example:8443/?x'", "write https://a.example:8443"},
    {"https://a.example?x", "'https://a.example?x'", "write https://a.example"},
    {"https://a.example#x", "'https://a.example#x'", "write https://a.example"},
    {"https://a.example\\", "'https://a.example\\'", "write https://a.example"},
    {"app://x/", "'app://x/'", "write app://x"},
    {"https://u:p@a.example", "'https://u:p@a.example'", "write https://a.example"},
    {"a.example", "'a.example'", "write https://a.example"},
    {"localhost:8080", "'localhost:8080'", "write https://localhost:8080"},
    {"//a.example/x", "'//a.example/x'", "write https://a.example"},
    {"*.a.example", "'*.a.example'", "write https://*.a.example"},
    {"http:/a.example", "'http:/a.example'", "write http://a.example"},
    {"https:a.example:1", "'https:a.example:1'", "write https://a.example:1"},
    {"://a.example", "'://a.example'", "begins with its scheme"},
    {"file:", "'file:'", "write file://"},
    {"file:///", "'file:///'", "write file://"},
    {"file:///android_asset", "'file:///android_asset'", "write file://"},
    {"file://localhost", "'file://localhost'", "write file://"},
    {"NULL", "'NULL'", "write null"},
    {"https://", "'https://'", "names no host"},
    {"https://:443", "'https://:443'", "names no host"},
    {"https://a.example:", "'https://a.example:'", "no port from 1 to 65535; write https://a.example"},
    {"https://a.example:0", "'https://a.example:0'", "no port"},
    {"https://a.example:65536", "'https://a.example:65536'", "no port"},
    {"https://a.example:80443x", "'https://a.example:80443x'", "no port"},
    {"https://a.example:0443", "'https://a.example:0443'", "no port"},
    {"https://a.example:*", "'https://a.example:*'", "no port"},
    {"http://::1", "'http://::1'", "brackets"},
    {"http://::1:8080", "'http://::1:8080'", "brackets"},
    {"http://[::1", "'http://[::1'", "brackets"},
    {"http://[fe80::1%eth0]", "'http://[fe80::1%eth0]'", "brackets"},
    {"http://[a.example]", "'http://[a.example]'", "brackets"},
    {"https://*", "'https://*'", "* stands"},
    {"https://*.", "'https://*.'", "* stands"},
    {"https://*example.com", "'https://*example.com'", "* stands"},
    {"https://a.*.example.com", "'https://a.*.example.com'", "* stands"},
    {"https://*.*.example.com", "'https://*.*.example.com'", "* stands"},
    {"https://a.example,**", "'**'", "* stands"},
    {"http*://a.example", "'http*://a.example'", "no scheme"},
    {"1a://x", "'1a://x'", "no scheme"},
    {"\"https://a.example\"", "'\"https://a.example\"'", "no scheme"},
    {"https://.a.example", "'https://.a.example'", "write https://*.a.example"},
    {"https://a!.example", "'https://a!.example'", "no host's name"},
    {"https://127.1", "'https://127.1'", "IPv4"},
    {"https://256.0.0.1", "'https://256.0.0.1'", "IPv4"},
    {"https://b\303\274cher.example", "'https://b\303\274cher.example'", "xn--"},
    {"https://a.example https://b.example", "'https://a.example https://b.example'", "commas"},
    {" ", "''", "blank"},
    {",", "''", "blank"},
    {"https://a.example,", "''", "blank"},
    {"https://a.example,,https://b.example", "''", "blank"},
    {"https://a.example,https://b.example/", "'https://b.example/'", "write https://b.example"},
};

static void test_lists(void **state)
{
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        char error[400] = "";
        int result = origin_check(lists[i].allowed, error, sizeof(error));
        const char *text = lists[i].allowed ? lists[i].allowed : "(none)";
        if (result != (lists[i].says ? -1 : 0))
            fail_msg("'%s': %d, %s", text, result, error);
        if (lists[i].says && (!strstr(error, lists[i].entry) || !strstr(error, lists[i].says)))
            fail_msg("'%s': says: %s", text, error);
    }
}

/* What is taken can match, as it stands there; what is written by advice is taken. */
static void test_taken_entries_match(void **state)
{
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        struct span rest = span_of(lists[i].allowed);
        char error[400];
        while (!lists[i].says && rest.len > 0) {
            struct span entry = span_trim(span_split(&rest, ','));
            if (!memchr(entry.data, '*', entry.len))
                assert_true(origin_allowed(lists[i].allowed, entry, SPAN("x"), false));
        }
        if (!lists[i].says)
            continue;
        origin_check(lists[i].allowed, error, sizeof(error));
        const char *advice = strstr(error, "; write ");
        if (advice && origin_check(advice + 8, error, sizeof(error)) < 0)
            fail_msg("'%s': advised, and refused: %s", lists[i].allowed, error);
    }
}

static void test_rows(void **state)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (origin_allowed(rows[i].allowed, span_of(rows[i].origin), span_of(rows[i].host), false) !=
            rows[i].expected)
            fail_msg("allowed '%s', origin '%s', host '%s': expected %d",
                     rows[i].allowed ? rows[i].allowed : "(none)", rows[i].origin, rows[i].host,
                     rows[i].expected);
}

/* Where a token is needed. */
static void test_other_ports(void **state)
{
    assert_true(origin_allowed(NULL, SPAN("http://localhost:3001"), SPAN("localhost:3000"), true));
    assert_true(origin_allowed("", SPAN("http://[::1]:8080"), SPAN("[::1]"), true));
    assert_false(origin_allowed(NULL, SPAN("http://evil.org:3000"), SPAN("localhost:3000"), true));
    assert_false(origin_allowed(NULL, SPAN("http://:3000"), SPAN(":3000"), true));
    assert_false(origin_allowed("http://a.org", SPAN("http://b.org:1"), SPAN("b.org"), true));
    assert_false(origin_allowed("http://a.org", SPAN("http://a.org:1"), SPAN("b.org"), true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_lists),
                                       cmocka_unit_test(test_taken_entries_match),
                                       cmocka_unit_test(test_other_ports)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
