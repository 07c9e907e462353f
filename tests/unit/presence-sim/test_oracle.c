/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "presence-sim/oracle.h"
#include "support/story.h"

#define USER SPAN("alice")

/* Verbs are a letter and a time. Of the first session: c connecting (n: on another device), o opened, b beat,
 * x left, l lost, d drained, e ended, r refused; the second one's letters are capitals (C takes the same device, N
 * another); f forced offline.
 * `?` asks: + certainly online, - certainly not, ~ neither. */
struct player {
    struct oracle truth;
    struct oracle_session *sessions[2];
    struct story story;
};

static void ask(void *machine, struct span word, struct span time)
{
    struct player *p = machine;
    int64_t at = (int64_t)story_number(time);
    bool certain = oracle_certain(&p->truth, USER, at), possible = oracle_possible(&p->truth, USER, at, 0);
    story_say(&p->story, "%c", certain ? '+' : possible ? '~' : '-');
    assert_true(possible || !certain);
}

static void tell_forced(void *machine, struct span word, struct span time)
{
    oracle_forced(&((struct player *)machine)->truth, USER, (int64_t)story_number(time));
}

static void tell_session(struct player *p, size_t which, char what, int64_t at)
{
    struct oracle_session *s = p->sessions[which];
    switch (what) {
    case 'c': p->sessions[which] = oracle_connecting(&p->truth, USER, SPAN("d1"), at); break;
    case 'n': p->sessions[which] = oracle_connecting(&p->truth, USER, SPAN("d2"), at); break;
    case 'o': oracle_opened(s, at); break;
    case 'b': oracle_beat(s, at); break;
    case 'x': oracle_left(s, at); break;
    case 'l': oracle_lost(s, at); break;
    case 'd': oracle_drained(s, at); break;
    case 'e': oracle_ended(s, at); break;
    default: oracle_refused(s);
    }
}

static void tell_first(void *machine, struct span word, struct span time)
{
    tell_session(machine, 0, word.data[0], time.len ? (int64_t)story_number(time) : 0);
}

static void tell_second(void *machine, struct span word, struct span time)
{
    tell_session(machine, 1, (char)(word.data[0] | 0x20), time.len ? (int64_t)story_number(time) : 0);
}

static const struct story_verb verbs[] = {
    {"[?]", ask}, {"[f]", tell_forced}, {"[cnobxlder]", tell_first}, {"[CNOBXLDER]", tell_second}};
static const struct story_table table = {STORY_VERBS(verbs)};

static void test_stories(void **state)
{
    static const struct {
        const char *name, *story, *expected;
    } cases[] = {
        {"connects", "c1000 ?800 ?950 ?1000 o1010 ?1050 ?1110 ?1500", "-~~~++"},
        {"the server's clock starts before its answer arrives", "c1000 o1500 ?1590 ?1600 ?6999 ?7000 ?7600",
         "~++~~"},
        {"silence ends at the deadline", "c1000 o1010 ?6999 ?7000 ?7110 ?7111", "+~~-"},
        {"a beat carries on", "c1000 o1010 b4000 ?4050 ?6999 ?7000 ?9999 ?10000 ?10101", "++++~-"},
        {"a beat at the deadline may come late", "c1000 o1010 b6990 ?6999 ?7000 ?7089 ?7090", "+~~+"},
        {"an earlier moment is judged by its own signs", "c1000 o1010 b9000 ?5000 ?7500 ?9100", "+~+"},
        {"leaves", "c1000 o1010 x3000 ?2999 ?3000 ?3001", "+~-"},
        {"refused", "c1000 r ?1000 ?1100", "--"},
        {"crash: what was written holds", "c1000 o1010 b4000 l5000 ?4999 ?5000 ?7499 ?7500 ?10100 ?10101",
         "+++~~-"},
        {"crash: a beat under way may not count", "c1000 o1010 b4000 l4050 ?4500 ?4499 ?10100", "~+~"},
        {"drain keeps the deadline at least", "c1000 o1010 d3000 ?3000 ?6999 ?7000 ?18100 ?18101", "++~~-"},
        {"ended by a rule", "c1000 o1010 e3000 ?2000 ?3000 ?3001", "~~-"},
        {"forced offline until the next beat", "c1000 o1010 f2000 ?2500 b3000 ?3050 ?3100", "~~+"},
        {"forced counts for the past only", "c1000 o1010 b3000 f2000 ?3100", "+"},
        {"two devices: one leaves", "c1000 o1010 N2000 O2010 x3000 ?3500 ?7999 ?8111", "++-"},
        {"two devices: both leave", "c1000 o1010 N2000 O2010 x3000 X4000 ?3999 ?4001", "+-"},
        {"roams: the new connection carries on", "c1000 o1010 C5000 O5010 ?5000 ?5110 ?10999 ?11111", "~++-"},
        {"taken over: the old one counts no more", "c1000 o1010 C2000 O2010 X3000 ?2500 ?3500 ?7111", "+~-"},
        {"taken over: its next beat opens it again", "c1000 o1010 C2000 O2010 X3000 b3500 ?3550 ?3600 ?9499",
         "~++"},
    };
    const struct oracle_rules rules = {
        .ttl_ms = 6000, .beat_min_ms = 2500, .drain_grace_ms = 15000, .delivery_ms = 100};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct player p = {0};
        print_message("%s\n", cases[i].name);
        oracle_init(&p.truth, &rules);
        story_init(&p.story, cases[i].name, &table, &p);
        story_tell(&p.story, cases[i].story);
        story_expect(&p.story, cases[i].expected);
        story_finish(&p.story);
        oracle_finish(&p.truth);
    }
}

static void test_skew(void **state)
{
    const struct oracle_rules rules = {.ttl_ms = 6000, .skew_ms = 50};
    struct oracle t;
    oracle_init(&t, &rules);
    oracle_opened(oracle_connecting(&t, USER, SPAN("d"), 1000), 1010);
    assert_true(oracle_certain(&t, USER, 6949));
    assert_false(oracle_certain(&t, USER, 6950));
    oracle_finish(&t);
}

static void test_unknown_user(void **state)
{
    const struct oracle_rules rules = {.ttl_ms = 6000};
    struct oracle t;
    oracle_init(&t, &rules);
    assert_false(oracle_knows(&t, USER));
    assert_false(oracle_certain(&t, USER, 0));
    assert_true(oracle_possible(&t, USER, 0, 0));
    assert_int_equal(oracle_state(&t, USER, 0), ORACLE_UNDECIDED);
    oracle_confirm(&t, USER, 3);
    assert_int_equal(oracle_confirmed_rev(&t, USER), 0);
    oracle_finish(&t);
}

static void test_old_sessions_are_forgotten(void **state)
{
    const struct oracle_rules rules = {.ttl_ms = 6000, .delivery_ms = 100};
    struct oracle t;
    struct oracle_session *s;
    oracle_init(&t, &rules);
    for (int64_t at = 0; at < 1000000; at += 1000) {
        s = oracle_connecting(&t, USER, SPAN("d"), at);
        oracle_opened(s, at + 10);
        oracle_left(s, at + 500);
    }
    /* The end of the newest is remembered, that of the first no more. */
    assert_true(oracle_possible(&t, USER, 999400, 0));
    assert_false(oracle_possible(&t, USER, 400, 0));
    oracle_finish(&t);
}

static void test_beat_min(void **state)
{
    assert_int_equal(oracle_beat_min_ms(60000), 25000);
    assert_int_equal(oracle_beat_min_ms(600000), 25000);
    assert_int_equal(oracle_beat_min_ms(6000), 2500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stories),      cmocka_unit_test(test_skew),
        cmocka_unit_test(test_unknown_user), cmocka_unit_test(test_old_sessions_are_forgotten),
        cmocka_unit_test(test_beat_min),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
