/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/map.h"
#include "support/sessions_counted.h"
#include "support/story.h"

#define TTL_MS 60000
#define MIN_MS 25000
#define START  1000

static void append_op(struct bytes *out, const struct session_op *op)
{
    bytes_append_char(out, (char)op->kind);
    if (op->grace_ms)
        bytes_printf(out, "%lld:", (long long)op->grace_ms);
    bytes_printf(out, "%.*s/%.*s", (int)op->user.len, op->user.data, (int)op->session.len - 2,
                 op->session.data + 2);
    if (op->extra.len)
        bytes_printf(out, "(%.*s)", (int)op->extra.len, op->extra.data);
    if (op->metadata.len)
        bytes_printf(out, "(%.*s)", (int)op->metadata.len, op->metadata.data);
    bytes_append_char(out, ' ');
}

/* Verbs. Sessions are told apart by a digit, users by a letter, and the session table numbers from 1.
 *     +a1 a phone of user a connects   b1 beats (b1{x}: with metadata)   r1 its window opens
 *     n1 a heartbeat of it is refused (fromId "Z")
 *     e1 its peer closes   c1 it is cut   k1 it is kicked   x1 it is given up   d1 the server drains
 *     t a batch is taken   y it arrives (y:l.m with these outcomes)   ! it is lost
 *     hold, free: ends wait, or do not   up, down: Redis hears, or does not   @2000 the time
 *     A all is asserted, Ua what user a has   Da7 session 7 of the store is none of ours
 * Said: the batches, | behind each. */
struct explanation {
    struct sessions sessions;
    struct session *slots[10];
    struct story story;
    size_t taken;
    int64_t now_ms;
    bool arriving; /* whoever connects from now on */
};

static void tell_take(void *machine, struct span word, struct span rest)
{
    struct explanation *t = machine;
    struct session_op ops[SESSIONS_BATCH_MAX];
    bool urgent = sessions_urgent(&t->sessions), beyond_beats = false;
    t->taken = sessions_dequeue(&t->sessions, 0, SPAN("15000"), ops);
    for (size_t i = 0; i < t->taken; i++) {
        append_op(&t->story.said, &ops[i]);
        beyond_beats |= ops[i].kind != OP_BEAT && ops[i].kind != OP_REFUSED;
    }
    story_say(&t->story, "| ");
    /* Ends that are held stay urgent. */
    if (t->taken && !t->sessions.hold_ends && (urgent != beyond_beats || sessions_urgent(&t->sessions)))
        story_fail(&t->story, "urgent is miscounted");
}

static void tell_arrived(void *machine, struct span word, struct span rest)
{
    struct explanation *t = machine;
    char all_done[SESSIONS_BATCH_MAX];
    struct span outcomes = {all_done, t->taken};
    memset(all_done, OUTCOME_DONE, sizeof(all_done));
    if (rest.len)
        outcomes = (struct span){rest.data + 1, rest.len - 1};
    sessions_complete(&t->sessions, outcomes, t->now_ms);
}

static void tell_lost(void *machine, struct span word, struct span rest)
{
    sessions_requeue(&((struct explanation *)machine)->sessions);
}

static void tell_assert_all(void *machine, struct span word, struct span rest)
{
    struct explanation *t = machine;
    sessions_assert_all(&t->sessions, t->now_ms);
}

static void tell_assert_user(void *machine, struct span word, struct span user)
{
    struct explanation *t = machine;
    sessions_assert_user(&t->sessions, user, t->now_ms);
}

/* "a7" */
static void tell_orphan(void *machine, struct span word, struct span what)
{
    struct explanation *t = machine;
    sessions_end_orphan(&t->sessions, (struct span){what.data, 1}, (uint64_t)(what.data[1] - '0'),
                        "recovered");
}

static void tell_hold(void *machine, struct span word, struct span rest)
{
    ((struct explanation *)machine)->sessions.hold_ends = word.data[0] == 'h';
}

static void tell_connected(void *machine, struct span word, struct span rest)
{
    ((struct explanation *)machine)->sessions.connected = word.data[0] == 'u';
}

/* "a1" */
static void tell_connects(void *machine, struct span word, struct span what)
{
    struct explanation *t = machine;
    struct session **s = &t->slots[what.data[1] - '0'];
    *s = session_open(&t->sessions, (struct span){what.data, 1}, SPAN("d"), SPAN_NONE, t, t->now_ms);
    (*s)->arriving = t->arriving;
}

/* "1", "1{x}" */
static void tell_session(void *machine, struct span word, struct span what)
{
    struct explanation *t = machine;
    struct sessions *l = &t->sessions;
    struct session *s = t->slots[what.data[0] - '0'];
    struct span metadata = what.len > 3 ? (struct span){what.data + 1, what.len - 1} : SPAN_NONE;
    switch (word.data[0]) {
    case 'b': session_beat(l, s, metadata, t->now_ms); break;
    case 'r': session_release(l, s); break;
    case 'n': session_refuse(l, s, REFUSAL_FROM, SPAN("Z"), t->now_ms); break;
    case 'e': session_end(l, s, "gone", SESSION_CLOSED, t->now_ms); break;
    case 'c': session_end(l, s, "cut", SESSION_CUT, t->now_ms); break;
    case 'k': session_end(l, s, "kicked", SESSION_REFUSED, t->now_ms); break;
    case 'x': session_abandon(l, s); break;
    default: session_drain(l, s);
    }
}

static void pass(void *machine, int64_t until_ms)
{
    ((struct explanation *)machine)->now_ms = until_ms;
}

static void look(void *machine)
{
    struct explanation *t = machine;
    sessions_counted_check(t->story.name, &t->sessions);
}

static const struct story_verb verbs[] = {
    {"t", tell_take},          {"[y]", tell_arrived},    {"!", tell_lost},       {"A", tell_assert_all},
    {"[U]", tell_assert_user}, {"[D]", tell_orphan},     {"hold", tell_hold},    {"free", tell_hold},
    {"up", tell_connected},    {"down", tell_connected}, {"[+]", tell_connects}, {"[brneckxd]", tell_session},
};
static const struct story_table table = {STORY_VERBS(verbs), .pass = pass, .look = look};

static void setup(struct explanation *t, const char *name, int64_t grace_ms, int64_t abort_grace_ms)
{
    memset(t, 0, sizeof(*t));
    t->now_ms = START;
    sessions_init(&t->sessions, "n", TTL_MS, MIN_MS, grace_ms, abort_grace_ms);
    t->sessions.connected = true;
    story_init(&t->story, name, &table, t);
}

static void teardown(struct explanation *t)
{
    story_finish(&t->story);
    sessions_finish(&t->sessions);
}

static void run(const char *name, const char *words, int64_t grace_ms, int64_t abort_grace_ms,
                const char *expected, size_t left)
{
    struct explanation t;
    setup(&t, name, grace_ms, abort_grace_ms);
    story_tell(&t.story, words);
    story_expect(&t.story, expected);
    if (t.sessions.count != left)
        story_fail(&t.story, "%zu sessions are left, not %zu", t.sessions.count, left);
    teardown(&t);
}

static void test_stories(void **state)
{
    static const struct {
        const char *name, *words, *said;
        size_t left;
    } cases[] = {
        {"nothing to say", "t", "| ", 0},
        {"a life", "+a1 t y @27000 b1 t y e1 t y t", "oa/1 | ba/1 | ea/1(gone) | | ", 0},
        {"only one batch is under way", "+a1 t +b2 t y t", "oa/1 | | ob/2 | ", 2},
        {"a beat too soon is kept, and goes when the window opens", "+a1 t y @2000 b1 t @26000 r1 t y r1 t",
         "oa/1 | | ba/1 | | ", 1},
        {"a window that opens on nothing kept", "+a1 t y @26000 b1 t y r1 t", "oa/1 | ba/1 | | ", 1},
        {"the newest metadata goes", "+a1 t y b1{x} b1{y} @26000 r1 t y t", "oa/1 | ba/1({y}) | | ", 1},
        {"metadata goes behind a beginning", "+a1 @26000 b1{x} t y t", "oa/1 ba/1({x}) | | ", 1},
        {"metadata goes behind an assertion", "+a1 t y @26000 b1{x} A t y t", "oa/1 | ra/1 ba/1({x}) | | ",
         1},
        {"a beginning says the beat as well", "+a1 @26000 b1 t y t", "oa/1 | | ", 1},
        {"metadata that came while its elder is under way is kept",
         "+a1 t y @26000 b1{x} t b1{y} y t @52000 r1 t y", "oa/1 | ba/1({x}) | | ba/1({y}) | ", 1},
        {"metadata is said again when it was lost", "+a1 t y @26000 b1{x} t ! t y t",
         "oa/1 | ba/1({x}) | ba/1({x}) | | ", 1},
        {"metadata is said again when it was late", "+a1 t y @26000 b1{x} t y:l t y t",
         "oa/1 | ba/1({x}) | ba/1({x}) | | ", 1},
        {"newer metadata instead of what was lost", "+a1 t y @26000 b1{x} t b1{y} ! t y t",
         "oa/1 | ba/1({x}) | ba/1({y}) | | ", 1},
        {"no metadata of a lost beat comes back with a later one",
         "+a1 t y @26000 b1{x} t y @52000 b1 t ! t y", "oa/1 | ba/1({x}) | ba/1 | ba/1 | ", 1},
        {"kept metadata goes along with the end", "+a1 t y @2000 b1{x} e1 t y t",
         "oa/1 | ea/1(gone)({x}) | | ", 0},
        {"so does that of a beat to be written", "+a1 t y @26000 b1{x} k1 t ! t y t",
         "oa/1 | ea/1(kicked)({x}) | ea/1(kicked)({x}) | | ", 0},
        {"metadata goes along with the end of a short life", "+a1 b1{x} e1 t y t",
         "oa/1 ea/1(gone)({x}) | | ", 0},
        {"a short life says both", "+a1 e1 t y t", "oa/1 ea/1(gone) | | ", 0},
        {"an end while the beginning is under way", "+a1 t e1 t y t y", "oa/1 | | ea/1(gone) | ", 0},
        {"an end takes the place of a beat", "+a1 t y @26000 b1 e1 t y t", "oa/1 | ea/1(gone) | | ", 0},
        {"back at once: the beginning is said before the end", "+a1 t y e1 +a2 t y",
         "oa/1 | oa/2 ea/1(gone) | ", 1},
        {"back at once, and gone again", "+a1 t y e1 +a2 e2 t y", "oa/1 | ea/1(gone) oa/2 ea/2(gone) | ", 0},
        {"back at once, twice", "+a1 t y e1 +a2 e2 +a3 t y", "oa/1 | oa/3 ea/1(gone) oa/2 ea/2(gone) | ", 1},
        {"back on another device: likewise", "+a1 t y e1 +b2 t y", "oa/1 | ea/1(gone) ob/2 | ", 1},
        {"no end overtakes a later beginning", "+a1 t y @26000 b1 +a2 e1 t y", "oa/1 | oa/2 ea/1(gone) | ",
         1},
        {"given up: nothing is said", "+a1 t y x1 t", "oa/1 | | ", 0},
        {"given up: a kept beat goes", "+a1 t y @2000 b1 x1 t y t", "oa/1 | ba/1 | | ", 0},
        {"given up with a beginning to say", "+a1 x1 t y t", "oa/1 | | ", 0},
        {"given up while it is said", "+a1 t x1 y t", "oa/1 | | ", 0},
        {"a drain", "+a1 t y @2000 b1 d1 x1 t y t", "oa/1 | ba/1 da/1(15000) | | ", 0},
        {"a drain at the beginning", "+a1 d1 x1 t y t", "oa/1 da/1(15000) | | ", 0},
        {"a drain is said again when it was lost", "+a1 t y d1 x1 t ! t y t",
         "oa/1 | da/1(15000) | da/1(15000) | | ", 0},
        {"late: said again", "+a1 t y:l t y t", "oa/1 | oa/1 | | ", 1},
        {"late, and the deadline has passed", "+a1 t @61000 y:l t", "oa/1 | | ", 1},
        {"late, and it has ended", "+a1 t e1 y:l t y t", "oa/1 | ea/1(gone) | | ", 0},
        {"late: its beginning comes before an end that waits", "+a1 t y +a2 t e1 y:l t y",
         "oa/1 | oa/2 | oa/2 ea/1(gone) | ", 1},
        {"each outcome belongs to its session", "+a1 e1 +b2 d2 +c3 t y:l..mlx t y t",
         "oa/1 ea/1(gone) ob/2 db/2(15000) oc/3 | oc/3 | | ", 2},
        {"outcomes that are missing", "+a1 +b2 t y:. t", "oa/1 ob/2 | | ", 2},
        {"an end of a session that was missing", "+a1 t y e1 t y:m t", "oa/1 | ea/1(gone) | | ", 0},
        {"a refusal is told", "+a1 t y n1 t y t", "oa/1 | ua/1(1\tfrom)(Z) | | ", 1},
        {"refusals of one batch are told once", "+a1 n1 n1 n1 t y t e1 t y",
         "oa/1 ua/1(3\tfrom)(Z) | | ea/1(gone) | ", 0},
        {"later refusals wait for the window",
         "+a1 t y n1 t y @2000 n1 t @25999 n1 t @26000 n1 t y @26001 n1 t",
         "oa/1 | ua/1(1\tfrom)(Z) | | | ua/1(4\tfrom)(Z) | | ", 1},
        {"what waits is told with the end", "+a1 t y n1 t y @2000 n1 n1 e1 t y t",
         "oa/1 | ua/1(1\tfrom)(Z) | ea/1(gone) ua/1(3\tfrom)(Z) | | ", 0},
        {"and with a connection that is given up", "+a1 t y n1 t y @2000 n1 x1 t y t",
         "oa/1 | ua/1(1\tfrom)(Z) | ua/1(2\tfrom)(Z) | | ", 0},
        {"and with the end of one that was never heard of", "down +a1 n1 e1 up t", "| ", 0},
        {"a refusal in an outage is told after it, with the end", "+a1 t y down n1 e1 up t y t",
         "oa/1 | ea/1(gone) ua/1(1\tfrom)(Z) | | ", 0},
        {"a refusal is told again when it was lost", "+a1 t y n1 t ! t y t",
         "oa/1 | ua/1(1\tfrom)(Z) | ua/1(1\tfrom)(Z) | | ", 1},
        {"also with an end that was lost", "+a1 t y n1 e1 t ! t y t",
         "oa/1 | ea/1(gone) ua/1(1\tfrom)(Z) | ea/1(gone) ua/1(1\tfrom)(Z) | | ", 0},
        {"a refusal while a batch is under way", "+a1 t n1 y t y t", "oa/1 | ua/1(1\tfrom)(Z) | | ", 1},
        {"beside a beat and a drain", "+a1 t y @26000 b1 n1 d1 t y t",
         "oa/1 | ba/1 da/1(15000) ua/1(1\tfrom)(Z) | | ", 1},
        {"a refusal that finds foreign keys is not told for ever", "+a1 t y n1 t y:x t",
         "oa/1 | ua/1(1\tfrom)(Z) | | ", 1},
        {"a beat on foreign keys did not count", "+a1 t y @26000 b1 t y:x t y t",
         "oa/1 | ba/1 | ua/1(1\ttype) | | ", 1},
        {"of several beats on foreign keys", "+a1 t y @26000 b1 t y:x t y @51000 b1 t y:x t y t",
         "oa/1 | ba/1 | ua/1(1\ttype) | ba/1 | ua/1(2\ttype) | | ", 1},
        {"a beat that is late again and again did not count in the end",
         "+a1 t y @26000 b1 t y:l t @86000 y:l t y t", "oa/1 | ba/1 | ba/1 | ua/1(1\tlate) | | ", 1},
        {"foreign keys: the next beat tries again", "+a1 t y:x t @26000 b1 t y", "oa/1 | | ba/1 | ", 1},
        {"lost: said again, in its order, before what came later", "+a1 +b2 t +c3 ! t y t",
         "oa/1 ob/2 | oa/1 ob/2 oc/3 | | ", 3},
        {"lost: the end comes behind the later beginning", "+a1 t y e1 t +a2 ! t y t",
         "oa/1 | ea/1(gone) | oa/2 ea/1(gone) | | ", 1},
        {"lost: a beginning stays before an end that waits", "+a1 t y +a2 t e1 ! t y",
         "oa/1 | oa/2 | oa/2 ea/1(gone) | ", 1},
        {"lost: of a short life only the end is said", "+a1 e1 t ! t y t",
         "oa/1 ea/1(gone) | ea/1(gone) | | ", 0},
        {"lost: an end in place of a beat", "+a1 t y @26000 b1 t e1 ! t y t", "oa/1 | ba/1 | ea/1(gone) | | ",
         0},
        {"a life in the dark is no event", "down +a1 e1 up t", "| ", 0},
        {"given up in the dark is no event", "down +a1 x1 up t", "| ", 0},
        {"a life that began in the dark goes on", "down +a1 up t y", "oa/1 | ", 1},
        {"ended in the dark, heard of before: only the end", "+a1 t y down e1 up t y t",
         "oa/1 | ea/1(gone) | | ", 0},
        {"ended in the dark, perhaps heard of: only the end", "+a1 t down ! e1 up t y t",
         "oa/1 | ea/1(gone) | | ", 0},
        {"back in the dark: never offline", "+a1 t y down e1 +a2 up t y t", "oa/1 | oa/2 ea/1(gone) | | ", 1},
        {"back twice in the dark", "+a1 t y down e1 +a2 e2 +a3 up t y t", "oa/1 | oa/3 ea/1(gone) | | ", 1},
        {"lost in the dark, given up, asserted", "+a1 t y A t down x1 ! up t y t", "oa/1 | ra/1 | ra/1 | | ",
         0},
        {"all is asserted, but for ends and the silent", "+a1 +b2 +c3 t y e3 @30000 b2 @61000 A t y t",
         "oa/1 ob/2 oc/3 | ec/3(gone) rb/2 | | ", 2},
        {"asserting twice is asserting once", "+a1 t y A A t y t", "oa/1 | ra/1 | | ", 1},
        {"asserted while a batch is under way", "+a1 t A y t y", "oa/1 | ra/1 | ", 1},
        {"asserted, late, said again", "+a1 t y A t y:l t y t", "oa/1 | ra/1 | ra/1 | | ", 1},
        {"asserted, and ends", "+a1 t y A e1 t y t", "oa/1 | ea/1(gone) | | ", 0},
        {"asserted, given up, said", "+a1 t y A x1 t y t", "oa/1 | ra/1 | | ", 0},
        {"those of a user are asserted, but for ends and the silent",
         "+a1 +a2 +a3 +b4 t y e3 t y @30000 b2 @61000 Ua t y t",
         "oa/1 oa/2 oa/3 ob/4 | ea/3(gone) | ra/2 | | ", 3},
        {"orphaned", "Da7 t y t", "ea/7(recovered) | | ", 0},
        {"orphaned, lost, said again", "Da7 t ! t y t", "ea/7(recovered) | ea/7(recovered) | | ", 0},
        {"orphaned in an outage", "down Da7 up t y t", "ea/7(recovered) | | ", 0},
        {"held: lives are said, ends wait", "+a1 +b2 t y hold e1 +c3 t y t free t y t",
         "oa/1 ob/2 | oc/3 | | ea/1(gone) | | ", 2},
        {"held: an end that was to be said before", "+a1 t y e1 hold t free t y", "oa/1 | | ea/1(gone) | ",
         0},
        {"held: an end of the dark", "+a1 t y down e1 +a2 up hold t y free t y",
         "oa/1 | oa/2 | ea/1(gone) | ", 1},
        {"held: orphaned", "hold Da7 t free t y t", "| ea/7(recovered) | | ", 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        run(cases[i].name, cases[i].words, 0, 0, cases[i].said, cases[i].left);
}

static void test_grace(void **state)
{
    static const struct {
        const char *name, *words;
        int64_t grace_ms, abort_grace_ms;
        const char *said;
        size_t left;
    } cases[] = {
        {"a peer's close waits", "+a1 t y e1 t y t", 5, 5, "oa/1 | g5:a/1(gone) | | ", 0},
        {"kept metadata goes along", "+a1 t y @2000 b1{x} e1 t y t", 5, 5, "oa/1 | g5:a/1(gone)({x}) | | ",
         0},
        {"so does a kick", "+a1 t y k1 t y t", 5, 9, "oa/1 | g5:a/1(kicked) | | ", 0},
        {"a short life", "+a1 e1 t y t", 5, 5, "oa/1 g5:a/1(gone) | | ", 0},
        {"but not one that is orphaned", "Da7 t y t", 5, 9, "ea/7(recovered) | | ", 0},
        {"a cut has its own", "+a1 +b2 t y e1 c2 t y t", 5, 9, "oa/1 ob/2 | g5:a/1(gone) g9:b/2(cut) | | ",
         0},
        {"a cut alone has one", "+a1 +b2 +c3 t y e1 c2 k3 t y t", 0, 9,
         "oa/1 ob/2 oc/3 | ea/1(gone) g9:b/2(cut) ec/3(kicked) | | ", 0},
        {"none has one", "+a1 t y c1 t y t", 0, 0, "oa/1 | ea/1(cut) | | ", 0},
        {"a cut that was lost, and a return", "+a1 t y c1 t +a2 ! t y t", 0, 9,
         "oa/1 | g9:a/1(cut) | oa/2 g9:a/1(cut) | | ", 1},
        {"kept metadata goes along with a cut", "+a1 t y @2000 b1{x} c1 t y t", 0, 9,
         "oa/1 | g9:a/1(cut)({x}) | | ", 0},
        {"a cut in the dark", "+a1 t y down c1 up t y t", 0, 9, "oa/1 | g9:a/1(cut) | | ", 0},
        {"a life in the dark that was cut is no event", "down +a1 c1 up t", 0, 9, "| ", 0},
        {"held: a cut waits as an end does", "+a1 t y hold c1 t free t y t", 0, 9,
         "oa/1 | | g9:a/1(cut) | | ", 0},
        {"who is given up has none", "+a1 t y x1 t", 5, 9, "oa/1 | | ", 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        run(cases[i].name, cases[i].words, cases[i].grace_ms, cases[i].abort_grace_ms, cases[i].said,
            cases[i].left);
}

static void test_times_and_texts(void **state)
{
    struct sessions l;
    struct session_op ops[SESSIONS_BATCH_MAX];
    struct session *s;
    sessions_init(&l, "node", TTL_MS, MIN_MS, 0, 0);
    l.connected = true;
    s = session_open(&l, SPAN("a:b"), SPAN("phone"), SPAN("[\"g\"]"), &l, 1000);
    assert_int_equal(session_beat(&l, s, SPAN_NONE, 2000), 1000 + MIN_MS);
    assert_int_equal(sessions_dequeue(&l, 500, SPAN_NONE, ops), 1);
    assert_true(span_equal(ops[0].user, SPAN("a:b")) && span_equal(ops[0].device, SPAN("phone")) &&
                span_equal(ops[0].groups, SPAN("[\"g\"]")) && span_equal(ops[0].session, SPAN("node/1")));
    assert_int_equal(ops[0].beat_ms, 2500);
    assert_int_equal(ops[0].opened_ms, 1500);
    sessions_complete(&l, SPAN("n"), 2000);

    /* The window counts from the beat that was written. */
    assert_int_equal(session_beat(&l, s, SPAN_NONE, 26000), 0);
    assert_int_equal(session_beat(&l, s, SPAN_NONE, 27000), 26000 + MIN_MS);
    assert_int_equal(sessions_dequeue(&l, 0, SPAN_NONE, ops), 1);
    assert_int_equal(ops[0].beat_ms, 27000);
    sessions_complete(&l, SPAN("."), 27000);

    /* A close is a sign of life, a kick none; the kept beat goes along. */
    session_beat(&l, s, SPAN_NONE, 30000);
    session_end(&l, s, "kicked", SESSION_REFUSED, 40000);
    assert_null(s->owner);
    assert_int_equal(sessions_dequeue(&l, 0, SPAN_NONE, ops), 1);
    assert_int_equal(ops[0].beat_ms, 30000);
    sessions_complete(&l, SPAN("f"), 40000);
    s = session_open(&l, SPAN("a:b"), SPAN_NONE, SPAN_NONE, &l, 41000);
    session_end(&l, s, "gone", SESSION_CUT, 42000);
    assert_int_equal(sessions_dequeue(&l, 0, SPAN_NONE, ops), 2);
    assert_int_equal(ops[1].beat_ms, 42000);
    sessions_complete(&l, SPAN("nf"), 40000);

    /* Nothing is known of who is disowned. */
    sessions_end_orphan(&l, SPAN("x"), UINT64_MAX, "recovered");
    assert_int_equal(sessions_dequeue(&l, 5000, SPAN_NONE, ops), 1);
    assert_int_equal(ops[0].beat_ms, 0);
    assert_true(span_equal(ops[0].session, SPAN("node/18446744073709551615")));
    sessions_finish(&l);
}

/* Until each assertion is confirmed: others wait for it. */
static void test_assertions_are_counted(void **state)
{
    static const struct {
        const char *name, *words;
        size_t asserting;
    } cases[] = {
        {"to be said", "+a1 t y A", 1},
        {"under way", "+a1 t y A t", 1},
        {"confirmed", "+a1 t y A t y", 0},
        {"lost", "+a1 t y A t !", 1},
        {"late", "+a1 t y A t y:l", 1},
        {"too late", "+a1 t y @61000 A t y:l", 0},
        {"while the beginning is under way", "+a1 t A y", 1},
        {"while the beginning is to be said", "+a1 A", 1},
        {"the beginning is confirmed", "+a1 A t y", 0},
        {"ended", "+a1 t y A t e1", 0},
        {"given up", "+a1 t y A t x1", 1},
        {"given up and confirmed", "+a1 t y A t x1 y", 0},
        {"given up in the dark", "down +a1 A x1", 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct explanation t;
        setup(&t, cases[i].name, 0, 0);
        story_tell(&t.story, cases[i].words);
        if (t.sessions.asserting != cases[i].asserting)
            story_fail(&t.story, "%zu are asserting", t.sessions.asserting);
        teardown(&t);
    }
}

static void on_entered(void *arg, struct session *s)
{
    bytes_printf(arg, "%llu ", (unsigned long long)s->number);
}

/* Whoever arrives is let in once the store has heard of it, and once only. */
static void test_arrivals(void **state)
{
    static const struct {
        const char *name, *words, *entered;
    } cases[] = {
        {"to be said", "+a1", ""},
        {"under way", "+a1 t", ""},
        {"it stands", "+a1 t y", "1 "},
        {"once", "+a1 t y @26000 b1 t y A t y", "1 "},
        {"lost, then it stands", "+a1 t ! t y", "1 "},
        {"late, then it stands", "+a1 t y:l t y", "1 "},
        {"foreign keys: there is nothing to wait for", "+a1 t y:x", "1 "},
        {"it has ended", "+a1 t e1 y", ""},
        {"several", "+a1 +b2 t y", "1 2 "},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct explanation t;
        bytes_auto entered = BYTES_INIT;
        setup(&t, cases[i].name, 0, 0);
        t.arriving = true;
        t.sessions.entered = on_entered;
        t.sessions.arg = &entered;
        story_tell(&t.story, cases[i].words);
        if (strcmp(bytes_text(&entered), cases[i].entered) != 0)
            story_fail(&t.story, "'%s' entered", bytes_text(&entered));
        teardown(&t);
    }
}

static void test_sessions_of_a_user(void **state)
{
    struct sessions l;
    struct session *s[4];
    size_t count = 0;
    sessions_init(&l, "n", TTL_MS, MIN_MS, 0, 0);
    for (int i = 0; i < 4; i++)
        s[i] = session_open(&l, SPAN("a"), SPAN_NONE, SPAN_NONE, &l, START);
    for (int i = 0; i < 4; i++)
        assert_ptr_equal(sessions_find(&l, SPAN("a"), s[i]->number), s[i]);
    assert_null(sessions_find(&l, SPAN("a"), 5));
    assert_null(sessions_find(&l, SPAN("b"), 1));
    session_end(&l, s[1], "", SESSION_CLOSED, START);
    session_end(&l, s[3], "", SESSION_CLOSED, START);
    session_end(&l, s[0], "", SESSION_CLOSED, START);
    for (const struct session *at = sessions_user(&l, SPAN("a")); at; at = at->next)
        count++;
    assert_int_equal(count, 1);
    assert_ptr_equal(sessions_user(&l, SPAN("a")), s[2]);
    session_end(&l, s[2], "", SESSION_CLOSED, START);
    assert_null(sessions_user(&l, SPAN("a")));
    sessions_finish(&l);
}

static void on_refused(void *arg, struct session *s)
{
    *(size_t *)arg += s->refusal->count;
}

/* A fromId of any length is kept as far as it fits, whole characters only; who asks hears of what the store
 * did not take. */
static void test_refusals_are_bounded(void **state)
{
    char from[1000];
    size_t heard = 0;
    struct session_op ops[SESSIONS_BATCH_MAX];
    struct sessions l;
    sessions_init(&l, "n", TTL_MS, MIN_MS, 0, 0);
    l.connected = true;
    l.refused = on_refused;
    l.arg = &heard;
    struct session *s = session_open(&l, SPAN("a"), SPAN("d"), SPAN_NONE, &l, START);
    for (size_t i = 0; i < sizeof(from); i += 2)
        memcpy(from + i, "\xc3\xa9", 2);
    session_refuse(&l, s, REFUSAL_FROM, (struct span){from + 1, 900}, START);
    assert_int_equal(s->refusal->from_len, REFUSED_FROM_MAX - 1);
    session_refuse(&l, s, REFUSAL_FROM, (struct span){from, 900}, START);
    assert_int_equal(s->refusal->from_len, REFUSED_FROM_MAX);
    session_refuse(&l, s, REFUSAL_FROM, SPAN_NONE, START);
    assert_int_equal(s->refusal->from_len, 0);
    memset(from, 0x80, sizeof(from));
    session_refuse(&l, s, REFUSAL_FROM, (struct span){from, sizeof(from)}, START);
    assert_int_equal(s->refusal->from_len, 0);
    assert_int_equal(sessions_dequeue(&l, 0, SPAN("1"), ops), 2);
    sessions_complete(&l, SPAN(".."), START);
    assert_int_equal(heard, 0);
    session_beat(&l, s, SPAN_NONE, START + MIN_MS);
    assert_int_equal(sessions_dequeue(&l, 0, SPAN("1"), ops), 1);
    sessions_complete(&l, SPAN("x"), START + MIN_MS);
    assert_int_equal(heard, 5);
    sessions_finish(&l);
}

static void test_a_batch_is_bounded(void **state)
{
    struct sessions l;
    struct session_op ops[SESSIONS_BATCH_MAX];
    char name[32], outcomes[SESSIONS_BATCH_MAX];
    size_t said = 0, batches = 0, n;
    sessions_init(&l, "n", TTL_MS, 0, 0, 0);
    l.connected = true;
    memset(outcomes, OUTCOME_DONE, sizeof(outcomes));
    for (int i = 0; i < 1000; i++) {
        struct session *s = session_open(&l, (struct span){name, (size_t)snprintf(name, 32, "u%d", i)},
                                         SPAN_NONE, SPAN_NONE, &l, START);
        session_beat(&l, s, SPAN("{}"), START + 1);
        session_drain(&l, s);
    }
    for (; (n = sessions_dequeue(&l, 0, SPAN("1"), ops)) > 0; batches++, said += n) {
        assert_true(n <= SESSIONS_BATCH_MAX);
        sessions_complete(&l, (struct span){outcomes, n}, START);
    }
    assert_int_equal(said, 3000);
    assert_int_equal(batches, 12);
    sessions_finish(&l);
}

/* What the store had no time for comes again in smaller parts. */
static void test_overdue_batches_become_smaller(void **state)
{
    static const size_t overdue[] = {256, 128, 64, 32, 16, 8, 8}, answered[] = {8, 16, 32, 64, 128, 256, 256};
    struct sessions l;
    struct session_op ops[SESSIONS_BATCH_MAX];
    char name[32], outcomes[SESSIONS_BATCH_MAX];
    sessions_init(&l, "n", TTL_MS, 0, 0, 0);
    l.connected = true;
    memset(outcomes, OUTCOME_DONE, sizeof(outcomes));
    for (int i = 0; i < 1000; i++)
        session_open(&l, (struct span){name, (size_t)snprintf(name, 32, "u%d", i)}, SPAN_NONE, SPAN_NONE, &l,
                     START);
    for (size_t i = 0; i < sizeof(overdue) / sizeof(overdue[0]); i++) {
        size_t n = sessions_dequeue(&l, 0, SPAN("1"), ops);
        assert_in_range(n, overdue[i] - 3, overdue[i]);
        sessions_timed_out(&l);
    }
    sessions_timed_out(&l); /* none was under way */
    for (size_t i = 0; i < sizeof(answered) / sizeof(answered[0]); i++) {
        size_t n = sessions_dequeue(&l, 0, SPAN("1"), ops);
        assert_in_range(n, answered[i] - 3, answered[i]);
        sessions_complete(&l, (struct span){outcomes, n}, START);
    }
    sessions_finish(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stories),
        cmocka_unit_test(test_grace),
        cmocka_unit_test(test_times_and_texts),
        cmocka_unit_test(test_assertions_are_counted),
        cmocka_unit_test(test_arrivals),
        cmocka_unit_test(test_sessions_of_a_user),
        cmocka_unit_test(test_refusals_are_bounded),
        cmocka_unit_test(test_a_batch_is_bounded),
        cmocka_unit_test(test_overdue_batches_become_smaller),
    };

    map_set_hash_key(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
