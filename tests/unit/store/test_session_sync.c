/* SPDX-License-Identifier: MIT */
#include "answers.h"

#include "base/map.h"
#include "store/session_sync.h"

#define TTL_MS 60000

/* A node registry, beside a session sync or alone, and all that is sent: commands (node(X) with the epoch in
 * which all is asserted, batch(oa/1 ea/1), audit(17), leave), and what the owner is told (X9 the state, X9! a
 * fresh epoch, nodes2, reset, the outcomes). What is to be flushed at once is flushed when the owner's turn
 * ends. */
struct fixture {
    struct node_registry registry;
    struct session_sync sync;
    bool has_sessions;
    int64_t flush_ms; /* INT64_MAX: not planned */
    struct store store;
    struct sessions sessions;
    struct redis_time time;
    struct session *slots[26];
    struct bytes said;
    int64_t now_ms, ahead_ms; /* Redis's clock before ours */
    const char *run_id;
    uint64_t generation;
    bool refuses;    /* the link takes nothing */
    char offset[24]; /* of this machine's clock, as last registered */
};

#define WALL_MS INT64_C(1700000000000)

static int64_t on_wall_ms(void)
{
    return WALL_MS;
}

static void say_batch(struct fixture *x)
{
    for (size_t i = 0; i < x->sync.op_count; i++) {
        const struct session_op *op = &x->sync.ops[i];
        bytes_printf(&x->said, "%s%c%.*s/%.*s", i ? " " : "", (char)op->kind, (int)op->user.len,
                     op->user.data, (int)op->session.len - 2, op->session.data + 2);
    }
}

static int on_send(void *arg, struct store_request *request, struct span command)
{
    struct fixture *x = arg;
    struct redisReply *argv;
    if (x->refuses)
        return -1;
    argv = command_read(command);
    if (request == &x->sync.batch) {
        assert_true(command_is_script(argv, SCRIPT_APPLY));
        bytes_append_text(&x->said, "batch(");
        say_batch(x);
    } else if (request == &x->sync.audit) {
        assert_true(command_is_script(argv, SCRIPT_AUDIT));
        bytes_printf(&x->said, "audit(%s", command_arg(argv, SCRIPT_ARGS).data);
    } else if (command_arg(argv, SCRIPT_ARGS + 5).len) {
        assert_true(command_is_script(argv, SCRIPT_NODE));
        bytes_append_text(&x->said, "leave(");
    } else {
        bytes_printf(&x->said, "node(%s", command_arg(argv, SCRIPT_ARGS + 3).data);
        span_copy(command_arg(argv, SCRIPT_ARGS + 2), x->offset, sizeof(x->offset));
    }
    bytes_append_text(&x->said, ") ");
    reply_free(argv);
    return 0;
}

static void on_state(void *arg, const struct store_state *state, const struct node_registry_news *news)
{
    struct fixture *x = arg;
    if (x->has_sessions)
        session_sync_state(&x->sync, news, x->now_ms);
    bytes_printf(&x->said, "%.*s%llu%s ", (int)state->epoch.len, state->epoch.data,
                 (unsigned long long)state->rev, news->fresh_epoch ? "!" : "");
}

static void on_nodes(void *arg, const struct node_answer *answer)
{
    struct fixture *x = arg;
    bytes_printf(&x->said, "nodes%zu ", reply_count(answer->nodes) / 2);
    if (x->has_sessions)
        session_sync_registered(&x->sync, x->now_ms);
}

static void disconnect(struct fixture *x)
{
    node_registry_disconnected(&x->registry);
    if (x->has_sessions)
        session_sync_disconnected(&x->sync);
}

/* As the link does it: all that follows a lost connection comes from within. */
static void on_reset(void *arg, const char *why)
{
    struct fixture *x = arg;
    bytes_append_text(&x->said, "reset ");
    x->refuses = true;
    disconnect(x);
}

static void on_flush_at(void *arg, int64_t due_ms)
{
    ((struct fixture *)arg)->flush_ms = due_ms;
}

static void on_outcome(void *arg, char outcome)
{
    struct fixture *x = arg;
    bytes_append_char(&x->said, outcome);
    bytes_append_char(&x->said, ' ');
}

static const struct node_registry_hooks registry_hooks = {
    .wall_ms = on_wall_ms,
    .send = on_send,
    .state = on_state,
    .nodes = on_nodes,
    .reset = on_reset,
};

static const struct session_sync_hooks sync_hooks = {
    .send = on_send,
    .flush_at = on_flush_at,
    .outcome = on_outcome,
};

static void setup(struct fixture *x, bool sessions)
{
    const struct node_registry_config registry = {
        .program = "presence-ws", .address = "here", .ttl_ms = TTL_MS, .peers = NODE_REGISTRY_EPOCH};
    const struct session_sync_config sync = {.ttl_ms = TTL_MS, .drain_ms = 15000};

    memset(x, 0, sizeof(*x));
    x->store = (struct store){.prefix = "presence:", .log_max = 1000};
    x->now_ms = 1000;
    x->ahead_ms = 1000000;
    x->run_id = "0123456789012345678901234567890123456789";
    snprintf(x->store.node, sizeof(x->store.node), "n");
    sessions_init(&x->sessions, "n", TTL_MS, 0, 0, 0);
    node_registry_init(&x->registry, &registry, &x->store, &x->time, &registry_hooks, x);
    session_sync_init(&x->sync, &sync, &x->registry, &x->sessions, &sync_hooks, x);
    x->sync.gather_ms = 0;
    x->flush_ms = INT64_MAX;
    x->has_sessions = sessions;
}

static void teardown(struct fixture *x)
{
    node_registry_finish(&x->registry);
    session_sync_finish(&x->sync);
    sessions_finish(&x->sessions);
    bytes_finish(&x->said);
}

/* The end of a turn of the owner's loop. */
static void end_turn(struct fixture *x)
{
    if (x->flush_ms > x->now_ms)
        return;
    x->flush_ms = INT64_MAX;
    session_sync_flush(&x->sync, x->now_ms);
}

static void answer(struct fixture *x, struct store_request *request, struct bytes *text)
{
    struct redisReply *reply = answer_read(bytes_span(text));
    store_request_answered(request, reply, x->now_ms);
    reply_free(reply);
    end_turn(x);
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
    answer(x, &x->registry.request, &out);
}

/* "X,9,n." */
static void answer_batch(struct fixture *x, struct span what)
{
    bytes_auto out = BYTES_INIT;
    struct span epoch = span_split(&what, ','), rev = span_split(&what, ',');

    answer_array(&out, 5);
    write_state(x, epoch, rev, &out);
    answer_text(&out, what);
    answer(x, &x->sync.batch, &out);
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
    answer(x, &x->sync.audit, &out);
}

static void answer_error(struct fixture *x, char command, const char *error)
{
    bytes_auto out = BYTES_INIT;

    bytes_printf(&out, "-%s is what Redis said\r\n", error);
    answer(x, command == 'n' ? &x->registry.request : command == 'b' ? &x->sync.batch : &x->sync.audit, &out);
}

static void tell_session(struct fixture *x, struct span word)
{
    struct span user = {word.data + 1, 1};
    struct session **s = &x->slots[user.data[0] - 'a'];
    if (word.data[0] == '+')
        *s = session_open(&x->sessions, user, SPAN_NONE, SPAN_NONE, x, x->now_ms);
    else if (word.data[0] == '-')
        session_end(&x->sessions, *s, "gone", SESSION_CLOSED, x->now_ms);
    else if (word.data[0] == '*')
        session_beat(&x->sessions, *s, SPAN_NONE, x->now_ms);
    else
        session_abandon(&x->sessions, *s);
    session_sync_changed(&x->sync, x->now_ms);
    end_turn(x);
}

static void tick(struct fixture *x)
{
    node_registry_tick(&x->registry, x->now_ms);
    if (x->has_sessions)
        session_sync_tick(&x->sync, x->now_ms);
    end_turn(x);
}

static void tick_until(struct fixture *x, int64_t until_ms)
{
    while (x->now_ms < until_ms) {
        x->now_ms += until_ms - x->now_ms < 50 ? until_ms - x->now_ms : 50;
        tick(x);
    }
}

/* Words: con, noinfo (the process is not known from now on), lost, @2000 (ticks until then), | (a mark),
 * refuse, take, hurry, probe, leave, ahead=5000; +a -a *a ~a a phone comes, goes, beats, is given up; and
 * what comes in: node=X,9 node!ERR batch=X,9,n. batch!ERR audit=0,a:n/7 audit!ERR */
static void tell(struct fixture *x, struct span word)
{
    struct node_registry *r = &x->registry;
    struct span rest = word, verb = span_split(&rest, '='), error = word;
    span_split(&error, '!');
    if (span_equal(word, SPAN("|")))
        bytes_append_text(&x->said, "| ");
    else if (span_equal(word, SPAN("con"))) {
        x->refuses = false;
        if (x->has_sessions)
            session_sync_connected(&x->sync, x->run_id, x->now_ms);
        node_registry_connected(r, x->run_id, ++x->generation, x->now_ms);
    } else if (span_equal(word, SPAN("noinfo"))) {
        x->run_id = STORE_RUN_ID_UNKNOWN;
    } else if (span_equal(word, SPAN("lost")))
        disconnect(x);
    else if (span_equal(word, SPAN("refuse")) || span_equal(word, SPAN("take")))
        x->refuses = word.len == 6;
    else if (span_equal(word, SPAN("hurry")))
        r->hurry = true;
    else if (span_equal(word, SPAN("probe")))
        node_registry_probe(r, x->now_ms);
    else if (span_equal(word, SPAN("leave")))
        node_registry_leave(r, x->now_ms);
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
        {"beats are gathered", UP "+a batch=X,6,n @1100 *a | @1150 batch=X,6,.",
         SAID "batch(oa/1) X6 n | batch(ba/1) X6 . "},
        {"every second", UP "@2000 node=X,5 @3000 @4000", SAID "node(X) X5 nodes2 node(X) "},
        {"ten times as often", UP "hurry @2000 node=X,5 @2100 node=X,5 @2200",
         SAID "node(X) X5 nodes2 node(X) X5 nodes2 node(X) "},
        {"asked for", UP "probe probe node=X,7 probe", SAID "node(X) X7 nodes2 node(X) "},
        {"goodbye", UP "leave", SAID "leave() "},
        {"not connected, nobody says goodbye", UP "lost leave probe @5000", SAID},

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
        {"an error of the audit rests", UP "probe node=Y,90 audit!BUSY @1150 | @1200 audit=0",
         SAID "node(X) Y90! nodes2 audit(0) | audit(0) node(Y) "},
        {"yet another epoch in the audit",
         UP "probe node=Y,90 probe node=Z,99 audit=0,a:n/7 audit=0,a:n/7 batch=Z,99,f",
         SAID "node(X) Y90! nodes2 audit(0) node(X) Z99! nodes2 audit(0) batch(ea/7) Z99 f node(Z) "},
        {"told by a batch", UP "+a batch=X,6,n @1010 *a @1060 batch=Y,90,n batch=Y,90,. audit=0",
         SAID "batch(oa/1) X6 n batch(ba/1) Y90! n batch(ra/1) Y90 . audit(0) node(Y) "},
        {"back at a process that is not known: all is asserted, the epoch stays",
         UP "+a batch=X,6,n noinfo lost con node=X,6 batch=X,6,. audit=0,a:n/1,b:n/7 batch=X,7,f node=X,7",
         SAID
         "batch(oa/1) X6 n node() X6 nodes2 batch(ra/1) X6 . audit(0) batch(eb/7) X7 f node(X) X7 nodes2 "},
        {"the first connection to one is no return", "noinfo con node=X,5 @2050", SAID "node(X) "},
        {"and lost again before that is done",
         UP "+a batch=X,6,n noinfo lost con node=X,6 lost con node=X,6 batch=X,6,. audit=0",
         SAID
         "batch(oa/1) X6 n node() X6 nodes2 batch(ra/1) node() X6 nodes2 batch(ra/1) X6 . audit(0) node(X) "},
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
    assert_int_equal(x.sync.ops[0].beat_ms, redis_time_latest(&x.time, 7000));
    assert_false(session_sync_idle(&x.sync));
    tell_all(&x, "batch=Y,91,. audit=0");
    assert_true(session_sync_idle(&x.sync));
    /* Answers that nobody waits for. */
    bytes_reset(&x.said);
    tell_all(&x, "batch=Y,99,n audit=0,q:n/9");
    store_request_answered(&x.registry.request, NULL, x.now_ms);
    assert_int_equal(x.store.known_rev, 600);
    assert_null(sessions_user(&x.sessions, SPAN("q")));
    teardown(&x);
}

/* A session that begins and ends before this connection is registered is never reported. */
static void test_connected_is_registered(void **state)
{
    struct fixture x;
    setup(&x, true);
    tell_all(&x, "con +a -a node=X,5 @1900");
    assert_string_equal(bytes_text(&x.said), "node() X5! nodes2 ");
    assert_true(x.sessions.connected);
    tell_all(&x, "lost");
    assert_false(x.sessions.connected);
    tell_all(&x, "+b -b con");
    assert_false(x.sessions.connected);
    teardown(&x);
}

static size_t batch_answered(struct fixture *x, char outcome)
{
    char what[SESSIONS_BATCH_MAX + 16];
    size_t count = x->sync.op_count, at = (size_t)snprintf(what, sizeof(what), "X,9,");
    memset(what + at, outcome, count);
    answer_batch(x, (struct span){what, at + count});
    return count;
}

static void test_when_it_flushes(void **state)
{
    struct fixture x;
    struct session *s;
    setup(&x, true);
    x.sync.gather_ms = 5;
    tell_all(&x, "con node=X,5 @2000");
    s = session_open(&x.sessions, SPAN("a"), SPAN_NONE, SPAN_NONE, &x, x.now_ms);
    session_sync_changed(&x.sync, x.now_ms);
    assert_true(x.flush_ms <= x.now_ms); /* after a quiet time: at once */
    end_turn(&x);
    x.now_ms += 2;
    tell_all(&x, "batch=X,6,n");
    assert_int_equal(x.flush_ms, INT64_MAX);
    session_beat(&x.sessions, s, SPAN("{}"), x.now_ms);
    session_sync_changed(&x.sync, x.now_ms);
    assert_int_equal(x.flush_ms, 2052);
    x.now_ms += 1;
    session_beat(&x.sessions, s, SPAN("{}"), x.now_ms);
    session_sync_changed(&x.sync, x.now_ms);
    assert_int_equal(x.flush_ms, 2052);
    session_end(&x.sessions, s, "gone", SESSION_CLOSED, x.now_ms);
    session_sync_changed(&x.sync, x.now_ms);
    assert_int_equal(x.flush_ms, 2005);
    x.now_ms = 2005;
    end_turn(&x);
    assert_true(sessions_in_flight(&x.sessions));
    teardown(&x);
}

/* Beats are gathered, but more than fill a batch wait for nothing: a busy server would fall behind its
 * phones. */
static void test_a_full_batch_is_followed_at_once(void **state)
{
    enum { PHONES = 2 * SESSIONS_BATCH_MAX + 10 };
    struct fixture x;
    struct session *phones[PHONES];
    size_t said = 0;
    int64_t begun_ms;

    setup(&x, true);
    x.sync.gather_ms = x.sync.beat_gather_ms = 1000;
    tell_all(&x, "con node=X,5 @3000");
    for (int i = 0; i < PHONES; i++) {
        char name[16];
        snprintf(name, sizeof(name), "u%d", i);
        phones[i] = session_open(&x.sessions, span_of(name), SPAN_NONE, SPAN_NONE, &x, x.now_ms);
    }
    session_sync_flush(&x.sync, x.now_ms);
    while (x.sync.batch.waiting)
        said += batch_answered(&x, 'n');
    assert_int_equal(said, PHONES);
    tell_all(&x, "@10000");
    for (int i = 0; i < PHONES; i++)
        session_beat(&x.sessions, phones[i], SPAN_NONE, x.now_ms);
    tick(&x);
    begun_ms = x.now_ms;
    for (said = 0; x.sync.batch.waiting;)
        said += batch_answered(&x, '.');
    assert_int_equal(said, PHONES);
    assert_int_equal(x.now_ms, begun_ms);
    teardown(&x);
}

/* An answer that took 1.9 s, every 2.9 s. */
static void stall(struct fixture *x)
{
    tick_until(x, x->now_ms + 2900);
    answer_node(x, SPAN("X,9"));
}

static void test_ends_wait_for_a_row_of_hold_backs_at_most(void **state)
{
    struct fixture x;
    int64_t first_ms;
    setup(&x, true);
    x.sync.config.holdback_ms = 2000;
    tell_all(&x, "con node=X,5 +a batch=X,6,n +b batch=X,7,n +c batch=X,8,n");
    stall(&x);
    first_ms = x.now_ms;
    bytes_reset(&x.said);
    tell_all(&x, "-a");
    for (int i = 0; i < 3; i++)
        stall(&x);
    tick_until(&x, first_ms + 9950);
    assert_null(strstr(bytes_text(&x.said), "batch("));
    tick_until(&x, first_ms + 10100);
    assert_non_null(strstr(bytes_text(&x.said), "batch(ea/1)"));
    tell_all(&x, "batch=X,9,f");
    tick_until(&x, first_ms + 11600);
    answer_node(&x, SPAN("X,9"));
    tell_all(&x, "-b"); /* they have not gone out for a hold-back yet */
    assert_non_null(strstr(bytes_text(&x.said), "batch(eb/2)"));
    tell_all(&x, "batch=X,9,f");
    stall(&x);
    stall(&x);
    tell_all(&x, "-c");
    assert_null(strstr(bytes_text(&x.said), "batch(ec/3)"));
    teardown(&x);
}

/* Given up with its connection, or refused because it came too late. Other errors say nothing of its size. */
static void test_what_takes_too_long_is_made_smaller(void **state)
{
    struct fixture x;
    size_t whole;
    setup(&x, true);
    tell_all(&x, "con node=X,5 @3000");
    for (int i = 0; i < 3 * SESSIONS_BATCH_MAX; i++) {
        char name[16];
        snprintf(name, sizeof(name), "u%d", i);
        session_open(&x.sessions, span_of(name), SPAN_NONE, SPAN_NONE, &x, x.now_ms);
    }
    session_sync_flush(&x.sync, x.now_ms);
    whole = x.sync.op_count;
    tell_all(&x, "batch!ERR @3500");
    assert_int_equal(x.sync.op_count, whole);
    tell_all(&x, "lost con node=X,6");
    session_sync_flush(&x.sync, x.now_ms);
    assert_in_range(x.sync.op_count, whole / 2 - 3, whole / 2);
    tell_all(&x, "batch!STALE @4500");
    assert_in_range(x.sync.op_count, whole / 4 - 3, whole / 4);
    while (x.sync.batch.waiting)
        batch_answered(&x, 'n');
    assert_int_equal(x.sessions.batch_max, SESSIONS_BATCH_MAX);
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
    assert_true(session_sync_idle(&x.sync));
    teardown(&x);
}

/* The second registration may come from within the answer to the first, before any tick. */
static void test_the_clock_is_told_from_the_first_answer_on(void **state)
{
    struct fixture x;
    char expected[24];
    setup(&x, false);
    tell_all(&x, "con");
    assert_string_equal(x.offset, "0");
    tell_all(&x, "node=X,5 probe");
    snprintf(expected, sizeof(expected), "%lld", (long long)(WALL_MS - x.now_ms - x.ahead_ms));
    assert_string_equal(x.offset, expected);
    teardown(&x);
}

/* What is learned of the issuers' clocks is told at once, or with the answer to what is under way. */
static void test_a_lead_is_told(void **state)
{
    struct fixture x;
    setup(&x, false);
    node_registry_ahead(&x.registry, 3, x.now_ms);
    assert_string_equal(bytes_text(&x.said), "");
    tell_all(&x, "con");
    node_registry_ahead(&x.registry, 5, x.now_ms);
    tell_all(&x, "node=X,5");
    assert_string_equal(bytes_text(&x.said), "node() X5! nodes2 ");
    tick(&x);
    assert_string_equal(bytes_text(&x.said), "node() X5! nodes2 node() ");
    tell_all(&x, "node=X,5");
    node_registry_ahead(&x.registry, 5, x.now_ms);
    tick(&x);
    assert_string_equal(bytes_text(&x.said), "node() X5! nodes2 node() X5 nodes2 ");
    node_registry_ahead(&x.registry, 0, x.now_ms);
    assert_string_equal(bytes_text(&x.said), "node() X5! nodes2 node() X5 nodes2 node() ");
    teardown(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stories),
        cmocka_unit_test(test_the_clock_is_told_from_the_first_answer_on),
        cmocka_unit_test(test_what_it_learns),
        cmocka_unit_test(test_connected_is_registered),
        cmocka_unit_test(test_when_it_flushes),
        cmocka_unit_test(test_a_full_batch_is_followed_at_once),
        cmocka_unit_test(test_ends_wait_for_a_row_of_hold_backs_at_most),
        cmocka_unit_test(test_what_takes_too_long_is_made_smaller),
        cmocka_unit_test(test_without_sessions),
        cmocka_unit_test(test_a_lead_is_told),
    };

    map_set_hash_key(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
