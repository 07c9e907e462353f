/* SPDX-License-Identifier: MIT */
#include "base/map.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define OBJECTS 3000

struct object {
    char key[16];
    bool in; /* the model: whether it should be in the map */
};

static struct object objects[OBJECTS];

static struct span key_of(const void *object)
{
    return span_of(((const struct object *)object)->key);
}

static int set_up(void **state)
{
    for (size_t i = 0; i < OBJECTS; i++) {
        snprintf(objects[i].key, sizeof(objects[i].key), "user%zu", i);
        objects[i].in = false;
    }
    return 0;
}

static void test_empty(void **state)
{
    struct map m;
    size_t at = 0;
    map_init(&m, key_of);
    assert_null(map_get(&m, SPAN("a")));
    assert_null(map_remove(&m, SPAN("a")));
    assert_null(map_next(&m, &at));
    map_finish(&m);
}

static void test_replace(void **state)
{
    struct object a = {.key = "same"}, b = {.key = "same"};
    struct map m;
    map_init(&m, key_of);
    assert_null(map_put(&m, &a));
    assert_ptr_equal(map_put(&m, &b), &a);
    assert_int_equal(m.count, 1);
    assert_ptr_equal(map_get(&m, SPAN("same")), &b);
    assert_null(map_get(&m, SPAN("sam")));
    assert_ptr_equal(map_remove(&m, SPAN("same")), &b);
    assert_int_equal(m.count, 0);
    map_finish(&m);
}

static void check_all(struct map *m)
{
    size_t at = 0, seen = 0, expected = 0;
    struct object *o;
    while ((o = map_next(m, &at))) {
        assert_true(o->in);
        seen++;
    }
    for (size_t i = 0; i < OBJECTS; i++) {
        assert_ptr_equal(map_get(m, span_of(objects[i].key)), objects[i].in ? &objects[i] : NULL);
        expected += objects[i].in;
    }
    assert_int_equal(seen, expected);
    assert_int_equal(m->count, expected);
    assert_true(m->count <= m->capacity / 4 * 3);
}

/* Grows, lives at a level, and shrinks again, in step with the model. */
static void test_against_model(void **state)
{
    static const unsigned put_percent[] = {90, 50, 50, 10, 2, 95, 0};
    struct map m;
    struct rng rng;
    rng_init(&rng, 2024);
    map_init(&m, key_of);
    for (size_t phase = 0; phase < sizeof(put_percent) / sizeof(put_percent[0]); phase++) {
        for (int step = 0; step < 8000; step++) {
            struct object *o = &objects[rng_below(&rng, OBJECTS)];
            bool put = rng_below(&rng, 100) < put_percent[phase];
            void *got = put ? map_put(&m, o) : map_remove(&m, span_of(o->key));

            assert_ptr_equal(got, o->in ? o : NULL);
            o->in = put;
        }
        check_all(&m);
    }
    assert_true(m.capacity < OBJECTS);
    map_finish(&m);
}

static void order_of(uint64_t seed, struct bytes *out)
{
    struct object *o;
    struct map m;
    size_t at = 0;
    map_set_hash_key(seed);
    map_init(&m, key_of);
    for (size_t i = 0; i < 100; i++)
        map_put(&m, &objects[i]);
    while ((o = map_next(&m, &at)))
        bytes_append_text(out, o->key);
    map_finish(&m);
}

static void test_order_repeats_from_seed(void **state)
{
    bytes_auto first = BYTES_INIT, again = BYTES_INIT, other = BYTES_INIT;

    order_of(1, &first);
    order_of(1, &again);
    order_of(2, &other);
    assert_true(span_equal(bytes_span(&first), bytes_span(&again)));
    assert_false(span_equal(bytes_span(&first), bytes_span(&other)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_empty, set_up),
        cmocka_unit_test_setup(test_replace, set_up),
        cmocka_unit_test_setup(test_against_model, set_up),
        cmocka_unit_test_setup(test_order_repeats_from_seed, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
