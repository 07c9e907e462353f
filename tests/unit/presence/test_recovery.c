#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "presence/recovery.h"

/* Words: @5000 the time, eX the store shows epoch X (e: none), aX:200 node a, silent for 200 ms, has asserted
 * in X, ? whether it is settled: the answers are compared. */
static void tell(struct recovery *r, struct span word, int64_t *now_ms, struct bytes *answers)
{
    struct span name = {word.data, 1}, epoch;
    uint64_t age;

    switch (word.data[0]) {
    case '@': *now_ms = atoll(word.data + 1); break;
    case '?': bytes_append_char(answers, recovery_settled(r, *now_ms) ? 'y' : 'n'); break;
    case 'e':
        if (recovery_epoch(r, (struct span){word.data + 1, word.len - 1}, *now_ms))
            bytes_append_char(answers, '!');
        break;
    default:
        word = (struct span){word.data + 1, word.len - 1};
        epoch = span_split(&word, ':');
        assert_int_equal(span_to_u64(word, UINT64_MAX, &age), 0);
        recovery_node(r, name, (int64_t)age, epoch, *now_ms);
    }
}

static void test_stories(void **state)
{
    static const struct {
        const char *name, *words, *answers;
    } cases[] = {
        {"a fresh start", "?", "y"},
        {"the first epoch", "eX ? aX:0 ?", "yy"},
        {"none, then the first", "e ? eX ?", "yy"},
        {"the same again", "eX aX:0 @1000 eX ?", "y"},
        {"another: nobody else lived", "eX @1000 eY ?", "!y"},
        {"another: one has yet to assert", "eX aX:0 @1000 eY ? aX:0 ? aY:0 ?", "!nny"},
        {"two have", "eX aX:0 bX:0 @1000 eY aY:0 ? bY:0 ?", "!ny"},
        {"one has asserted in an earlier one only", "eX aX:0 @1000 eY aY:0 eZ ? aY:0 ? aZ:0 ?", "!!nny"},
        {"one that has not asserted at all", "eX a:0 @1000 eY a:0 ? aY:0 ?", "!ny"},
        {"one that was silent for long is not waited for", "eX aX:0 bX:5001 @1000 eY aY:0 ?", "!y"},
        {"one that was heard just so", "eX aX:0 bX:4999 @1 eY aY:0 ?", "!n"},
        {"one that died long before", "eX aX:0 bX:0 @6000 aX:0 bX:6000 @6500 eY aY:0 ?", "!y"},
        {"Redis was away for long: who lived then is waited for", "eX aX:0 bX:0 @60000 eY aY:0 ? bY:0 ?",
         "!ny"},
        {"whoever comes meanwhile is waited for as well", "eX aX:0 @1000 eY aY:0 c:0 ? cY:0 ?", "!ny"},
        {"not for ever", "eX aX:0 @1000 eY @10999 ? @11000 ? @11001 ?", "!nyy"},
        {"gone, then another", "eX aX:0 @1000 e ? @2000 eY ? aY:0 ?", "!n!ny"},
        {"back to the same", "eX aX:0 @1000 eY eX ? aX:0 ?", "!!ny"},
        {"settled once, and once more", "eX aX:0 @1000 eY aY:0 ? @2000 eZ ? aZ:0 ?", "!y!ny"},
        {"a clock that lags", "eX aX:0 @1000 eY aY:0 bY:0 ?", "!y"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        static struct recovery r;
        struct span rest = span_of(cases[i].words);
        int64_t now_ms = 0;
        bytes_auto answers = BYTES_INIT;
        recovery_init(&r);
        while (rest.len)
            tell(&r, span_split(&rest, ' '), &now_ms, &answers);
        if (strcmp(bytes_text(&answers), cases[i].answers) != 0)
            fail_msg("%s: %s, not %s", cases[i].name, bytes_text(&answers), cases[i].answers);
    }
}

static void list_nodes(struct recovery *r, int from, int to, const char *asserted, int64_t now_ms)
{
    char name[16];

    for (int i = from; i < to; i++) {
        snprintf(name, sizeof(name), "node%d", i);
        recovery_node(r, span_of(name), 0, span_of(asserted), now_ms);
    }
}

/* Names from outside: bounded, and those that died make place, but not those that are waited for. */
static void test_bounds(void **state)
{
    static struct recovery r;
    char longest[65];

    memset(longest, 'n', sizeof(longest));
    recovery_init(&r);
    recovery_epoch(&r, SPAN("X"), 0);
    recovery_node(&r, (struct span){longest, 64}, 0, SPAN("X"), 0);
    assert_int_equal(r.count, 0);
    recovery_node(&r, (struct span){longest, 63}, 0, SPAN("X"), 0);
    assert_int_equal(r.count, 1);
    list_nodes(&r, 0, RECOVERY_NODES_MAX + 10, "X", 0);
    assert_int_equal(r.count, RECOVERY_NODES_MAX);
    /* They died; others came in their place. */
    list_nodes(&r, 1000, 1000 + RECOVERY_NODES_MAX, "X", 20000);
    assert_int_equal(r.count, RECOVERY_NODES_MAX);
    assert_true(recovery_epoch(&r, SPAN("Y"), 60000));
    list_nodes(&r, 2000, 2010, "Y", 60000);
    for (size_t i = 0; i < r.count; i++)
        assert_int_equal(strncmp(r.nodes[i].name, "node1", 5), 0);
    assert_false(recovery_settled(&r, 60000));
    list_nodes(&r, 1000, 1000 + RECOVERY_NODES_MAX, "Y", 61000);
    assert_true(recovery_settled(&r, 61000));
    /* An epoch too long to keep is none: nothing waits for ever. */
    assert_true(recovery_epoch(&r, (struct span){longest, 64}, 70000));
    assert_false(recovery_settled(&r, 70000));
    assert_true(recovery_settled(&r, 70000 + RECOVERY_LIMIT_MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stories),
        cmocka_unit_test(test_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
