#include "answers.h"

#include "base/map.h"
#include "store/asserter.h"

#define TTL_MS 60000

/* An asserter, and all it says: commands (node(X) with the epoch in which it has asserted, batch(oa/1 ea/1),
 * audit(17); text-… for one sent as text; leave), and to its owner (X9 the state, X9! a fresh epoch, nodes2,
 * reset, done). */
struct fixture {
    struct asserter asserter;
    struct store store;
    struct ledger ledger;
    struct redis_time time;
    struct session *sessions[26];
    struct bytes said;
    int64_t now_ms, ahead_ms; /* Redis's clock before ours */
    uint64_t generation;
    bool refuses; /* the link takes nothing */
};

static void say_batch(struct fixture *x)
{
    for (size_t i = 0; i < x->asserter.op_count; i++) {
        const struct session_op *op = &x->asserter.ops[i];
        bytes_printf(&x->said, "%s%c%.*s/%.*s", i ? " " : "", (char)op->kind, (int)op->user.len,
                     op->user.data, (int)op->session.len - 2, op->session.data + 2);
    }
}

static int on_send(void *arg, enum asserter_tag tag, struct span command)
{
    static const enum script scripts[] = {SCRIPT_NODE, SCRIPT_APPLY, SCRIPT_AUDIT};
    struct fixture *x = arg;
    struct redisReply *argv;
    bool text;

    if (x->refuses)
        return -1;
    argv = command_read(command);
    text = command_is_script(argv, scripts[tag], true);
    assert_true(text || command_is_script(argv, scripts[tag], false));
    bytes_append_text(&x->said, text ? "text-" : "");
    if (tag == ASSERTER_BATCH) {
        bytes_append_text(&x->said, "batch(");
        say_batch(x);
    } else if (tag == ASSERTER_AUDIT) {
        bytes_printf(&x->said, "audit(%s", command_arg(argv, SCRIPT_ARGS).data);
    } else if (command_arg(argv, SCRIPT_ARGS + 5).len) {
        bytes_append_text(&x->said, "leave(");
    } else {
        bytes_printf(&x->said, "node(%s", command_arg(argv, SCRIPT_ARGS + 3).data);
    }
    bytes_append_text(&x->said, ") ");
    reply_free(argv);
    return 0;
}

static void on_state(void *arg, const struct store_state *state, bool fresh_epoch)
{
    struct fixture *x = arg;

    bytes_printf(&x->said, "%.*s%llu%s ", (int)state->epoch.len, state->epoch.data,
                 (unsigned long long)state->rev, fresh_epoch ? "!" : "");
}

static void on_nodes(void *arg, const struct node_answer *answer)
{
    struct fixture *x = arg;

    bytes_printf(&x->said, "nodes%zu ", reply_count(answer->nodes) / 2);
}

/* As the link does it: all that follows a lost connection comes from within. */
static void on_reset(void *arg, const char *why)
{
    struct fixture *x = arg;

    bytes_append_text(&x->said, "reset ");
    x->refuses = true;
    asserter_disconnected(&x->asserter);
}

static void on_outcome(void *arg, char outcome)
{
    struct fixture *x = arg;

    bytes_append_char(&x->said, outcome);
    bytes_append_char(&x->said, ' ');
}

static const struct asserter_hooks hooks = {
    .send = on_send,
    .state = on_state,
    .nodes = on_nodes,
    .reset = on_reset,
    .outcome = on_outcome,
};

static void setup(struct fixture *x, bool sessions)
{
    const struct asserter_config config = {.program = "presence-ws",
                                           .address = "here",
                                           .ttl_ms = TTL_MS,
                                           .drain_ms = 15000,
                                           .sessions = sessions};

    memset(x, 0, sizeof(*x));
    x->store = (struct store){.prefix = "presence:", .log_max = 1000};
    x->now_ms = 1000;
    x->ahead_ms = 1000000;
    snprintf(x->store.node, sizeof(x->store.node), "n");
    ledger_init(&x->ledger, "n", TTL_MS, 0, false);
    asserter_init(&x->asserter, &config, &x->store, sessions ? &x->ledger : NULL, &x->time, &hooks, x);
}

static void teardown(struct fixture *x)
{
    asserter_finish(&x->asserter);
    ledger_finish(&x->ledger);
    bytes_finish(&x->said);
}

static void answer(struct fixture *x, enum asserter_tag tag, struct bytes *text)
{
    struct redisReply *reply = answer_read(bytes_span(text));

    asserter_answer(&x->asserter, tag, reply, x->now_ms);
    reply_free(reply);
}

static void write_state(struct fixture *x, struct span epoch, struct span rev, struct bytes *out)
{
    answer_number(out, x->now_ms + x->ahead_ms);
    answer_text(out, epoch);
    answer_text(out, rev);
    answer_text(out, SPAN("1"));
}

/* "X,9": two daemons. */
static void answer_node(struct fixture *x, struct span what)
{
    bytes_auto out = BYTES_INIT;
    struct span epoch = span_split(&what, ','), rev = span_split(&what, ',');

    answer_array(&out, 8);
    write_state(x, epoch, rev, &out);
    answer_text(&out, SPAN("0"));
    answer_text(&out, SPAN("0"));
    answer_array(&out, 4);
    for (int i = 0; i < 4; i++)
        answer_text(&out, SPAN("{}"));
    answer_number(&out, 0);
    answer(x, ASSERTER_NODE, &out);
}

/* "X,9,n." */
static void answer_batch(struct fixture *x, struct span what)
{
    bytes_auto out = BYTES_INIT;
    struct span epoch = span_split(&what, ','), rev = span_split(&what, ',');

    answer_array(&out, 5);
    write_state(x, epoch, rev, &out);
    answer_text(&out, what);
    answer(x, ASSERTER_BATCH, &out);
}

/* "17,a:n/7,b:n/8": the next cursor, and what stands in the store. */
static void answer_audit(struct fixture *x, struct span what)
{
    bytes_auto out = BYTES_INIT;
    bytes_auto pairs = BYTES_INIT;
    struct span cursor = span_split(&what, ',');
    size_t count = 0;

    for (; what.len; count += 2) {
        struct span session = span_split(&what, ','), user = span_split(&session, ':');
        answer_text(&pairs, user);
        answer_text(&pairs, session);
    }
    answer_array(&out, 3);
    answer_number(&out, x->now_ms);
    answer_text(&out, cursor);
    answer_array(&out, count);
    bytes_append_span(&out, bytes_span(&pairs));
    answer(x, ASSERTER_AUDIT, &out);
}

static void answer_error(struct fixture *x, char command, const char *error)
{
    bytes_auto out = BYTES_INIT;

    bytes_printf(&out, "-%s is what Redis said\r\n", error);
    answer(x, command == 'n' ? ASSERTER_NODE : command == 'b' ? ASSERTER_BATCH : ASSERTER_AUDIT, &out);
}

static void tell_session(struct fixture *x, struct span word)
{
    struct span user = {word.data + 1, 1};
    struct session **s = &x->sessions[user.data[0] - 'a'];

    if (word.data[0] == '+')
        *s = session_open(&x->ledger, user, SPAN_NONE, SPAN_NONE, x, x->now_ms);
    else if (word.data[0] == '-')
        session_end(&x->ledger, *s, "gone", true, x->now_ms);
    else if (word.data[0] == '*')
        session_beat(&x->ledger, *s, SPAN_NONE, x->now_ms);
    else
        session_abandon(&x->ledger, *s);
    asserter_flush(&x->asserter, x->now_ms);
}

static void tick_until(struct fixture *x, int64_t until_ms)
{
    while (x->now_ms < until_ms) {
        x->now_ms += until_ms - x->now_ms < 50 ? until_ms - x->now_ms : 50;
        asserter_tick(&x->asserter, x->now_ms);
    }
}

/* Words: con, lost, @2000 (ticks until then), | (a mark), refuse, take, hurry, probe, leave, ahead=5000; +a
 * -a *a ~a a phone comes, goes, beats, is given up; and what comes in: node=X,9 node!ERR batch=X,9,n.
 * batch!ERR audit=0,a:n/7 audit!ERR */
static void tell(struct fixture *x, struct span word)
{
    struct asserter *a = &x->asserter;
    struct span rest = word, verb = span_split(&rest, '='), error = word;

    span_split(&error, '!');
    if (span_equal(word, SPAN("|")))
        bytes_append_text(&x->said, "| ");
    else if (span_equal(word, SPAN("con"))) {
        x->refuses = false;
        asserter_connected(a, "0123456789012345678901234567890123456789", ++x->generation, x->now_ms);
    } else if (span_equal(word, SPAN("lost")))
        asserter_disconnected(a);
    else if (span_equal(word, SPAN("refuse")) || span_equal(word, SPAN("take")))
        x->refuses = word.len == 6;
    else if (span_equal(word, SPAN("hurry")))
        a->hurry = true;
    else if (span_equal(word, SPAN("probe")))
        asserter_probe(a, x->now_ms);
    else if (span_equal(word, SPAN("leave")))
        asserter_leave(a, x->now_ms);
    else if (word.data[0] == '@')
        tick_until(x, atoll(word.data + 1));
    else if (span_equal(verb, SPAN("ahead")))
        x->ahead_ms = atoll(rest.data);
    else if (span_equal(verb, SPAN("node")))
        answer_node(x, rest);
    else if (span_equal(verb, SPAN("batch")))
        answer_batch(x, rest);
    else if (span_equal(verb, SPAN("audit")))
        answer_audit(x, rest);
    else if (error.len)
        answer_error(x, word.data[0], error.data);
    else
        tell_session(x, word);
}

#define UP   "con node=X,5 "
#define SAID "node() X5! nodes2 "

static void test_stories(void **state)
{
    static const struct {
        const char *name, *words, *said;
    } cases[] = {
        {"registers first", "+a con", "node() "},
        {"a fresh one has nothing to assert", UP "@2050", SAID "node(X) "},
        {"a batch only when registered", "con +a node=X,5", "node() X5! nodes2 batch(oa/1) "},
        {"phones of before the first contact", "+a con node=X,5 batch=X,6,n audit=0,a:n/1 node=X,6",
         /* Unheard of so far, but living: asserted, and the dead are looked for. */
         "node() X5! nodes2 batch(oa/1) X6 n audit(0) node(X) X6 nodes2 "},
        {"one batch at a time", UP "+a +b batch=X,6,n batch=X,7,n",
         SAID "batch(oa/1) X6 n batch(ob/2) X7 n "},
        {"beats wait for a tick", UP "+a batch=X,6,n @1100 *a batch=X,6,.",
         SAID "batch(oa/1) X6 n batch(ba/1) X6 . "},
        {"every second", UP "@2000 node=X,5 @3000 @4000", SAID "node(X) X5 nodes2 node(X) "},
        {"ten times as often", UP "hurry @2000 node=X,5 @2100 node=X,5 @2200",
         SAID "node(X) X5 nodes2 node(X) X5 nodes2 node(X) "},
        {"asked for", UP "probe probe node=X,7 probe", SAID "node(X) X7 nodes2 node(X) "},
        {"goodbye", UP "leave", SAID "leave() "},
        {"not connected, nobody says goodbye", UP "lost leave probe @5000", SAID},

        {"the node script is unknown", "con node!NOSCRIPT node=X,5 @2050",
         "node() text-node() X5! nodes2 node(X) "},
        {"the batch script is unknown", UP "+a batch!NOSCRIPT batch=X,6,n +b",
         SAID "batch(oa/1) text-batch(oa/1) X6 n batch(ob/2) "},
        {"an error rests", UP "+a batch!MISCONF @1150 | @1200 batch=X,6,n",
         SAID "batch(oa/1) | batch(oa/1) X6 n "},
        {"an error of the node script rests", "con node!BUSY @1150 | @1200 node=X,5",
         "node() | node() X5! nodes2 "},
        {"a replica", UP "+a batch!READONLY con node=X,5 @1200 batch=X,6,n",
         SAID "batch(oa/1) reset node(X) X5 nodes2 batch(oa/1) X6 n "},
        {"a later connection has spoken", UP "probe node!FENCED @5000 con", SAID "node(X) reset node(X) "},
        {"a later connection has spoken, in the middle",
         UP "+a batch!FENCED -a @5000 con node=X,5 batch=X,6,f",
         SAID "batch(oa/1) reset node(X) X5 nodes2 batch(ea/1) X6 f "},
        {"the link takes nothing", UP "refuse +a @1500 take @1550 batch=X,6,n", SAID "batch(oa/1) X6 n "},
        {"too few outcomes", UP "+a batch=X,6, @1150 | @1200 batch=X,6,.",
         SAID "batch(oa/1) X6 | batch(oa/1) X6 . "},
        {"too many outcomes", UP "+a batch=X,6,nn @1200 batch=X,6,.",
         SAID "batch(oa/1) X6 batch(oa/1) X6 . "},
        {"a wrong shape", UP "+a batch!OK @1200 batch=X,6,n", SAID "batch(oa/1) batch(oa/1) X6 n "},
        {"lost with a batch under way", UP "+a lost con node=X,6 batch=X,6,.",
         SAID "batch(oa/1) node(X) X6 nodes2 batch(oa/1) X6 . "},
        {"late: again at once", UP "+a batch=X,6,l batch=X,7,n", SAID "batch(oa/1) X6 l batch(oa/1) X7 n "},

        {"another epoch: all is asserted, the dead are looked for, then it is said",
         UP "+a +b batch=X,6,n batch=X,7,n probe node=Y,90 batch=Y,92,nn audit=0,a:n/1,b:n/2 node=Y,92",
         SAID "batch(oa/1) X6 n batch(ob/2) X7 n node(X) Y90! nodes2 batch(ra/1 rb/2) Y92 n n audit(0) "
              "node(Y) Y92 nodes2 "},
        {"whose sessions stand, but live no more, are ended",
         UP "probe node=Y,90 audit=17,a:n/7 audit=0,b:n/8 batch=Y,91,f batch=Y,92,f",
         SAID "node(X) Y90! nodes2 audit(0) audit(17) batch(ea/7) Y91 f batch(eb/8) Y92 f node(Y) "},
        {"a session met twice", UP "probe node=Y,90 audit=17,a:n/7 audit=0,a:n/7 batch=Y,91,f",
         SAID "node(X) Y90! nodes2 audit(0) audit(17) batch(ea/7) Y91 f node(Y) "},
        {"what stands there and is no session",
         UP "probe node=Y,90 audit=0,a:n/x,b:n,:n/3,c:n/99999999999999999999",
         SAID "node(X) Y90! nodes2 audit(0) node(Y) "},
        {"one that opened in the dark is asserted as well",
         UP "+a lost con node=Y,90 batch=Y,91,n audit=0,a:n/1",
         SAID "batch(oa/1) node(X) Y90! nodes2 batch(oa/1) Y91 n audit(0) node(Y) "},
        {"one that is given up meanwhile",
         UP "+a batch=X,6,n probe node=Y,90 lost ~a con node=Y,90 batch=Y,91,n audit=0",
         SAID "batch(oa/1) X6 n node(X) Y90! nodes2 batch(ra/1) node(X) Y90 nodes2 batch(ra/1) Y91 n "
              "audit(0) node(Y) "},
        {"one that ends meanwhile", UP "+a batch=X,6,n probe node=Y,90 -a batch=Y,91,n batch=Y,92,f audit=0",
         SAID "batch(oa/1) X6 n node(X) Y90! nodes2 batch(ra/1) Y91 n audit(0) batch(ea/1) Y92 f node(Y) "},
        {"lost in the audit", UP "probe node=Y,90 lost @3000 con node=Y,90 audit=0",
         SAID "node(X) Y90! nodes2 audit(0) node(X) Y90 nodes2 audit(0) node(Y) "},
        {"lost between its pages", UP "probe node=Y,90 audit=17 lost @3000 con node=Y,90 audit=0",
         SAID "node(X) Y90! nodes2 audit(0) audit(17) node(X) Y90 nodes2 audit(0) node(Y) "},
        {"lost before it", UP "+a batch=X,6,n probe node=Y,90 lost @3000 con node=Y,90 batch=Y,91,n audit=0",
         SAID "batch(oa/1) X6 n node(X) Y90! nodes2 batch(ra/1) node(X) Y90 nodes2 batch(ra/1) Y91 n "
              "audit(0) node(Y) "},
        {"lost behind it, with ends to say",
         UP "probe node=Y,90 audit=0,a:n/7 lost con node=Y,90 batch=Y,91,f",
         SAID "node(X) Y90! nodes2 audit(0) batch(ea/7) node(X) Y90 nodes2 batch(ea/7) Y91 f node(Y) "},
        {"the audit's script is unknown", UP "probe node=Y,90 audit!NOSCRIPT audit=0",
         SAID "node(X) Y90! nodes2 audit(0) text-audit(0) node(Y) "},
        {"an error of the audit rests", UP "probe node=Y,90 audit!BUSY @1150 | @1200 audit=0",
         SAID "node(X) Y90! nodes2 audit(0) | audit(0) node(Y) "},
        {"yet another epoch in the audit",
         UP "probe node=Y,90 probe node=Z,99 audit=0,a:n/7 audit=0,a:n/7 batch=Z,99,f",
         SAID "node(X) Y90! nodes2 audit(0) node(X) Z99! nodes2 audit(0) batch(ea/7) Z99 f node(Z) "},
        {"told by a batch", UP "+a batch=X,6,n @1010 *a @1060 batch=Y,90,n batch=Y,90,. audit=0",
         SAID "batch(oa/1) X6 n batch(ba/1) Y90! n batch(ra/1) Y90 . audit(0) node(Y) "},
        {"the clock jumps: all is asserted", UP "+a batch=X,6,n ahead=5000000 probe node=X,6 batch=X,6,.",
         SAID "batch(oa/1) X6 n node(X) X6 nodes2 batch(ra/1) X6 . "},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture x;
        struct span rest = span_of(cases[i].words);
        setup(&x, true);
        while (rest.len) {
            struct span word = span_split(&rest, ' ');
            if (word.len)
                tell(&x, word);
        }
        if (strcmp(bytes_text(&x.said), cases[i].said) != 0)
            fail_msg("%s:\n    '%s', not\n    '%s'", cases[i].name, bytes_text(&x.said), cases[i].said);
        teardown(&x);
    }
}

static void tell_all(struct fixture *x, const char *words)
{
    struct span rest = span_of(words);

    while (rest.len)
        tell(x, span_split(&rest, ' '));
}

static void test_what_it_learns(void **state)
{
    struct fixture x;

    setup(&x, true);
    tell_all(&x, "con node=X,500 +a batch=X,600,n");
    assert_int_equal(x.store.generation, 1);
    assert_string_equal(x.store.run_id, "0123456789012345678901234567890123456789");
    assert_int_equal(x.store.known_rev, 600);
    /* The highest ever seen, so that no revision comes twice. */
    tell_all(&x, "lost con node=Y,90");
    assert_int_equal(x.store.known_rev, 600);
    assert_int_equal(x.store.generation, 2);
    assert_int_equal(redis_time_at(&x.time, 5000), 1005000);
    /* Beats are said in Redis's time. */
    tell_all(&x, "batch=Y,91,n");
    bytes_reset(&x.said);
    x.now_ms = 7000;
    tell_all(&x, "*a @7050");
    assert_int_equal(x.asserter.ops[0].beat_ms, redis_time_latest(&x.time, 7000));
    assert_false(asserter_idle(&x.asserter));
    tell_all(&x, "batch=Y,91,. audit=0");
    assert_true(asserter_idle(&x.asserter));
    /* Answers that nobody waits for. */
    bytes_reset(&x.said);
    tell_all(&x, "batch=Y,99,n audit=0,q:n/9");
    asserter_answer(&x.asserter, ASSERTER_NODE, NULL, x.now_ms);
    assert_int_equal(x.store.known_rev, 600);
    assert_null(ledger_user(&x.ledger, SPAN("q")));
    teardown(&x);
}

/* A life that begins and ends while nobody registered hears of it is none. */
static void test_connected_is_registered(void **state)
{
    struct fixture x;

    setup(&x, true);
    tell_all(&x, "con +a -a node=X,5 @1900");
    assert_string_equal(bytes_text(&x.said), "node() X5! nodes2 ");
    assert_true(x.ledger.connected);
    tell_all(&x, "lost");
    assert_false(x.ledger.connected);
    tell_all(&x, "+b -b con");
    assert_false(x.ledger.connected);
    teardown(&x);
}

static size_t batch_answered(struct fixture *x, char outcome)
{
    char what[LEDGER_BATCH_MAX + 16];
    size_t count = x->asserter.op_count, at = (size_t)snprintf(what, sizeof(what), "X,9,");

    memset(what + at, outcome, count);
    answer_batch(x, (struct span){what, at + count});
    return count;
}

/* Beats are gathered, but more than fill a batch wait for nothing: a busy server would fall behind its
 * phones. */
static void test_a_full_batch_is_followed_at_once(void **state)
{
    enum { PHONES = 2 * LEDGER_BATCH_MAX + 10 };
    struct fixture x;
    struct session *phones[PHONES];
    size_t said = 0;
    int64_t begun_ms;

    setup(&x, true);
    x.asserter.config.gather_ms = x.asserter.config.beat_gather_ms = 1000;
    tell_all(&x, "con node=X,5 @3000");
    for (int i = 0; i < PHONES; i++) {
        char name[16];
        snprintf(name, sizeof(name), "u%d", i);
        phones[i] = session_open(&x.ledger, span_of(name), SPAN_NONE, SPAN_NONE, &x, x.now_ms);
    }
    asserter_flush(&x.asserter, x.now_ms);
    while (x.asserter.waiting[ASSERTER_BATCH])
        said += batch_answered(&x, 'n');
    assert_int_equal(said, PHONES);
    tell_all(&x, "@10000");
    for (int i = 0; i < PHONES; i++)
        session_beat(&x.ledger, phones[i], SPAN_NONE, x.now_ms);
    asserter_tick(&x.asserter, x.now_ms);
    begun_ms = x.now_ms;
    for (said = 0; x.asserter.waiting[ASSERTER_BATCH];)
        said += batch_answered(&x, '.');
    assert_int_equal(said, PHONES);
    assert_int_equal(x.now_ms, begun_ms);
    teardown(&x);
}

/* presence-api and presence-expiryd only register. */
static void test_without_sessions(void **state)
{
    struct fixture x;

    setup(&x, false);
    tell_all(&x, "con node=X,5 @2000 node=Y,90 @3000 node!FENCED con node=Y,90 lost leave");
    assert_string_equal(bytes_text(&x.said),
                        "node() X5! nodes2 node() Y90! nodes2 node() reset node() Y90 nodes2 ");
    assert_true(asserter_idle(&x.asserter));
    teardown(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stories),
        cmocka_unit_test(test_what_it_learns),
        cmocka_unit_test(test_connected_is_registered),
        cmocka_unit_test(test_a_full_batch_is_followed_at_once),
        cmocka_unit_test(test_without_sessions),
    };

    map_set_hash_key(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
