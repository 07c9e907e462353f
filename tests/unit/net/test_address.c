/* SPDX-License-Identifier: MIT */
#include "net/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* NULL: none. */
static const struct {
    const char *node, *address;
} nodes[] = {
    {"8.8.8.8", "8.8.8.8"},
    {"8.8.8.8:5123", "8.8.8.8"},
    {"8.8.8.8:0", "8.8.8.8"},
    {"8.8.8.8:_hidden-1.x", "8.8.8.8"},
    {"2001:db8::1", "2001:db8::1"},
    {"2001:DB8:0:0::1", "2001:db8::1"},
    {"2001:db8::1:443", "2001:db8::1:443"},
    {"[2001:db8::1]", "2001:db8::1"},
    {"[2001:DB8::1]:443", "2001:db8::1"},
    {"[2001:db8::1]:_p", "2001:db8::1"},
    {"::1", "::1"},
    {"::", "::"},
    {"::ffff:1.2.3.4", "1.2.3.4"},
    {"::ffff:102:304", "1.2.3.4"},
    {"[::ffff:1.2.3.4]:80", "1.2.3.4"},
    {"fe80::1%eth0", "fe80::1"},
    {"[fe80::1%25eth0]:80", "fe80::1"},
    {"::ffff:1.2.3.4%lo", "1.2.3.4"},
    {"unix:", "unix"},
    {"", NULL},
    {"unix", NULL},
    {"unknown", NULL},
    {"_hidden", NULL},
    {"localhost", NULL},
    {"8.8.8.8:", NULL},
    {"8.8.8.8:65536", NULL},
    {"8.8.8.8:-1", NULL},
    {"8.8.8.8:http", NULL},
    {"8.8.8.8:_", NULL},
    {"8.8.8.8:_a b", NULL},
    {"8.8.8.8%eth0", NULL},
    {"8.8.8", NULL},
    {"8.8.8.08", NULL},
    {"8.8.8.8 9.9.9.9", NULL},
    {"[8.8.8.8]", NULL},
    {"[8.8.8.8]:80", NULL},
    {"[2001:db8::1", NULL},
    {"[2001:db8::1]443", NULL},
    {"[2001:db8::1]:", NULL},
    {"[]", NULL},
    {"[]:80", NULL},
    {"[", NULL},
    {"]", NULL},
    {":", NULL},
    {":80", NULL},
    {"1:80", NULL},
    {"fe80::1%", NULL},
    {"%eth0", NULL},
    {"2001:db8::1::", NULL},
    {"\"8.8.8.8\"", NULL},
    {"1111:2222:3333:4444:5555:6666:7777:8888:9999", NULL},
    {"0000:0000:0000:0000:0000:0000:255.255.255.255:0", NULL},
};

static void test_nodes(void **state)
{
    for (size_t i = 0; i < COUNT(nodes); i++) {
        char out[ADDRESS_SIZE] = "untouched";
        int rc = address_of_node(span_of(nodes[i].node), out);

        if (rc != (nodes[i].address ? 0 : -1) ||
            strcmp(out, nodes[i].address ? nodes[i].address : "untouched") != 0)
            fail_msg("%s: %d %s", nodes[i].node, rc, out);
    }
}

static void test_a_form_is_read_as_it_is_written(void **state)
{
    for (size_t i = 0; i < COUNT(nodes); i++) {
        unsigned char first[ADDRESS_BYTES], second[ADDRESS_BYTES];
        char text[ADDRESS_SIZE];

        if (!nodes[i].address || !strcmp(nodes[i].address, "unix"))
            continue;
        assert_int_equal(address_parse(span_of(nodes[i].address), first), 0);
        address_format(first, text);
        assert_string_equal(text, nodes[i].address);
        assert_int_equal(address_parse(span_of(text), second), 0);
        assert_memory_equal(first, second, sizeof(first));
    }
}

static void test_bytes_that_are_no_text(void **state)
{
    char out[ADDRESS_SIZE];
    assert_int_equal(address_of_node((struct span){"8.8.8.8\0", 8}, out), -1);
    assert_int_equal(address_of_node((struct span){"8.8.8.8:1\0", 10}, out), -1);
    assert_int_equal(address_of_node(SPAN_NONE, out), -1);
}

static void test_quota_names(void **state)
{
    static const struct {
        const char *address, *name;
    } rows[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"2001:db8::1", "2001:db8::/64"},
        {"2001:DB8:0:0:ffff::2", "2001:db8::/64"},
        {"2001:db8:0:1::1", "2001:db8:0:1::/64"},
        {"1111:2222:3333:4444:5555:6666:7777:8888", "1111:2222:3333:4444::/64"},
        {"fe80::1%eth0", "fe80::/64"},
        {"::1", "::/64"},
        {"unix", "unix"},
        {"", ""},
        {"no address, and longer than one could ever be", "no address, and longer than one could ever be"},
        {"no address, and longer than the room for any one", ""},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        char name[ADDRESS_SIZE];
        address_quota_name(rows[i].address, name);
        assert_string_equal(name, rows[i].name);
    }
}

static void test_local(void **state)
{
    static const char *const local[] = {"unix", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"},
                             *const others[] = {"",   "10.0.0.1",    "128.0.0.1", "::2",
                                                "::", "2001:db8::1", "localhost", "unix:"};

    for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++)
        assert_true(address_is_local(local[i]));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_false(address_is_local(others[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_local),
        cmocka_unit_test(test_nodes),
        cmocka_unit_test(test_quota_names),
        cmocka_unit_test(test_a_form_is_read_as_it_is_written),
        cmocka_unit_test(test_bytes_that_are_no_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
