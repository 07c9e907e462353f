/* SPDX-License-Identifier: MIT */
#include "http/proxy_protocol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BYTES(b)                                                                                             \
    {                                                                                                        \
        (b), sizeof(b) - 1                                                                                   \
    }
#define SIGNATURE  "\r\n\r\n\0\r\nQUIT\n"
#define V4_ADDRESS "\xc0\0\x02\x01\xc0\0\x02\x02\xdc\x04\x01\xbb"
#define V6_PREFIX  "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0"
#define V6_ADDRESS V6_PREFIX "\x01" V6_PREFIX "\x02\xdc\x04\x01\xbb"
#define V6_MAPPED  "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x01" V6_PREFIX "\x02\xdc\x04\x01\xbb"
#define X27        "xxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define UNIX108    "/run/client.sock" X27 X27 X27 "xxxxxxxxxxx"

/* Whole headers; the client is NULL when nobody is named. */
static const struct {
    struct span bytes;
    const char *client;
} good[] = {
    {BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n"), "192.0.2.1"},
    {BYTES("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"), "255.255.255.255"},
    {BYTES("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n"), "0.0.0.0"},
    {BYTES("PROXY TCP6 2001:DB8::1 ::1 1 2\r\n"), "2001:db8::1"},
    {BYTES("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n"), "192.0.2.1"},
    {BYTES("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
           "65535 65535\r\n"),
     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    {BYTES("PROXY UNKNOWN\r\n"), NULL},
    {BYTES("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
           "65535 65535\r\n"),
     NULL},
    {BYTES("PROXY UNKNOWN any thing\r\n"), NULL},
    {BYTES(SIGNATURE "\x21\x11\0\x0c" V4_ADDRESS), "192.0.2.1"},
    {BYTES(SIGNATURE "\x21\x11\0\x0f" V4_ADDRESS "\x04\0\0"), "192.0.2.1"},
    {BYTES(SIGNATURE "\x21\x21\0\x24" V6_ADDRESS), "2001:db8::1"},
    {BYTES(SIGNATURE "\x21\x21\0\x24" V6_MAPPED), "192.0.2.1"},
    {BYTES(SIGNATURE "\x21\x31\0\xd8" UNIX108 UNIX108), "unix"},
    {BYTES(SIGNATURE "\x20\0\0\0"), NULL},
    {BYTES(SIGNATURE "\x20\x11\0\x0c" V4_ADDRESS), NULL},
    {BYTES(SIGNATURE "\x20\xff\0\x01x"), NULL},
    {BYTES(SIGNATURE "\x21\0\0\0"), NULL},
    {BYTES(SIGNATURE "\x21\0\0\x05xxxxx"), NULL},
    {BYTES(SIGNATURE "\x21\x12\0\x0c" V4_ADDRESS), NULL},
    {BYTES(SIGNATURE "\x21\x10\0\x0c" V4_ADDRESS), NULL},
};

static const struct span bad[] = {
    BYTES("GET / HTTP/1.1\r\n"),
    BYTES("proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n"),
    BYTES("PROXY\r\n"),
    BYTES("PROXY \r\n"),
    BYTES("PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n"),
    BYTES("PROXY TCP4\r\n"),
    BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n"),
    BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n"),
    BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n"),
    BYTES("PROXY TCP4 192.0.2.1  192.0.2.2 1 2\r\n"),
    BYTES("PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n"),
    BYTES("PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n"),
    BYTES("PROXY TCP4 ::1 192.0.2.2 1 2\r\n"),
    BYTES("PROXY TCP4 192.0.2.1 ::1 1 2\r\n"),
    BYTES("PROXY TCP6 192.0.2.1 ::1 1 2\r\n"),
    BYTES("PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n"),
    BYTES("PROXY TCP6 [::1] ::1 1 2\r\n"),
    BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n"),
    BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 02\r\n"),
    BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 00 2\r\n"),
    BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n"),
    BYTES("PROXY TCP4 192.0.2.1\0 192.0.2.2 1 2\r\n"),
    BYTES("PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n"),
    BYTES("PROXY UNKNOWNS\r\n"),
    BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n\r\n"),
    BYTES("\r\n\r\n\0\r\nQUIT\r"),
    BYTES(SIGNATURE "\x11\x11\0\x0c" V4_ADDRESS),
    BYTES(SIGNATURE "\x31"),
    BYTES(SIGNATURE "\x22"),
    BYTES(SIGNATURE "\x2f\x11\0\x0c" V4_ADDRESS),
    BYTES(SIGNATURE "\x21\x41\0\x0c" V4_ADDRESS),
    BYTES(SIGNATURE "\x21\x13\0\x0c" V4_ADDRESS),
    BYTES(SIGNATURE "\x21\xff\0\0"),
    BYTES(SIGNATURE "\x21\x11\0\x0b" V4_ADDRESS),
    BYTES(SIGNATURE "\x21\x11\0\0"),
    BYTES(SIGNATURE "\x21\x21\0\x0c" V4_ADDRESS),
    BYTES(SIGNATURE "\x21\x31\0\x0c" V4_ADDRESS),
    BYTES(SIGNATURE "\x21\x11\x0f\xf1"),
    BYTES(SIGNATURE "\x20\0\xff\xff"),
};

static int read_copy(struct span bytes, struct proxy_header *ret)
{
    char *copy = malloc(bytes.len + 1); /* a sanitizer sees a read behind it */
    char *end = copy + 1;
    int rc;
    memcpy(end, bytes.data, bytes.len);
    rc = proxy_header_read((struct span){end, bytes.len}, ret);
    free(copy);
    return rc;
}

static void test_headers(void **state)
{
    for (size_t i = 0; i < COUNT(good); i++) {
        struct proxy_header header = {0};

        if (read_copy(good[i].bytes, &header) != 1 || header.length != good[i].bytes.len ||
            strcmp(header.client, good[i].client ? good[i].client : "") != 0)
            fail_msg("case %zu: %zu '%s'", i, header.length, header.client);
    }
}

static void test_any_piece_of_a_header_wants_more(void **state)
{
    for (size_t i = 0; i < COUNT(good); i++)
        for (size_t len = 0; len < good[i].bytes.len; len++) {
            struct proxy_header header = {.length = 7};

            if (read_copy((struct span){good[i].bytes.data, len}, &header) != 0 || header.length != 7)
                fail_msg("case %zu, %zu bytes", i, len);
        }
}

static void test_what_follows_is_left(void **state)
{
    static const struct span behind = BYTES("\r\nGET / HTTP/1.1\r\nPROXY TCP4 6.6.6.6 6.6.6.6 1 1\r\n");

    for (size_t i = 0; i < COUNT(good); i++) {
        bytes_auto all = BYTES_INIT;
        struct proxy_header header = {0};

        bytes_append_span(&all, good[i].bytes);
        bytes_append_span(&all, behind);
        assert_int_equal(read_copy(bytes_span(&all), &header), 1);
        assert_int_equal(header.length, good[i].bytes.len);
        assert_string_equal(header.client, good[i].client ? good[i].client : "");
    }
}

static void test_what_is_no_header(void **state)
{
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct proxy_header header = {.length = 7};
        int rc = read_copy(bad[i], &header);

        if (rc != -1 || header.length != 7)
            fail_msg("case %zu: %d", i, rc);
    }
}

static void test_bounds(void **state)
{
    char text[PROXY_HEADER_MAX + 1] = "PROXY UNKNOWN ";
    struct proxy_header header;
    memset(text + 14, 'x', sizeof(text) - 14);
    assert_int_equal(read_copy((struct span){text, PROXY_HEADER_V1_MAX - 1}, &header), 0);
    assert_int_equal(read_copy((struct span){text, PROXY_HEADER_V1_MAX}, &header), -1);
    memcpy(text + PROXY_HEADER_V1_MAX - 2, "\r\n", 2);
    assert_int_equal(read_copy((struct span){text, sizeof(text)}, &header), 1);
    memset(text, 0, sizeof(text));
    memcpy(text, SIGNATURE "\x21\x11\x0f\xf0" V4_ADDRESS, 28);
    assert_int_equal(read_copy((struct span){text, PROXY_HEADER_MAX - 1}, &header), 0);
    assert_int_equal(read_copy((struct span){text, PROXY_HEADER_MAX}, &header), 1);
    assert_int_equal(header.length, PROXY_HEADER_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_any_piece_of_a_header_wants_more),
        cmocka_unit_test(test_what_follows_is_left),
        cmocka_unit_test(test_what_is_no_header),
        cmocka_unit_test(test_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
