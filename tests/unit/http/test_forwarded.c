/* SPDX-License-Identifier: MIT */
#include "http/forwarded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The nodes of a header, each in <>, "-" for an element without; NULL: malformed. */
static const struct {
    const char *text, *nodes;
} headers[] = {
    {"for=8.8.8.8", "<8.8.8.8>"},
    {"For=8.8.8.8;Proto=https;By=203.0.113.43", "<8.8.8.8>"},
    {"by=10.0.0.1;FOR=8.8.8.8", "<8.8.8.8>"},
    {"for=1.1.1.1, for=2.2.2.2,for=3.3.3.3", "<1.1.1.1><2.2.2.2><3.3.3.3>"},
    {"for=\"[2001:db8::1]:443\";proto=http", "<[2001:db8::1]:443>"},
    {"for=[2001:db8::1]:443", "<[2001:db8::1]:443>"},
    {"for=8.8.8.8:80", "<8.8.8.8:80>"},
    {"for=\"8.8\\.8.8\"", "<8.8.8.8>"},
    {"for=\"\\\"\"", "<\">"},
    {"for=\"a, for=b\", for=c", "<a, for=b><c>"},
    {"for=unknown, for=_hidden", "<unknown><_hidden>"},
    {"proto=https", "-"},
    {"", "-"},
    {" , ", "--"},
    {"for=8.8.8.8,", "<8.8.8.8>-"},
    {";for=8.8.8.8;;", "<8.8.8.8>"},
    {" \tfor=8.8.8.8 ; proto=http , for=9.9.9.9 ", "<8.8.8.8><9.9.9.9>"},
    {"for=\"\"", "<>"},
    {"forx=1;xfor=2;for=3", "<3>"},
    {"for=8.8.8.8;for=9.9.9.9", NULL},
    {"for=8.8.8.8;For=8.8.8.8", NULL},
    {"for=", NULL},
    {"for", NULL},
    {"=8.8.8.8", NULL},
    {"for =8.8.8.8", NULL},
    {"for= 8.8.8.8", NULL},
    {"for=8.8.8.8 9.9.9.9", NULL},
    {"for=\"8.8.8.8", NULL},
    {"for=\"8.8.8.8\\\"", NULL},
    {"for=\"8.8.8.8\\", NULL},
    {"for=\"8.8.8.8\"x", NULL},
    {"for=8.8.8.8\"x\"", NULL},
    {"8.8.8.8", NULL},
    {"for=1.1.1.1, 8.8.8.8", NULL},
    /* What a client began, and the proxy's element behind it. */
    {"for=\"1.1.1.1, for=8.8.8.8", NULL},
    {"for=1.1.1.1;x=\", for=\"[2001:db8::9]\"", NULL},
    {"for=1.1.1.1;x=\"\\, for=\"[2001:db8::9]:80\";by=\"x\"", NULL},
};

static int list_nodes(const char *header, char *out, size_t size)
{
    struct span text = span_of(header), node;
    char plain[64];
    int more = 1;
    out[0] = '\0';
    while (more > 0) {
        more = forwarded_take_first(&text, &node);
        if (more < 0)
            return -1;
        assert_int_equal(forwarded_unescape(node, plain, sizeof(plain)), 0);
        snprintf(out + strlen(out), size - strlen(out), node.data ? "<%s>" : "-", plain);
    }
    return 0;
}

static void test_forwarded(void **state)
{
    char nodes[256];
    for (size_t i = 0; i < COUNT(headers); i++) {
        int rc = list_nodes(headers[i].text, nodes, sizeof(nodes));

        if (rc != (headers[i].nodes ? 0 : -1) || (headers[i].nodes && strcmp(nodes, headers[i].nodes) != 0))
            fail_msg("%s: %d %s", headers[i].text, rc, nodes);
    }
}

static void test_unescape_is_bounded(void **state)
{
    char out[4] = "old";
    assert_int_equal(forwarded_unescape(SPAN("abc"), out, sizeof(out)), 0);
    assert_string_equal(out, "abc");
    assert_int_equal(forwarded_unescape(SPAN("\\a\\b\\c"), out, sizeof(out)), 0);
    assert_int_equal(forwarded_unescape(SPAN("abcd"), out, sizeof(out)), -1);
    assert_int_equal(forwarded_unescape(SPAN("a\0"), out, sizeof(out)), -1);
}

/* Items from the last one, each in <>. */
static const struct {
    const char *list, *items;
} lists[] = {
    {"8.8.8.8", "<8.8.8.8>"},
    {"1.1.1.1, 2.2.2.2 ,\t3.3.3.3 ", "<3.3.3.3><2.2.2.2><1.1.1.1>"},
    {"", "<>"},
    {"8.8.8.8,", "<><8.8.8.8>"},
    {", 8.8.8.8", "<8.8.8.8><>"},
    {"\"[2001:db8::1]\",\"\"", "<><[2001:db8::1]>"},
    {"\"", "<\">"},
    {"a\", b", "<b><a\">"},
};

static void test_lists(void **state)
{
    for (size_t i = 0; i < COUNT(lists); i++) {
        struct span list = span_of(lists[i].list), item;
        char items[128] = "";
        bool more = true;

        while (more) {
            more = forwarded_take_last(&list, &item);
            snprintf(items + strlen(items), sizeof(items) - strlen(items), "<%.*s>", (int)item.len,
                     item.data);
        }
        assert_string_equal(items, lists[i].items);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forwarded),
        cmocka_unit_test(test_unescape_is_bounded),
        cmocka_unit_test(test_lists),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
