/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "presence-sim/view_checker.h"

/* What one dashboard is told, a step a row, and the faults found. Alice's phone is online from 1000 to 5000
 * (it leaves); bob's falls silent after 1000 and expires at 7000; carol has no phone here. */
enum told { END, ONLINE, OFFLINE, SNAPSHOT, RESUMED, SWEEP, COVER };

struct step {
    enum told told;
    const char *users; /* SNAPSHOT: words, COVER: the only user covered */
    uint64_t rev;
    int64_t at_ms;
    const char *reason;
};

struct table {
    struct bytes faults;
    const char *covered;
};

static void on_fault(void *arg, enum fault fault, struct span user, uint64_t rev, int64_t at_ms)
{
    struct table *t = arg;
    bytes_printf(&t->faults, "%s:%.*s:%llu ", view_checker_fault_name(fault), (int)user.len, user.data,
                 (unsigned long long)rev);
}

static bool covers(void *arg, struct span user)
{
    const struct table *t = arg;
    return !t->covered || span_equal(user, span_of(t->covered));
}

static void tell_snapshot(struct view_checker *w, const struct step *step)
{
    struct span rest = span_of(step->users);
    view_checker_snapshot_begin(w, step->rev, step->at_ms);
    while (rest.len)
        view_checker_snapshot_user(w, span_split(&rest, ' '), true);
    view_checker_snapshot_end(w);
}

static void tell(struct view_checker *w, struct table *t, const struct step *step)
{
    const struct change change = {.user = span_of(step->users),
                                  .online = step->told == ONLINE,
                                  .rev = step->rev,
                                  .timestamp_ms = step->at_ms,
                                  .reason = span_of(step->reason)};

    if (step->told == SNAPSHOT)
        tell_snapshot(w, step);
    else if (step->told == RESUMED)
        view_checker_resumed(w, step->rev);
    else if (step->told == SWEEP)
        view_checker_sweep(w, step->at_ms);
    else if (step->told == COVER)
        t->covered = step->users;
    else
        view_checker_change(w, &change);
}

static void make_truth(struct oracle *truth)
{
    static const struct oracle_rules rules = {.ttl_ms = 6000, .beat_min_ms = 2500, .delivery_ms = 100};
    struct oracle_session *alice, *bob;
    oracle_init(truth, &rules);
    alice = oracle_connecting(truth, SPAN("alice"), SPAN("a1"), 990);
    oracle_opened(alice, 1000);
    oracle_beat(alice, 4000);
    oracle_left(alice, 5000);
    bob = oracle_connecting(truth, SPAN("bob"), SPAN("b1"), 990);
    oracle_opened(bob, 1000);
}

static const struct {
    const char *name;
    struct step steps[8];
    const char *faults;
} cases[] = {
    {"a plain day",
     {{SNAPSHOT, "", 5, 900, NULL},
      {ONLINE, "alice", 6, 1000, NULL},
      {ONLINE, "bob", 7, 1001, NULL},
      {OFFLINE, "alice", 8, 5002, NULL},
      {OFFLINE, "bob", 9, 7003, NULL}},
     ""},
    {"online twice",
     {{SNAPSHOT, "alice", 5, 1500, NULL}, {ONLINE, "alice", 6, 1600, NULL}},
     "duplicate:alice:6 "},
    {"offline of nobody",
     {{SNAPSHOT, "", 5, 900, NULL}, {OFFLINE, "bob", 6, 7500, NULL}},
     "duplicate:bob:6 "},
    {"revision stands still",
     {{SNAPSHOT, "", 5, 900, NULL}, {ONLINE, "alice", 6, 1000, NULL}, {OFFLINE, "alice", 6, 5001, NULL}},
     "revision:alice:6 "},
    {"told behind the word that it is whole",
     {{SNAPSHOT, "", 5, 900, NULL},
      {ONLINE, "alice", 6, 1000, NULL},
      {RESUMED, "", 8, 1002, NULL},
      {RESUMED, "", 7, 1003, NULL},
      {ONLINE, "bob", 8, 1001, NULL},
      {OFFLINE, "alice", 9, 5002, NULL}},
     "revision:bob:8 "},
    {"older than the snapshot",
     {{SNAPSHOT, "alice", 9, 4999, NULL}, {OFFLINE, "alice", 8, 5001, NULL}},
     "revision:alice:8 "},
    {"before any snapshot", {{ONLINE, "alice", 6, 1000, NULL}}, "no-snapshot:alice:6 "},
    {"false offline",
     {{SNAPSHOT, "alice bob", 5, 1500, NULL}, {OFFLINE, "bob", 6, 6900, NULL}},
     "false-offline:bob:6 "},
    {"at the deadline it is none", {{SNAPSHOT, "bob", 5, 1500, NULL}, {OFFLINE, "bob", 6, 7000, NULL}}, ""},
    {"ghost", {{SNAPSHOT, "", 5, 900, NULL}, {ONLINE, "alice", 6, 5500, NULL}}, "ghost:alice:6 "},
    {"online too long, once",
     {{SNAPSHOT, "alice", 5, 2000, NULL},
      {SWEEP, "", 0, 5900, NULL},
      {SWEEP, "", 0, 6001, NULL},
      {OFFLINE, "alice", 6, 6500, NULL}},
     "late:alice:5 "},
    {"offline too late", {{SNAPSHOT, "bob", 5, 2000, NULL}, {OFFLINE, "bob", 6, 8200, NULL}}, "late:bob:5 "},
    {"ghost in a snapshot", {{SNAPSHOT, "alice", 5, 6500, NULL}}, "late:alice:5 "},
    {"missing in a snapshot",
     {{SNAPSHOT, "bob", 5, 2000, NULL}, {SNAPSHOT, "", 6, 3000, NULL}},
     "false-offline:bob:6 "},
    {"not yet in an older snapshot",
     {{SNAPSHOT, "", 5, 900, NULL},
      {ONLINE, "bob", 8, 1000, NULL},
      {SNAPSHOT, "", 7, 1200, NULL},
      {ONLINE, "bob", 9, 1300, NULL}},
     ""},
    {"not covered by the interest any more",
     {{SNAPSHOT, "bob", 5, 2000, NULL}, {COVER, "alice", 0, 0, NULL}, {SNAPSHOT, "", 6, 3000, NULL}},
     ""},
    {"expired in between", {{SNAPSHOT, "bob", 5, 2000, NULL}, {SNAPSHOT, "", 6, 7500, NULL}}, ""},
    {"by hand changes no order",
     {{SNAPSHOT, "", 5, 900, NULL},
      {ONLINE, "carol", 0, 1000, NULL},
      {ONLINE, "carol", 0, 1001, NULL},
      {OFFLINE, "carol", 0, 1002, NULL},
      {OFFLINE, "carol", 6, 1003, NULL}},
     ""},
    {"strangers alternate too",
     {{SNAPSHOT, "carol", 5, 900, NULL},
      {OFFLINE, "carol", 6, 1000, NULL},
      {OFFLINE, "carol", 7, 1001, NULL}},
     "duplicate:carol:7 "},
    {"forced offline, and the beat after it is missing",
     {{SNAPSHOT, "bob", 5, 2000, NULL}, {OFFLINE, "bob", 6, 2500, "forced"}, {SNAPSHOT, "", 7, 3000, NULL}},
     ""},
    {"forced online is no ghost",
     {{SNAPSHOT, "", 5, 900, NULL}, {ONLINE, "alice", 6, 9000, "forced"}, {SWEEP, "", 0, 9900, NULL}},
     ""},
};

static const struct view_checker_hooks hooks = {.fault = on_fault, .covers = covers};

static void test_faults(void **state)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct table table = {0};
        struct oracle truth;
        struct view_checker w;
        print_message("%s\n", cases[i].name);
        make_truth(&truth);
        view_checker_init(&w, &truth, &hooks, &table, 1000);
        for (const struct step *step = cases[i].steps; step->told != END; step++)
            tell(&w, &table, step);
        assert_string_equal(bytes_text(&table.faults), cases[i].faults);
        view_checker_finish(&w);
        oracle_finish(&truth);
        bytes_finish(&table.faults);
    }
}

static void test_disagreements(void **state)
{
    struct table table = {0};
    struct oracle truth;
    struct view_checker w;
    struct span user;
    make_truth(&truth);
    view_checker_init(&w, &truth, &hooks, &table, 1000);
    tell_snapshot(&w, &(struct step){SNAPSHOT, "alice", 5, 1500, NULL});
    assert_int_equal(view_checker_disagreements(&w, 2000, &user), 1);
    assert_true(span_equal(user, SPAN("bob")));
    tell_snapshot(&w, &(struct step){SNAPSHOT, "alice bob", 6, 2000, NULL});
    assert_int_equal(view_checker_disagreements(&w, 2000, &user), 0);
    assert_int_equal(w.online, 2);
    assert_int_equal(view_checker_disagreements(&w, 7050, &user), 2); /* bob is undecided there */
    tell_snapshot(&w, &(struct step){SNAPSHOT, "", 7, 7600, NULL});
    assert_int_equal(view_checker_disagreements(&w, 7600, &user), 0);
    assert_int_equal(w.online, 0);
    view_checker_finish(&w);
    oracle_finish(&truth);
    bytes_finish(&table.faults);
}

static void test_names(void **state)
{
    for (int i = 0; i < FAULTS; i++) {
        enum fault fault = FAULTS;
        assert_int_equal(view_checker_fault_parse(span_of(view_checker_fault_name((enum fault)i)), &fault),
                         0);
        assert_int_equal(fault, i);
    }
    assert_int_equal(view_checker_fault_parse(SPAN("none"), &(enum fault){0}), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_disagreements),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
