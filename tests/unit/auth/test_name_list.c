/* SPDX-License-Identifier: MIT */
#include "auth/name_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#define NAMES_16 "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16"

static void test_lists(void **state)
{
    static const struct {
        const char *text, *names; /* joined with '|'; NULL: refused */
    } rows[] = {
        {NULL, ""},          {"", ""},
        {"a", "a"},          {"a,b", "a|b"},
        {" a ,\tb ", "a|b"}, {"a b", "a b"},
        {"a,", "a"},         {NAMES_16, "1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16"},
        {",", NULL},         {",a", NULL},
        {"a,,b", NULL},      {"a, ,b", NULL},
        {" ", NULL},         {NAMES_16 ",17", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct name_list list = {0};
        const char *problem = NULL;
        bytes_auto joined = BYTES_INIT;
        int result = name_list_read(rows[i].text, &list, &problem);
        if ((result == 0) != (rows[i].names != NULL) || (result < 0) != (problem != NULL))
            fail_msg("'%s'", rows[i].text);
        for (size_t k = 0; k < list.count; k++) {
            bytes_append_text(&joined, k ? "|" : "");
            bytes_append_span(&joined, list.names[k]);
        }
        if (result == 0)
            assert_string_equal(bytes_text(&joined), rows[i].names);
        name_list_finish(&list);
        assert_int_equal(list.count, 0);
    }
}

static void test_has(void **state)
{
    struct name_list list;
    const char *problem;
    assert_int_equal(name_list_read("one, two", &list, &problem), 0);
    assert_true(name_list_has(&list, SPAN("two")));
    assert_false(name_list_has(&list, SPAN("Two")));
    assert_false(name_list_has(&list, SPAN("tw")));
    assert_false(name_list_has(&list, SPAN("")));
    name_list_finish(&list);
    assert_false(name_list_has(&list, SPAN("two")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
