/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/answer.h"
#include "support/asked.h"
#include "support/story.h"

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
    struct story story;
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
        story_say(&x->story, "%s%c%.*s/%.*s", i ? " " : "", op->plain ? 'p' : (char)op->kind,
                  (int)op->user.len, op->user.data, (int)op->session.len - 2, op->session.data + 2);
    }
}

static int on_send(void *arg, struct store_request *request, struct span command)
{
    struct fixture *x = arg;
    struct redisReply *argv;
    if (x->refuses)
        return -1;
    argv = asked_read(command);
    if (request == &x->sync.batch) {
        assert_true(x->sync.beat_commands ? span_equal(asked_arg(argv, 0), SPAN("PEXPIREAT"))
                                          : asked_is_script(argv, SCRIPT_APPLY));
        story_say(&x->story, "batch(");
        say_batch(x);
    } else if (request == &x->sync.audit) {
        assert_true(asked_is_script(argv, SCRIPT_AUDIT));
        story_say(&x->story, "audit(%s", asked_arg(argv, SCRIPT_ARGS).data);
    } else if (asked_arg(argv, SCRIPT_ARGS + 5).len) {
        assert_true(asked_is_script(argv, SCRIPT_NODE));
        story_say(&x->story, "leave(");
    } else {
        story_say(&x->story, "node(%s", asked_arg(argv, SCRIPT_ARGS + 3).data);
        span_copy(asked_arg(argv, SCRIPT_ARGS + 2), x->offset, sizeof(x->offset));
    }
    story_say(&x->story, ") ");
    reply_free(argv);
    return 0;
}

static void on_state(void *arg, const struct store_state *state, const struct node_registry_news *news)
{
    struct fixture *x = arg;
    if (x->has_sessions)
        session_sync_state(&x->sync, news, x->now_ms);
    story_say(&x->story, "%.*s%llu%s ", (int)state->epoch.len, state->epoch.data,
              (unsigned long long)state->rev, news->fresh_epoch ? "!" : "");
}

static void on_nodes(void *arg, const struct node_answer *answer)
{
    struct fixture *x = arg;
    story_say(&x->story, "nodes%zu ", reply_count(answer->nodes) / 2);
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
    story_say(&x->story, "reset ");
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
    story_say(&x->story, "%c ", outcome);
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

static struct redisReply *number_reply(int64_t number)
{
    bytes_auto out = BYTES_INIT;
    answer_number(&out, number);
    return answer_read(bytes_span(&out));
}

/* "X,9,n.": in epoch X, at revision 9; of a plain beat '.' is answers as they should be; of the other letters one is not. */
static void answer_batch(struct fixture *x, struct span what)
{
    struct redisReply *replies[3 * SESSIONS_BATCH_MAX + 3];
    bytes_auto script = BYTES_INIT, state = BYTES_INIT, outcomes = BYTES_INIT;
    struct span epoch = span_split(&what, ','), rev = span_split(&what, ',');
    size_t count = 0;
    for (size_t i = 0; i < what.len; i++) {
        if (!x->sync.ops[i].plain) {
            bytes_append_char(&outcomes, what.data[i]);
            continue;
        }
        replies[count++] = number_reply(what.data[i] != '0');
        replies[count++] = number_reply(what.data[i] == '1');
        replies[count++] = number_reply(what.data[i] != '2');
    }
    if (count > 0) {
        answer_array(&state, 2);
        answer_text(&state, epoch);
        answer_text(&state, SPAN("1"));
        replies[count++] = number_reply(1);
        replies[count++] = answer_read(bytes_span(&state));
    }
    if (x->sync.beat_count < x->sync.op_count) {
        answer_array(&script, 5);
        write_state(x, epoch, rev, &script);
        answer_text(&script, bytes_span(&outcomes));
        replies[count++] = answer_read(bytes_span(&script));
    }
    store_request_answered_all(&x->sync.batch, (const struct redisReply *const *)replies, x->now_ms);
    while (count > 0)
        reply_free(replies[--count]);
    end_turn(x);
}

/* "17,a:n/7,b:n/8": the next cursor, and what stands in the store. */
static void tell_audit(void *machine, struct span word, struct span what)
{
    struct fixture *x = machine;
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

static void tell_error(void *machine, struct span word, struct span error)
{
    struct fixture *x = machine;
    bytes_auto out = BYTES_INIT;

    bytes_printf(&out, "-%.*s is what Redis said\r\n", (int)error.len, error.data);
    answer(x,
           word.data[0] == 'n'   ? &x->registry.request
           : word.data[0] == 'b' ? &x->sync.batch
                                 : &x->sync.audit,
           &out);
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

/* Verbs: con, noinfo (the process is not known from now on), lost, @2000 (ticks until then), refuse, take, hurry,
 * probe, leave, ahead=5000; +a -a *a ~a a phone comes, goes, beats, is given up; and what comes in: node=X,9
 * node!ERR batch=X,9,n. batch!ERR audit=0,a:n/7 audit!ERR */
static void tell_connected(void *machine, struct span word, struct span rest)
{
    struct fixture *x = machine;
    x->refuses = false;
    if (x->has_sessions)
        session_sync_connected(&x->sync, x->run_id, x->now_ms);
    node_registry_connected(&x->registry, x->run_id, ++x->generation, x->now_ms);
}

static void tell_no_info(void *machine, struct span word, struct span rest)
{
    ((struct fixture *)machine)->run_id = STORE_RUN_ID_UNKNOWN;
}

static void tell_lost(void *machine, struct span word, struct span rest)
{
    disconnect(machine);
}

static void tell_refuses(void *machine, struct span word, struct span rest)
{
    ((struct fixture *)machine)->refuses = word.data[0] == 'r';
}

static void tell_hurry(void *machine, struct span word, struct span rest)
{
    ((struct fixture *)machine)->registry.hurry = true;
}

static void tell_probe(void *machine, struct span word, struct span rest)
{
    struct fixture *x = machine;
    node_registry_probe(&x->registry, x->now_ms);
}

static void tell_leave(void *machine, struct span word, struct span rest)
{
    struct fixture *x = machine;
    node_registry_leave(&x->registry, x->now_ms);
}

static void tell_ahead(void *machine, struct span word, struct span ahead)
{
    ((struct fixture *)machine)->ahead_ms = (int64_t)story_number(ahead);
}

static void tell_node(void *machine, struct span word, struct span what)
{
    answer_node(machine, what);
}

static void tell_batch(void *machine, struct span word, struct span what)
{
    answer_batch(machine, what);
}

static void tell_session(void *machine, struct span word, struct span user)
{
    struct fixture *x = machine;
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

static void pass(void *machine, int64_t until_ms)
{
    tick_until(machine, until_ms);
}

static const struct story_verb verbs[] = {
    {"con", tell_connected}, {"noinfo", tell_no_info}, {"lost", tell_lost},    {"refuse", tell_refuses},
    {"take", tell_refuses},  {"hurry", tell_hurry},    {"probe", tell_probe},  {"leave", tell_leave},
    {"ahead=", tell_ahead},  {"node=", tell_node},     {"batch=", tell_batch}, {"audit=", tell_audit},
    {"node!", tell_error},   {"batch!", tell_error},   {"audit!", tell_error}, {"[+*~-]", tell_session},
};
static const struct story_table table = {STORY_VERBS(verbs), .pass = pass};

static void setup(struct fixture *x, const char *name, bool sessions)
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
    x->sync.credit_ms = INT32_MAX;
    x->flush_ms = INT64_MAX;
    x->has_sessions = sessions;
    story_init(&x->story, name, &table, x);
}

static void teardown(struct fixture *x)
{
    node_registry_finish(&x->registry);
    session_sync_finish(&x->sync);
    sessions_finish(&x->sessions);
    story_finish(&x->story);
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
        {"beats are gathered", UP "+a batch=X,6,n @1100 *a | @1200 | @1250 batch=X,6,.",
         SAID "batch(oa/1) X6 n | | batch(pa/1) . "},
        {"beats go along with what is sent", UP "+a +b batch=X,6,n batch=X,7,n @1100 *a *b +c batch=X,8,..n",
         SAID "batch(oa/1) X6 n batch(ob/2) X7 n batch(pa/1 pb/2 oc/3) X8 . . n "},
        {"the key was not moved on: the script, at once",
         UP "+a batch=X,6,n @1100 *a @1350 batch=X,6,0 batch=X,6,.",
         SAID "batch(oa/1) X6 n batch(pa/1) ? batch(ba/1) X6 . "},
        {"its field was gone: the script, at once",
         UP "+a +b batch=X,6,n batch=X,6,n @1100 *a *b @1350 batch=X,6,1. batch=X,7,n @1400 *a @1650 "
            "batch=X,7,.",
         SAID "batch(oa/1) X6 n batch(ob/2) X6 n batch(pa/1 pb/2) ? . batch(ba/1) X7 n batch(pa/1) . "},
        {"it does not stand: the script, at once", UP "+a batch=X,6,n @1100 *a @1350 batch=X,6,2 batch=X,7,n",
         SAID "batch(oa/1) X6 n batch(pa/1) ? batch(ba/1) X7 n "},
        {"in another epoch the script is asked of all",
         UP "+a +b batch=X,6,n batch=X,6,n @1100 *a *b @1350 batch=Y,6,.. batch=Y,7,..",
         SAID "batch(oa/1) X6 n batch(ob/2) X6 n batch(pa/1 pb/2) ? ? batch(ba/1 bb/2) Y7! . . "
              "batch(ra/1 rb/2) "},
        {"after a lost connection the script, for a TTL",
         UP "+a batch=X,6,n lost con node=X,6 @1100 *a @1400 batch=X,6,.",
         SAID "batch(oa/1) X6 n node(X) X6 nodes2 batch(ba/1) X6 . "},
        {"one that goes meanwhile only ends", UP "+a batch=X,6,n @1100 *a @1350 -a batch=X,6,1 batch=X,7,f",
         SAID "batch(oa/1) X6 n batch(pa/1) ? batch(ea/1) X7 f "},
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
        {"told by a batch", UP "+a batch=X,6,n @1010 +b batch=Y,90,n batch=Y,90,.. audit=0",
         SAID "batch(oa/1) X6 n batch(ob/2) Y90! n batch(ra/1 rb/2) Y90 . . audit(0) node(Y) "},
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
        setup(&x, cases[i].name, true);
        story_tell(&x.story, cases[i].words);
        story_expect(&x.story, cases[i].said);
        teardown(&x);
    }
}

static void test_what_it_learns(void **state)
{
    struct fixture x;
    setup(&x, __func__, true);
    story_tell(&x.story, "con node=X,500 +a batch=X,600,n");
    assert_int_equal(x.store.generation, 1);
    assert_string_equal(x.store.run_id, "0123456789012345678901234567890123456789");
    assert_int_equal(x.store.known_rev, 600);
    /* The highest ever seen, so that no revision comes twice. */
    story_tell(&x.story, "lost con node=Y,90");
    assert_int_equal(x.store.known_rev, 600);
    assert_int_equal(x.store.generation, 2);
    assert_int_equal(redis_time_at(&x.time, 5000), 1005000);
    /* Beats are said in Redis's time. */
    story_tell(&x.story, "batch=Y,91,n");
    story_forget(&x.story);
    x.now_ms = 7000;
    story_tell(&x.story, "*a @7050");
    assert_int_equal(x.sync.ops[0].beat_ms, redis_time_latest(&x.time, 7000));
    assert_false(session_sync_idle(&x.sync));
    story_tell(&x.story, "batch=Y,91,. audit=0");
    assert_true(session_sync_idle(&x.sync));
    /* Answers that nobody waits for. */
    story_forget(&x.story);
    story_tell(&x.story, "batch=Y,99,n audit=0,q:n/9");
    store_request_answered(&x.registry.request, NULL, x.now_ms);
    assert_int_equal(x.store.known_rev, 600);
    assert_null(sessions_user(&x.sessions, SPAN("q")));
    teardown(&x);
}

/* A session that begins and ends before this connection is registered is never reported. */
static void test_connected_is_registered(void **state)
{
    struct fixture x;
    setup(&x, __func__, true);
    story_tell(&x.story, "con +a -a node=X,5 @1900");
    story_expect(&x.story, "node() X5! nodes2 ");
    assert_true(x.sessions.connected);
    story_tell(&x.story, "lost");
    assert_false(x.sessions.connected);
    story_tell(&x.story, "+b -b con");
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

static void open_one(struct fixture *x, const char *user)
{
    session_open(&x->sessions, span_of(user), SPAN_NONE, SPAN_NONE, x, x->now_ms);
    session_sync_changed(&x->sync, x->now_ms);
}

static void test_when_it_flushes(void **state)
{
    struct fixture x;
    struct session *s;
    setup(&x, __func__, true);
    story_tell(&x.story, "con node=X,5 @2000");
    s = session_open(&x.sessions, SPAN("a"), SPAN_NONE, SPAN_NONE, &x, x.now_ms);
    session_sync_changed(&x.sync, x.now_ms);
    assert_true(x.flush_ms <= x.now_ms);
    end_turn(&x);
    story_tell(&x.story, "batch=X,6,n");
    assert_int_equal(x.flush_ms, INT64_MAX);
    session_beat(&x.sessions, s, SPAN("{}"), x.now_ms);
    session_sync_changed(&x.sync, x.now_ms);
    assert_int_equal(x.flush_ms, 2250);
    x.now_ms += 1;
    session_beat(&x.sessions, s, SPAN("{}"), x.now_ms);
    session_sync_changed(&x.sync, x.now_ms);
    assert_int_equal(x.flush_ms, 2250);
    session_end(&x.sessions, s, "gone", SESSION_CLOSED, x.now_ms);
    session_sync_changed(&x.sync, x.now_ms);
    assert_true(x.flush_ms <= x.now_ms);
    end_turn(&x);
    assert_true(sessions_in_flight(&x.sessions));
    teardown(&x);
}

/* What comes while a batch is in flight leaves with its answer, as long as there is credit; then each opening
 * makes the next wait for 2 ms, a batch for 5 to 20 ms. */
static void test_many_openings_share_batches(void **state)
{
    struct fixture x;
    setup(&x, __func__, true);
    x.sync.credit_ms = 10;
    story_tell(&x.story, "con node=X,5 @2000");
    open_one(&x, "a");
    end_turn(&x);
    open_one(&x, "b");
    batch_answered(&x, 'n');
    assert_true(sessions_in_flight(&x.sessions));
    open_one(&x, "c");
    batch_answered(&x, 'n');
    assert_true(sessions_in_flight(&x.sessions));
    open_one(&x, "d");
    batch_answered(&x, 'n');
    assert_false(sessions_in_flight(&x.sessions));
    assert_int_equal(x.flush_ms, 2005);
    x.now_ms = 2005;
    for (int i = 0; i < 6; i++)
        open_one(&x, "e");
    end_turn(&x);
    batch_answered(&x, 'n');
    open_one(&x, "f");
    assert_int_equal(x.flush_ms, 2005 + 2 * 7);
    x.now_ms = 2019;
    for (int i = 0; i < 30; i++)
        open_one(&x, "g");
    end_turn(&x);
    batch_answered(&x, 'n');
    open_one(&x, "h");
    assert_int_equal(x.flush_ms, 2019 + 20);
    x.now_ms = 2100;
    session_sync_flush(&x.sync, x.now_ms);
    batch_answered(&x, 'n');
    open_one(&x, "i");
    assert_true(x.flush_ms <= x.now_ms);
    teardown(&x);
}

/* Of a crowd, full batches follow each other; whoever comes behind it does not wait for all their pauses. */
static void test_full_batches_do_not_keep_others_waiting(void **state)
{
    struct fixture x;
    setup(&x, __func__, true);
    x.sync.credit_ms = 10;
    story_tell(&x.story, "con node=X,5 @2000");
    for (int i = 0; i < 10 * SESSIONS_BATCH_MAX; i++)
        session_open(&x.sessions, SPAN("a"), SPAN_NONE, SPAN_NONE, &x, x.now_ms);
    session_sync_flush(&x.sync, x.now_ms);
    while (x.sync.batch.waiting)
        batch_answered(&x, 'n');
    open_one(&x, "b");
    assert_int_equal(x.flush_ms, 2020);
    teardown(&x);
}

/* Redis begins with them while the loop is busy with the others. */
static void test_many_openings_leave_within_the_turn(void **state)
{
    struct fixture x;
    setup(&x, __func__, true);
    story_tell(&x.story, "con node=X,5 @2000");
    for (int i = 0; i < 127; i++)
        open_one(&x, "a");
    assert_false(sessions_in_flight(&x.sessions));
    open_one(&x, "a");
    assert_true(sessions_in_flight(&x.sessions));
    assert_int_equal(x.sync.op_count, 128);
    teardown(&x);
}

/* A phone that stands in the store, at 2000. */
static struct session *let_in(struct fixture *x)
{
    story_tell(&x->story, "con node=X,5 @2000");
    struct session *s = session_open(&x->sessions, SPAN("a"), SPAN_NONE, SPAN_NONE, x, x->now_ms);
    session_sync_flush(&x->sync, x->now_ms);
    story_tell(&x->story, "batch=X,6,n");
    return s;
}

/* The store may be about to take it for silent. */
static void test_a_beat_near_its_deadline_does_not_wait(void **state)
{
    struct fixture x;
    setup(&x, __func__, true);
    struct session *s = let_in(&x);
    x.now_ms += TTL_MS / 2;
    session_beat(&x.sessions, s, SPAN_NONE, x.now_ms);
    session_sync_changed(&x.sync, x.now_ms);
    assert_int_equal(x.flush_ms, x.now_ms + x.sync.beat_gather_ms);
    session_sync_flush(&x.sync, x.now_ms);
    story_tell(&x.story, "batch=X,6,.");
    x.now_ms += TTL_MS / 4 * 3 + 1;
    session_beat(&x.sessions, s, SPAN_NONE, x.now_ms);
    session_sync_changed(&x.sync, x.now_ms);
    assert_true(x.flush_ms <= x.now_ms);
    teardown(&x);
}

/* Where Redis's time is not known well, the script bounds beats by it. */
static void test_beats_are_plain_where_the_time_is_known(void **state)
{
    struct fixture x;
    setup(&x, __func__, true);
    struct session *s = let_in(&x);
    x.time.high_ms = x.time.low_ms + 101;
    x.now_ms += 100;
    session_beat(&x.sessions, s, SPAN_NONE, x.now_ms);
    session_sync_flush(&x.sync, x.now_ms);
    assert_int_equal(x.sync.beat_count, 0);
    story_tell(&x.story, "batch=X,6,.");
    x.time.high_ms = x.time.low_ms + 100;
    session_beat(&x.sessions, s, SPAN_NONE, ++x.now_ms);
    session_sync_flush(&x.sync, x.now_ms + TTL_MS / 2 - 200); /* as after a long outage */
    assert_int_equal(x.sync.beat_count, 1);
    story_tell(&x.story, "batch=X,6,.");
    session_beat(&x.sessions, s, SPAN_NONE, ++x.now_ms);
    session_sync_flush(&x.sync, x.now_ms + TTL_MS / 2);
    assert_int_equal(x.sync.op_count, 1);
    assert_int_equal(x.sync.beat_count, 0);
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

    setup(&x, __func__, true);
    x.sync.credit_ms = -1000;
    x.sync.beat_gather_ms = 1000;
    story_tell(&x.story, "con node=X,5 @3000");
    for (int i = 0; i < PHONES; i++) {
        char name[16];
        snprintf(name, sizeof(name), "u%d", i);
        phones[i] = session_open(&x.sessions, span_of(name), SPAN_NONE, SPAN_NONE, &x, x.now_ms);
    }
    session_sync_flush(&x.sync, x.now_ms);
    while (x.sync.batch.waiting)
        said += batch_answered(&x, 'n');
    assert_int_equal(said, PHONES);
    story_tell(&x.story, "@10000");
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
    setup(&x, __func__, true);
    x.sync.config.holdback_ms = 2000;
    story_tell(&x.story, "con node=X,5 +a batch=X,6,n +b batch=X,7,n +c batch=X,8,n");
    stall(&x);
    first_ms = x.now_ms;
    story_forget(&x.story);
    story_tell(&x.story, "-a");
    for (int i = 0; i < 3; i++)
        stall(&x);
    tick_until(&x, first_ms + 9950);
    assert_null(strstr(bytes_text(&x.story.said), "batch("));
    tick_until(&x, first_ms + 10100);
    assert_non_null(strstr(bytes_text(&x.story.said), "batch(ea/1)"));
    story_tell(&x.story, "batch=X,9,f");
    tick_until(&x, first_ms + 11600);
    answer_node(&x, SPAN("X,9"));
    story_tell(&x.story, "-b"); /* they have not gone out for a hold-back yet */
    assert_non_null(strstr(bytes_text(&x.story.said), "batch(eb/2)"));
    story_tell(&x.story, "batch=X,9,f");
    stall(&x);
    stall(&x);
    story_tell(&x.story, "-c");
    assert_null(strstr(bytes_text(&x.story.said), "batch(ec/3)"));
    teardown(&x);
}

/* Given up with its connection, or refused because it came too late. Other errors say nothing of its size. */
static void test_what_takes_too_long_is_made_smaller(void **state)
{
    struct fixture x;
    size_t whole;
    setup(&x, __func__, true);
    story_tell(&x.story, "con node=X,5 @3000");
    for (int i = 0; i < 3 * SESSIONS_BATCH_MAX; i++) {
        char name[16];
        snprintf(name, sizeof(name), "u%d", i);
        session_open(&x.sessions, span_of(name), SPAN_NONE, SPAN_NONE, &x, x.now_ms);
    }
    session_sync_flush(&x.sync, x.now_ms);
    whole = x.sync.op_count;
    story_tell(&x.story, "batch!ERR @3500");
    assert_int_equal(x.sync.op_count, whole);
    story_tell(&x.story, "lost con node=X,6");
    session_sync_flush(&x.sync, x.now_ms);
    assert_in_range(x.sync.op_count, whole / 2 - 3, whole / 2);
    story_tell(&x.story, "batch!STALE @4500");
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
    setup(&x, __func__, false);
    story_tell(&x.story, "con node=X,5 @2000 node=Y,90 @3000 node!FENCED con node=Y,90 lost leave");
    story_expect(&x.story, "node() X5! nodes2 node() Y90! nodes2 node() reset node() Y90 nodes2 ");
    assert_true(session_sync_idle(&x.sync));
    teardown(&x);
}

/* The second registration may come from within the answer to the first, before any tick. */
static void test_the_clock_is_told_from_the_first_answer_on(void **state)
{
    struct fixture x;
    char expected[24];
    setup(&x, __func__, false);
    story_tell(&x.story, "con");
    assert_string_equal(x.offset, "0");
    story_tell(&x.story, "node=X,5 probe");
    snprintf(expected, sizeof(expected), "%lld", (long long)(WALL_MS - x.now_ms - x.ahead_ms));
    assert_string_equal(x.offset, expected);
    teardown(&x);
}

/* What is learned of the issuers' clocks is told at once, or with the answer to what is under way. */
static void test_a_lead_is_told(void **state)
{
    struct fixture x;
    setup(&x, __func__, false);
    node_registry_ahead(&x.registry, 3, x.now_ms);
    story_expect(&x.story, "");
    story_tell(&x.story, "con");
    node_registry_ahead(&x.registry, 5, x.now_ms);
    story_tell(&x.story, "node=X,5");
    story_expect(&x.story, "node() X5! nodes2 ");
    tick(&x);
    story_expect(&x.story, "node() X5! nodes2 node() ");
    story_tell(&x.story, "node=X,5");
    node_registry_ahead(&x.registry, 5, x.now_ms);
    tick(&x);
    story_expect(&x.story, "node() X5! nodes2 node() X5 nodes2 ");
    node_registry_ahead(&x.registry, 0, x.now_ms);
    story_expect(&x.story, "node() X5! nodes2 node() X5 nodes2 node() ");
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
        cmocka_unit_test(test_many_openings_share_batches),
        cmocka_unit_test(test_full_batches_do_not_keep_others_waiting),
        cmocka_unit_test(test_many_openings_leave_within_the_turn),
        cmocka_unit_test(test_a_full_batch_is_followed_at_once),
        cmocka_unit_test(test_a_beat_near_its_deadline_does_not_wait),
        cmocka_unit_test(test_beats_are_plain_where_the_time_is_known),
        cmocka_unit_test(test_ends_wait_for_a_row_of_hold_backs_at_most),
        cmocka_unit_test(test_what_takes_too_long_is_made_smaller),
        cmocka_unit_test(test_without_sessions),
        cmocka_unit_test(test_a_lead_is_told),
    };

    map_set_hash_key(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
