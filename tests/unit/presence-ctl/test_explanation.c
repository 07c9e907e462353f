/* SPDX-License-Identifier: MIT */
#include "presence-ctl/explanation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* Times are shown as "@61.5" (seconds), nodes as "<a>". */
static void show_time(void *arg, int64_t ms, struct bytes *out)
{
    bytes_printf(out, "@%g", (double)ms / 1000);
}

static void show_node(void *arg, struct span name, struct bytes *out)
{
    bytes_append_char(out, '<');
    bytes_append_span(out, name);
    bytes_append_char(out, '>');
}

static struct explanation story(bool online, const struct explanation_transition *transitions, size_t count)
{
    return (struct explanation){
        .user = SPAN("user123"),
        .now_ms = 200000,
        .ttl_ms = 60000,
        .online = online,
        .transitions = transitions,
        .count = count,
        .swept = true,
        .time = show_time,
        .node = show_node,
    };
}

static void assert_told(void (*tell)(const struct explanation *s, struct bytes *out),
                        const struct explanation *s, const char *expected)
{
    bytes_auto out = BYTES_INIT;
    tell(s, &out);
    assert_string_equal(bytes_text(&out), expected);
}

static void test_headline(void **state)
{
    struct explanation_transition up = {.online = true, .at_ms = 75000}, down = {.at_ms = 75000};
    struct explanation never = story(false, NULL, 0), unexplained = story(true, NULL, 0),
                       here = story(true, &up, 1), gone = story(false, &down, 1),
                       stale = story(false, &up, 1), hostile = here;

    hostile.user = SPAN("\x1b[31m");
    assert_told(explanation_headline, &never, "user123 was never seen.");
    assert_told(explanation_headline, &unexplained, "user123 is online; since when is not known.");
    assert_told(explanation_headline, &here, "user123 is online since @75 (2 min 5 s).");
    assert_told(explanation_headline, &gone, "user123 is offline since @75 (2 min 5 s).");
    assert_told(explanation_headline, &stale,
                "user123 is offline, though the last transition known says otherwise.");
    assert_told(explanation_headline, &hostile, "\\x1b[31m is online since @75 (2 min 5 s).");
}

static void test_cause(void **state)
{
    static const struct {
        struct explanation_transition t;
        const char *expected;
    } rows[] = {
        {{.at_ms = 60035, .last_seen_ms = 1, .reason = {"expired", 7}, .device = {"abc", 3}},
         "Silent since @0.001 (abc); the TTL of 1 min passed at @60.001, noticed 34 ms later."},
        {{.at_ms = 20000, .last_seen_ms = 10000, .reason = {"expired", 7}},
         "Silent since @10; the session's deadline passed 10 s later."},
        {{.at_ms = 20000, .reason = {"expired", 7}}, "Its deadline passed, and no sign of life is known."},
        {{.online = true, .reason = {"expired", 7}}, "The recorded reason is \"expired\"."},
        {{.online = true, .reason = {"connected", 9}, .device = {"a\nb", 3}}, "a\\x0ab connected."},
        {{.online = true, .reason = {"connected", 9}}, "a phone without a device id connected."},
        {{.reason = {"disconnected", 12}, .device = {"abc", 3}},
         "abc closed its connection, and no other session lived."},
        {{.online = true, .reason = {"forced", 6}}, "Somebody forced it (presence-ctl online)."},
        {{.online = true, .reason = {"recovered", 9}, .device = {"abc", 3}},
         "abc's session was asserted again after Redis had lost it."},
        {{.reason = {"recovered", 9}, .device = {"abc", 3}},
         "abc's session had ended already, but Redis listed it again after a loss of its memory; its server "
         "ended it."},
        {{.reason = {"forced", 6}}, "Somebody forced it (presence-ctl offline)."},
        {{.reason = {"moon\x1b", 5}}, "The recorded reason is \"moon\\x1b\"."},
        {{.reason = {NULL, 0}}, "No reason is recorded."},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct explanation s = story(rows[i].t.online, &rows[i].t, 1);
        bytes_auto out = BYTES_INIT;
        explanation_cause(&s, 0, &out);
        assert_string_equal(bytes_text(&out), rows[i].expected);
        explanation_cause(&s, 1, &out);
        assert_int_equal(out.len, strlen(rows[i].expected));
    }
}

static void test_refusals(void **state)
{
    static const struct {
        struct explanation_refusal r;
        const char *expected;
    } rows[] = {
        {{12, 197000, SPAN("from"), SPAN("n1/7"), SPAN("USER\x1b")},
         "12 heartbeats refused: fromId is not the token's user (token \"user123\", heartbeat "
         "\"USER\\x1b\"); "
         "the last came 3 s ago, to <n1>."},
        {{1, 200000, SPAN("late"), SPAN("n1/7"), SPAN("")},
         "1 heartbeat refused: they reached Redis later than a TTL after they were sent; the last came 0 ms "
         "ago, to <n1>."},
        {{2, 0, SPAN("type"), SPAN("n2"), SPAN("")},
         "2 heartbeats refused: presence's keys of this user hold other types; the last came 3 min 20 s ago, "
         "to <n2>."},
        {{2, 0, SPAN("mo\non"), SPAN("n2"), SPAN("")},
         "2 heartbeats refused: the recorded reason is \"mo\\x0aon\"; the last came 3 min 20 s ago, to "
         "<n2>."},
    };
    struct explanation none = story(true, NULL, 0);

    assert_told(explanation_refused, &none, "");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct explanation s = story(false, NULL, 0);
        s.refusal = &rows[i].r;
        assert_told(explanation_refused, &s, rows[i].expected);
    }
}

static void test_refused_meanwhile(void **state)
{
    static const struct {
        int64_t refused_ms;
        bool told;
    } rows[] = {{9000, false}, {10000, false}, {10001, true}, {70001, true}};
    const struct explanation_transition t = {
        .at_ms = 70000, .last_seen_ms = 10000, .reason = SPAN("expired")};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct explanation_refusal r = {
            .count = 1, .at_ms = rows[i].refused_ms, .reason = SPAN("from")};
        struct explanation s = story(false, &t, 1);
        bytes_auto out = BYTES_INIT;
        s.refusal = &r;
        explanation_cause(&s, 0, &out);
        assert_int_equal(strstr(bytes_text(&out), "Heartbeats came all the same") != NULL, rows[i].told);
    }
}

static void test_which_refusals_matter(void **state)
{
    const int64_t now_ms = 100 * INT64_C(3600000);
    const struct explanation_refusal fresh = {.at_ms = now_ms - EXPLANATION_REFUSAL_MS},
                                     old = {.at_ms = now_ms - EXPLANATION_REFUSAL_MS - 1};

    assert_true(explanation_refusal_matters(&fresh, now_ms, now_ms));
    assert_false(explanation_refusal_matters(&old, now_ms, now_ms));
    assert_true(explanation_refusal_matters(&old, old.at_ms, now_ms));
}

static void test_before(void **state)
{
    struct explanation_transition list[] = {
        {.at_ms = 100000}, {.online = true, .at_ms = 40000}, {.online = true}};
    struct explanation s = story(false, list, 3);
    bytes_auto out = BYTES_INIT;

    explanation_before(&s, 0, &out);
    assert_string_equal(bytes_text(&out), "It had been online for 1 min, since @40.");
    bytes_reset(&out);
    explanation_before(&s, 1, &out);
    explanation_before(&s, 2, &out);
    assert_int_equal(out.len, 0);
}

static void test_session(void **state)
{
    static const struct {
        struct explanation_session session;
        const char *expected;
    } rows[] = {
        {{.name = {"n1/7", 4},
          .device = {"abc", 3},
          .opened_ms = 1000,
          .beat_ms = 197000,
          .deadline_ms = 257000},
         "abc, <n1>: opened @1, last sign of life 3 s ago, lives 57 s more without another."},
        {{.name = {"ctl/ab", 6},
          .device = {"abc", 3},
          .opened_ms = 1000,
          .beat_ms = 130000,
          .deadline_ms = 190000},
         "abc, made by presence-ctl: opened @1, last sign of life 1 min 10 s ago, its deadline passed 10 s "
         "ago."},
        {{.name = {"external/0", 10},
          .beat_ms = 200000,
          .deadline_ms = 202000,
          .reason = {"disconnected", 12}},
         "a phone without a device id, adopted from another writer: opened @0, last sign of life 0 ms ago, "
         "ends "
         "in 2 s unless it beats again."},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct explanation s = story(true, NULL, 0);
        bytes_auto out = BYTES_INIT;
        explanation_of_session(&s, &rows[i].session, &out);
        assert_string_equal(bytes_text(&out), rows[i].expected);
    }
}

static void test_doubt(void **state)
{
    static const struct {
        const char *name;
        bool online, has_session, swept;
        int64_t deadline_ms, held_ms;
        const char *expected; /* a part; NULL: no doubt */
    } rows[] = {
        {"alive", true, true, true, 230000, 0, NULL},
        {"just passed", true, true, true, 199500, 0, NULL},
        {"gone", false, false, true, 0, 0, NULL},
        {"no session", true, false, true, 0, 0, "No session explains it"},
        {"no sweeper", true, true, false, 190000, 0,
         "passed 10 s ago, and nobody has noticed: no presence-expiryd"},
        {"held back", true, true, true, 190000, 1500, "expiries wait 1 s more"},
        {"behind", true, true, true, 190000, 0, "presence-expiryd is behind"},
        {"not listed", false, true, true, 230000, 0, "though the user counts as offline"},
        {"over", false, true, true, 190000, 0, NULL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct explanation_session session = {.deadline_ms = rows[i].deadline_ms};
        struct explanation s = story(rows[i].online, NULL, 0);
        bytes_auto out = BYTES_INIT;
        s.sessions = &session;
        s.session_count = rows[i].has_session;
        s.swept = rows[i].swept;
        s.held_ms = rows[i].held_ms;
        explanation_doubt(&s, &out);
        if (rows[i].expected ? !strstr(bytes_text(&out), rows[i].expected) : out.len > 0)
            fail_msg("%s: \"%s\"", rows[i].name, bytes_text(&out));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headline),
        cmocka_unit_test(test_cause),
        cmocka_unit_test(test_before),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_refused_meanwhile),
        cmocka_unit_test(test_which_refusals_matter),
        cmocka_unit_test(test_session),
        cmocka_unit_test(test_doubt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
