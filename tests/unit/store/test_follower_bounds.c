#include "follower_fixture.h"

static void test_recovering(void **state)
{
    static const struct {
        const char *name, *words;
        bool recovering;
    } cases[] = {
        {"the first epoch", "con sub node=X,5,m=X", false},
        {"another", "con sub node=X,5,m=X node=Y,9,m=", true},
        {"another, asserted; nobody watches", "con sub node=X,5,m=X node=Y,9,m= node=Y,9,m=Y", false},
        {"another, too late; nobody watches", "con sub node=X,5,m=X node=Y,9,m= @11000", false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture x;
        struct span rest = span_of(cases[i].words);
        setup(&x);
        while (rest.len)
            tell(&x, span_split(&rest, ' '));
        if (follower_recovering(&x.follower) != cases[i].recovering)
            fail_msg("%s", cases[i].name);
        teardown(&x);
    }
}

static void test_a_deaf_subscription(void **state)
{
    struct fixture x;

    setup(&x);
    tell_all(&x, READY);
    for (int i = 1; i <= 3; i++) {
        char words[100];
        assert_false(x.follower.deaf);
        snprintf(words, sizeof(words), "node=X,%d,n=X @%d log=X,%d%ca", 5 + i, 1000 + 200 * i, 5 + i,
                 i % 2 ? '-' : '+');
        tell_all(&x, words);
    }
    assert_true(x.follower.deaf);
    /* A message proves that it hears. */
    x.follower.deaf = false;
    tell_all(&x, "pub=X,9+c node=X,10,n=X @2000");
    assert_false(x.follower.deaf);
    teardown(&x);
}

/* In doubt nobody resumes: the epoch is shown only while the roster is whole. */
static void test_the_epoch_shown(void **state)
{
    static const struct {
        const char *words, *epoch;
    } cases[] = {
        {"con sub want", ""},
        {"con sub want load=X,5,17,a1", ""},
        {"con sub want load=X,5,17,a1 load=X,5,0,b1", "X"},
        {"node=X,5,m=X con sub want load=X,5,0,a1 node=Y,90,m=", ""},
        {"node=X,5,m=X con sub want load=X,5,0,a1 node=Y,90,m=Y load=Y,90,17,a1", ""},
        {"node=X,5,m=X con sub want load=X,5,0,a1 node=Y,90,m=Y load=Y,90,0,a1", "Y"},
        {"con sub want load=X,5,0,a1 lost unsub", "X"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture x;
        setup(&x);
        tell_all(&x, cases[i].words);
        assert_string_equal(x.follower.roster.epoch, cases[i].epoch);
        teardown(&x);
    }
}

/* A long gap: page after page, and a garbage page is no gap filled. */
static void test_a_long_gap(void **state)
{
    struct fixture x;
    bytes_auto words = BYTES_INIT;

    setup(&x);
    tell_all(&x, READY "pub=X,2001+c");
    for (int page = 0; page < 2; page++) {
        bytes_reset(&words);
        bytes_append_text(&words, "log=X");
        for (int i = 0; i < (page ? 996 : 1000); i++)
            bytes_printf(&words, ",%d%c%c", 6 + page * 1000 + i, i % 2 ? '+' : '-', 'a');
        tell(&x, bytes_span(&words));
    }
    assert_int_equal(x.follower.roster.rev, 2001);
    assert_int_equal(x.follower.gaps, 2);
    assert_int_equal(x.follower.loads, 1);
    teardown(&x);

    setup(&x);
    tell_all(&x, READY "pub=X,2001+c");
    bytes_auto out = BYTES_INIT;
    answer_array(&out, 1000);
    for (int i = 0; i < 1000; i++) {
        bytes_auto id = BYTES_INIT;
        bytes_printf(&id, "%d-0", 6 + i);
        answer_array(&out, 2);
        answer_text(&out, bytes_span(&id));
        answer_array(&out, 2);
        answer_text(&out, SPAN("event"));
        answer_text(&out, SPAN("{\"userId\":\"a\",\"status\":\"online\"}"));
    }
    bytes_reset(&x.said);
    answer(&x, FOLLOWER_LOG, &out);
    assert_string_equal(bytes_text(&x.said), "load:0 ");
    teardown(&x);
}

/* What a page holds is from outside. */
static void test_hostile_pages(void **state)
{
    struct fixture x;
    char longest[300];
    bytes_auto out = BYTES_INIT;
    const struct span users[] = {SPAN(""), SPAN("a\n"), {longest, 129}, {longest, 128}, SPAN("b"), SPAN("c")};
    const struct span devices[] = {SPAN("d"), SPAN("d"), SPAN("d"), SPAN("d"), {longest, 300}, SPAN("d")};
    const struct span groups[] = {SPAN(""), SPAN(""), SPAN(""), SPAN("[1]"), SPAN("{"), SPAN("[\"x\"]")};

    memset(longest, 'u', sizeof(longest));
    setup(&x);
    tell_all(&x, "con sub want");
    answer_array(&out, 5);
    answer_number(&out, 5000);
    answer_text(&out, SPAN("X"));
    answer_number(&out, 7);
    answer_text(&out, SPAN("0"));
    answer_array(&out, 5 * 6);
    for (int i = 0; i < 6; i++) {
        answer_text(&out, users[i]);
        answer_text(&out, SPAN("nonsense"));
        answer_text(&out, devices[i]);
        answer_number(&out, 3);
        answer_text(&out, groups[i]);
    }
    answer(&x, FOLLOWER_LOAD, &out);
    assert_int_equal(x.follower.roster.online, 3);
    assert_non_null(roster_get(&x.follower.roster, users[3]));
    assert_int_equal(roster_user_device(roster_get(&x.follower.roster, SPAN("b"))).len, 0);
    assert_true(span_equal(roster_user_groups(roster_get(&x.follower.roster, SPAN("c"))), SPAN("x\n")));

    /* Answers that nobody waits for, or of a wrong shape. */
    tell_all(&x, "load=X,9,0,q1 log=X,8+q");
    assert_null(roster_get(&x.follower.roster, SPAN("q")));
    follower_answer(&x.follower, FOLLOWER_LOAD, NULL, x.now_ms);
    teardown(&x);
    setup(&x);
    tell_all(&x, "con sub want");
    bytes_reset(&out);
    bytes_append_text(&out, "+OK\r\n");
    answer(&x, FOLLOWER_LOAD, &out);
    assert_false(x.follower.roster.loaded);
    teardown(&x);
}

static void test_groups_are_read_in_turn(void **state)
{
    struct fixture x;
    char name[8];
    int reads = 0;

    setup(&x);
    tell_all(&x, READY);
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof(name), "g%d", i);
        groups_hold(&x.follower.groups, span_of(name));
    }
    bytes_reset(&x.said);
    for (; x.now_ms < 11000; x.now_ms += 10) {
        follower_tick(&x.follower, x.now_ms);
        while (x.follower.waiting[FOLLOWER_GROUP]) {
            reads++;
            tell_all(&x, "set=a");
        }
    }
    /* Twice each in ten seconds, and no more. */
    for (int i = 0; i < 50; i++) {
        char expected[16], *at = x.said.data;
        int count = 0;
        bytes_text(&x.said);
        snprintf(expected, sizeof(expected), "set:g.g%d.u", i);
        for (; (at = strstr(at, expected)); at++)
            count++;
        assert_in_range(count, 2, 4);
    }
    assert_in_range(reads, 100, 200);
    teardown(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recovering),      cmocka_unit_test(test_a_deaf_subscription),
        cmocka_unit_test(test_the_epoch_shown), cmocka_unit_test(test_a_long_gap),
        cmocka_unit_test(test_hostile_pages),   cmocka_unit_test(test_groups_are_read_in_turn),
    };

    map_set_hash_key(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
