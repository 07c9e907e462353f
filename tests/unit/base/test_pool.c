/* SPDX-License-Identifier: MIT */
#include "base/pool.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define OBJECTS 5000
#define STEPS   200000
#define BLOCK   65536

struct object {
    unsigned char *at;
    size_t size;
    unsigned char filled;
};

static struct object objects[OBJECTS];
static struct pool pool;

static void fill(struct object *o, unsigned char with)
{
    o->filled = with;
    memset(o->at, with, o->size);
}

/* Nobody else has written to it. */
static void look(const struct object *o, size_t len)
{
    for (size_t i = 0; i < len; i++)
        assert_int_equal(o->at[i], o->filled);
}

static size_t some_size(struct rng *rng)
{
    static const size_t sizes[] = {1, 8, 40, 148, 160, 864, 1536, 1537, 4000};
    return rng_below(rng, 2) ? sizes[rng_below(rng, 9)] : 1 + rng_below(rng, 2000);
}

static void test_objects_do_not_overlap(void **state)
{
    struct rng rng;
    rng_init(&rng, 1);
    for (int step = 0; step < STEPS; step++) {
        struct object *o = &objects[rng_below(&rng, OBJECTS)];
        size_t size = some_size(&rng), had = o->size;
        if (o->at)
            look(o, o->size);
        if (o->at && rng_below(&rng, 3)) {
            pool_free(o->at);
            *o = (struct object){0};
            continue;
        }
        o->at = pool_realloc(&pool, o->at, size);
        assert_int_equal((uintptr_t)o->at % 8, 0);
        look(o, had < size ? had : size);
        o->size = size;
        fill(o, (unsigned char)step);
    }
    for (size_t i = 0; i < OBJECTS; i++) {
        assert_null(pool_realloc(&pool, objects[i].at, 0));
        objects[i].at = NULL;
    }
}

static void test_used_memory_is_zeroed(void **state)
{
    unsigned char *first = pool_alloc(&pool, 100);
    memset(first, 0xff, 100);
    pool_free(first);
    unsigned char *second = pool_zalloc(&pool, 100);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(second[i], 0);
    pool_free(second);
    pool_free(NULL);
}

/* What a wave of connections took goes back to the system; of each size a block stays. */
static void test_blocks_go_back(void **state)
{
    static void *many[20000];
    size_t before = pool_size();
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 20000; i++)
            many[i] = pool_alloc(&pool, 200);
        size_t most = pool_size();
        assert_true(most == 0 || (most - before >= 20000 * 200 - BLOCK && most - before < 20000 * 204));
        for (size_t i = 0; i < 20000; i++)
            pool_free(many[(i * 7919) % 20000]);
        assert_true(pool_size() <= before + BLOCK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_objects_do_not_overlap),
        cmocka_unit_test(test_used_memory_is_zeroed),
        cmocka_unit_test(test_blocks_go_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
