/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"

/* Pieces of many sizes, each filled with a byte of its own: none lies in another. */
static void test_pieces_are_apart(void **state)
{
    static const size_t sizes[] = {1, 16, 17, 0, 100, 16384, 3, 70000, 8, 40000};
    enum { COUNT = sizeof(sizes) / sizeof(sizes[0]) };
    struct arena a = {0};
    unsigned char *pieces[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        pieces[i] = arena_alloc(&a, sizes[i]);
        assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        memset(pieces[i], (int)i + 1, sizes[i]);
    }
    for (size_t i = 0; i < COUNT; i++)
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(pieces[i][k], i + 1);
    arena_finish(&a);
}

static void test_finished_is_empty(void **state)
{
    struct arena a = {0};
    arena_finish(&a);
    for (int round = 0; round < 3; round++) {
        memset(arena_alloc(&a, 50), round, 50);
        arena_finish(&a);
        assert_null(a.blocks);
    }
}

static void test_reset_keeps_a_block(void **state)
{
    struct arena a = {0};
    arena_reset(&a, 1000000);
    assert_null(a.blocks);
    char *first = arena_alloc(&a, 100);
    arena_reset(&a, 1000000);
    assert_ptr_equal(arena_alloc(&a, 100), first);
    char *large = arena_alloc(&a, 500000);
    arena_reset(&a, 1000000);
    assert_ptr_equal(arena_alloc(&a, 500000), large);
    arena_reset(&a, 400000);
    assert_null(a.blocks);
    arena_finish(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_are_apart),
        cmocka_unit_test(test_finished_is_empty),
        cmocka_unit_test(test_reset_keeps_a_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
