/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "presence-sim/shellwords.h"

static const char *lookup(void *arg, const char *name)
{
    if (!strcmp(name, "PORT"))
        return "7001";
    if (!strcmp(name, "SPACE"))
        return "a b";
    return !strcmp(name, "EMPTY") ? "" : NULL;
}

static void join(const struct shellwords *w, struct bytes *out)
{
    for (size_t i = 0; i < w->count; i++)
        bytes_printf(out, "[%s]", w->items[i]);
}

static void test_split(void **state)
{
    static const struct {
        const char *input, *expected;
    } cases[] = {
        {"", ""},
        {"  \t ", ""},
        {"connect alice", "[connect][alice]"},
        {"  a\t b  ", "[a][b]"},
        {"a # b", "[a]"},
        {"# a", ""},
        {"a#b", "[a#b]"},
        {"'a  b' \"c  d\"", "[a  b][c  d]"},
        {"''", "[]"},
        {"x'y'\"z\"", "[xyz]"},
        {"$PORT ${PORT}1 $PORT:x", "[7001][70011][7001:x]"},
        {"'$PORT' \"$PORT\" \\$PORT", "[$PORT][7001][$PORT]"},
        {"$SPACE", "[a b]"},
        {"$EMPTY", "[]"},
        {"a\\ b '\\'", "[a b][\\]"},
        {"\"say \\\"x\\\"\"", "[say \"x\"]"},
        {"a\\", "[a\\]"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bytes_auto out = BYTES_INIT;
        struct shellwords w;
        char error[128];
        print_message("%s\n", cases[i].input);
        assert_int_equal(shellwords_split(span_of(cases[i].input), lookup, NULL, &w, error, sizeof(error)),
                         0);
        join(&w, &out);
        assert_string_equal(bytes_text(&out), cases[i].expected);
        shellwords_finish(&w);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *input, *expected;
    } cases[] = {
        {"a 'b", "a quote does not end"},
        {"a \"b", "a quote does not end"},
        {"$", "a '$' without a name behind it"},
        {"$-", "a '$' without a name behind it"},
        {"${PORT", "a '$' without a name behind it"},
        {"${}", "a '$' without a name behind it"},
        {"x $NONE", "no such variable: NONE"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct shellwords w = {0};
        char error[128] = "";
        print_message("%s\n", cases[i].input);
        assert_int_equal(shellwords_split(span_of(cases[i].input), lookup, NULL, &w, error, sizeof(error)),
                         -1);
        assert_string_equal(error, cases[i].expected);
        assert_int_equal(w.count, 0);
    }
}

static void test_without_lookup(void **state)
{
    bytes_auto out = BYTES_INIT;
    struct shellwords w;
    char error[128];

    assert_int_equal(shellwords_split(SPAN("a $B ${C}"), NULL, NULL, &w, error, sizeof(error)), 0);
    join(&w, &out);
    assert_string_equal(bytes_text(&out), "[a][$B][${C}]");
    shellwords_finish(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_without_lookup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
