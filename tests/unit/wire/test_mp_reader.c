/* SPDX-License-Identifier: MIT */
#include "support/cases.h"
#include "wire/mp_reader.h"

static void test_values(void **state)
{
    static const struct {
        const char *name;
        struct span input;
        int result;
        enum mp_reader_kind kind;
        int64_t number;
        struct span text;
    } cases[] = {
        {"fixint", SPAN("\x7f"), 0, MP_READER_INT, 127, {0}},
        {"negative fixint", SPAN("\xe0"), 0, MP_READER_INT, -32, {0}},
        {"nil", SPAN("\xc0"), 0, MP_READER_NIL, 0, {0}},
        {"never used", SPAN("\xc1"), MP_READER_BAD, 0, 0, {0}},
        {"false", SPAN("\xc2"), 0, MP_READER_BOOL, 0, {0}},
        {"true", SPAN("\xc3"), 0, MP_READER_BOOL, 1, {0}},
        {"uint8", SPAN("\xcc\xff"), 0, MP_READER_INT, 255, {0}},
        {"uint16", SPAN("\xcd\x01\x02"), 0, MP_READER_INT, 0x102, {0}},
        {"uint32", SPAN("\xce\xff\xff\xff\xff"), 0, MP_READER_INT, UINT32_MAX, {0}},
        {"uint64", SPAN("\xcf\x7f\xff\xff\xff\xff\xff\xff\xff"), 0, MP_READER_INT, INT64_MAX, {0}},
        {"uint64 above", SPAN("\xcf\x80\0\0\0\0\0\0\0"), 0, MP_READER_UINT64, INT64_MIN, {0}},
        {"int8", SPAN("\xd0\x80"), 0, MP_READER_INT, -128, {0}},
        {"int16", SPAN("\xd1\xff\xfe"), 0, MP_READER_INT, -2, {0}},
        {"int32", SPAN("\xd2\x80\0\0\0"), 0, MP_READER_INT, INT32_MIN, {0}},
        {"int64", SPAN("\xd3\x80\0\0\0\0\0\0\0"), 0, MP_READER_INT, INT64_MIN, {0}},
        {"fixstr", SPAN("\xa2hi"), 0, MP_READER_STR, 0, {"hi", 2}},
        {"str8", SPAN("\xd9\x02hi"), 0, MP_READER_STR, 0, {"hi", 2}},
        {"str16", SPAN("\xda\0\x02hi"), 0, MP_READER_STR, 0, {"hi", 2}},
        {"str32", SPAN("\xdb\0\0\0\x02hi"), 0, MP_READER_STR, 0, {"hi", 2}},
        {"str32 too long", SPAN("\xdb\xff\xff\xff\xffhi"), MP_READER_SHORT, 0, 0, {0}},
        {"bin8", SPAN("\xc4\x01\0"), 0, MP_READER_BIN, 0, {"", 1}},
        {"bin32 too long", SPAN("\xc6\xff\xff\xff\xff\0"), MP_READER_SHORT, 0, 0, {0}},
        {"fixext1", SPAN("\xd4\xff\x05"), 0, MP_READER_EXT, -1, {"\5", 1}},
        {"ext8", SPAN("\xc7\x02\x01hi"), 0, MP_READER_EXT, 1, {"hi", 2}},
        {"ext32 too long", SPAN("\xc9\xff\xff\xff\xff\x01hi"), MP_READER_SHORT, 0, 0, {0}},
        {"nothing", SPAN(""), MP_READER_SHORT, 0, 0, {0}},
        {"half a number", SPAN("\xcf\0\0"), MP_READER_SHORT, 0, 0, {0}},
        {"half a string", SPAN("\xa5hi"), MP_READER_SHORT, 0, 0, {0}},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct mp_reader c;
        struct mp_reader_value v;

        mp_reader_init(&c, cases[i].input, 1);
        expect_int(cases[i].name, mp_reader_next(&c, &v), cases[i].result);
        if (cases[i].result != 0)
            continue;
        expect_int(cases[i].name, v.kind, cases[i].kind);
        expect_int(cases[i].name, mp_reader_left(&c), 0);
        if (v.kind == MP_READER_STR || v.kind == MP_READER_BIN || v.kind == MP_READER_EXT)
            expect_span(cases[i].name, v.text, cases[i].text);
        if (v.kind < MP_READER_STR || v.kind == MP_READER_EXT)
            expect_int(cases[i].name, v.kind == MP_READER_NIL ? 0 : v.number, cases[i].number);
    }
}

static void test_floats(void **state)
{
    struct mp_reader c;
    struct mp_reader_value v;
    mp_reader_init(&c, SPAN("\xca\x3f\x80\0\0\xcb\xbf\xf8\0\0\0\0\0\0"), 2);
    assert_int_equal(mp_reader_next(&c, &v), MP_READER_OK);
    assert_int_equal(v.kind, MP_READER_FLOAT);
    assert_true(v.real == 1.0);
    assert_int_equal(mp_reader_next(&c, &v), MP_READER_OK);
    assert_true(v.real == -1.5);
    assert_int_equal(mp_reader_left(&c), 0);
}

static void test_integers(void **state)
{
    static const struct {
        const char *name;
        struct span input;
        bool integer;
        int64_t number;
    } cases[] = {
        {"fixint", SPAN("\x1e"), true, 30},
        {"int64", SPAN("\xd3\x80\0\0\0\0\0\0\0"), true, INT64_MIN},
        {"uint64 above", SPAN("\xcf\x80\0\0\0\0\0\0\0"), false, 0},
        {"float32", SPAN("\xca\x41\xf0\0\0"), true, 30},
        {"float64", SPAN("\xcb\xc0\x3e\0\0\0\0\0\0"), true, -30},
        {"minus zero", SPAN("\xcb\x80\0\0\0\0\0\0\0"), true, 0},
        {"2^53", SPAN("\xcb\x43\x40\0\0\0\0\0\0"), true, 9007199254740992},
        {"above 2^53", SPAN("\xcb\x43\x40\0\0\0\0\0\1"), false, 0},
        {"-2^63", SPAN("\xcb\xc3\xe0\0\0\0\0\0\0"), false, 0},
        {"fraction", SPAN("\xcb\x3f\xe0\0\0\0\0\0\0"), false, 0},
        {"NaN", SPAN("\xcb\x7f\xf8\0\0\0\0\0\0"), false, 0},
        {"infinite", SPAN("\xca\xff\x80\0\0"), false, 0},
        {"text", SPAN("\xa1\x31"), false, 0},
        {"true", SPAN("\xc3"), false, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct mp_reader c;
        struct mp_reader_value v;
        int64_t number = 0;

        mp_reader_init(&c, cases[i].input, 1);
        expect_int(cases[i].name, mp_reader_next(&c, &v), MP_READER_OK);
        expect_int(cases[i].name, mp_reader_integer(&v, &number), cases[i].integer);
        expect_int(cases[i].name, number, cases[i].number);
    }
}

static void test_pass(void **state)
{
    static const struct {
        const char *name;
        struct span input;
        int result;
        size_t left;
    } cases[] = {
        {"scalar", SPAN("\1\2"), MP_READER_OK, 1},
        {"nested", SPAN("\x92\x81\xa1x\x91\x90\xc4\1y\7"), MP_READER_OK, 1},
        {"20 levels",
         SPAN("\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\1"),
         MP_READER_OK, 0},
        {"cut", SPAN("\xdf\xff\xff\xff\xff\0"), MP_READER_SHORT, 0},
        {"cut in a list of lists", SPAN("\xdd\xff\xff\xff\xff\xdd\xff\xff\xff\xff"), MP_READER_SHORT, 0},
        {"never used within", SPAN("\x92\1\xc1"), MP_READER_BAD, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct mp_reader c;

        mp_reader_init(&c, cases[i].input, SIZE_MAX);
        expect_int(cases[i].name, mp_reader_pass(&c), cases[i].result);
        expect_int(cases[i].name, mp_reader_left(&c), cases[i].left);
    }
}

/* A count is believed only when that many bytes are left. */
static void test_containers(void **state)
{
    static const struct {
        const char *name;
        struct span input;
        int result;
        uint32_t count;
    } cases[] = {
        {"fixarray", SPAN("\x92\1\2"), 0, 2},
        {"fixarray too long", SPAN("\x93\1\2"), MP_READER_SHORT, 0},
        {"fixmap", SPAN("\x81\1\2"), 0, 1},
        {"fixmap too long", SPAN("\x82\1\2\3"), MP_READER_SHORT, 0},
        {"array16", SPAN("\xdc\0\2\1\2"), 0, 2},
        {"array32", SPAN("\xdd\0\0\0\2\1\2"), 0, 2},
        {"array32 of four billion", SPAN("\xdd\xff\xff\xff\xff\1\2"), MP_READER_SHORT, 0},
        {"map16", SPAN("\xde\0\1\1\2"), 0, 1},
        {"map32", SPAN("\xdf\0\0\0\1\1\2"), 0, 1},
        {"map32 whose double wraps", SPAN("\xdf\x80\0\0\0\1\2"), MP_READER_SHORT, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct mp_reader c;
        struct mp_reader_value v;

        mp_reader_init(&c, cases[i].input, 1);
        expect_int(cases[i].name, mp_reader_next(&c, &v), cases[i].result);
        if (cases[i].result == 0)
            expect_int(cases[i].name, v.count, cases[i].count);
    }
}

static void test_skip(void **state)
{
    static const struct {
        const char *name;
        struct span input;
        unsigned depth;
        size_t budget;
        int result;
        size_t left;
    } cases[] = {
        {"scalar", SPAN("\x01\x02"), 0, 9, 0, 1},
        {"array at depth 0", SPAN("\x90"), 0, 9, MP_READER_BAD, 0},
        {"empty array", SPAN("\x90\x01"), 1, 9, 0, 1},
        {"empty map", SPAN("\x80\x01"), 1, 9, 0, 1},
        {"flat", SPAN("\x93\1\2\3\4"), 1, 9, 0, 1},
        {"map",
         SPAN("\x82\xa1"
              "a\1\xa1"
              "b\2\4"),
         1, 9, 0, 1},
        {"nested",
         SPAN("\x92\x91\1\x81\xa1"
              "a\x90\4"),
         3, 9, 0, 1},
        {"nested too deep",
         SPAN("\x92\x91\1\x81\xa1"
              "a\x90\4"),
         2, 9, MP_READER_BAD, 0},
        {"within the budget", SPAN("\x92\1\2"), 1, 3, 0, 0},
        {"over the budget", SPAN("\x92\1\2"), 1, 2, MP_READER_BAD, 0},
        {"cut", SPAN("\x92\1\xcd\0"), 1, 9, MP_READER_SHORT, 0},
        {"17 levels, asked for 99",
         SPAN("\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\1"), 99, 99,
         MP_READER_BAD, 0},
        {"16 levels", SPAN("\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\1"), 16, 99, 0,
         0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct mp_reader c;

        mp_reader_init(&c, cases[i].input, cases[i].budget);
        expect_int(cases[i].name, mp_reader_skip(&c, cases[i].depth), cases[i].result);
        if (cases[i].result == 0)
            expect_int(cases[i].name, mp_reader_left(&c), cases[i].left);
    }
}

static void test_nothing(void **state)
{
    static const struct {
        const char *name;
        struct span input;
        bool nothing;
    } cases[] = {
        {"nil", SPAN("\xc0"), true},
        {"undefined of notepack 0.0.2", SPAN("\xd4\0\0"), true},
        {"another extension", SPAN("\xd4\1\0"), false},
        {"another body", SPAN("\xd4\0\1"), false},
        {"false", SPAN("\xc2"), false},
        {"zero", SPAN("\0"), false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct mp_reader c;
        struct mp_reader_value v;

        mp_reader_init(&c, cases[i].input, 1);
        expect_int(cases[i].name, mp_reader_next(&c, &v), 0);
        expect_int(cases[i].name, mp_reader_is_nothing(&v), cases[i].nothing);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),  cmocka_unit_test(test_integers),   cmocka_unit_test(test_pass),
        cmocka_unit_test(test_floats),  cmocka_unit_test(test_containers), cmocka_unit_test(test_skip),
        cmocka_unit_test(test_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
