/* SPDX-License-Identifier: MIT */
/* The roster sync against a Redis in which anything happens at any time: lost links, lost messages, a log that
 * is too short, another epoch. What it tells adds up to the truth, and nobody who lives is told offline. */
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

#include "base/map.h"
#include "base/mem.h"
#include "base/rng.h"
#include "store/node_registry.h"
#include "store/roster_sync.h"

#define USERS   12
#define LOG_CAP 8
#define PAGE    3
#define REVS    100000

struct message {
    struct message *next;
    struct store_request *request; /* NULL: the registration, on the same link */
    struct bytes text;
};

struct fifo {
    struct message *first, **last;
};

static void fifo_clear(struct fifo *q)
{
    for (struct message *next, *m = q->first; m; m = next) {
        next = m->next;
        bytes_finish(&m->text);
        free(m);
    }
    q->first = NULL;
    q->last = &q->first;
}

static struct bytes *fifo_put(struct fifo *q, struct store_request *request)
{
    struct message *m = mem_zalloc(sizeof(*m));
    m->request = request;
    *q->last = m;
    q->last = &m->next;
    return &m->text;
}

static struct message *fifo_take(struct fifo *q)
{
    struct message *m = q->first;
    q->first = m->next;
    if (!q->first)
        q->last = &q->first;
    return m;
}

static void message_free(struct message *m)
{
    bytes_finish(&m->text);
    free(m);
}

struct world {
    uint64_t seed;
    struct rng rng;
    struct store store;
    struct redis_time time;
    struct roster_sync roster_sync;
    struct recovery recovery;
    int64_t now_ms;
    bool quiet; /* nothing goes wrong any more */

    /* The phones, by two servers: this one has the even users, another the odd. */
    bool lives[USERS];
    bool to_assert[USERS];

    /* Redis. */
    char epoch[16]; /* empty: it was wiped, and nobody has spoken */
    unsigned epochs;
    uint64_t rev;
    bool online[USERS];
    uint64_t transition[USERS];
    struct {
        uint64_t rev;
        size_t user;
        bool online;
    } log[LOG_CAP];
    size_t logged;
    bool registered[2];

    struct fifo asked, answered, published;
    bool connected, subscribed, deaf;

    /* A viewer of everyone. */
    bool view[USERS];
    /* How often the phone has left: in all, when a transition was made, and when the one was that the viewer
     * was told of. */
    unsigned left[USERS], left_at[REVS], left_before[USERS];
    size_t told, loads, wipes, gaps;
};

static void write_event(const struct world *w, size_t user, bool online, uint64_t rev, struct bytes *out)
{
    bytes_printf(out,
                 "{\"userId\":\"u%zu\",\"status\":\"%s\",\"timestamp\":1,\"lastSeen\":1,\"deviceId\":null,"
                 "\"rev\":%llu,\"epoch\":\"%s\",\"db\":0}",
                 user, online ? "online" : "offline", (unsigned long long)rev, w->epoch);
}

static void enter_epoch(struct world *w)
{
    if (w->epoch[0])
        return;
    snprintf(w->epoch, sizeof(w->epoch), "epoch%u", ++w->epochs);
    /* Sometimes behind the revisions of before. */
    w->rev = w->epochs * 1000 + rng_below(&w->rng, 2000);
    w->logged = 0;
}

static void redis_set(struct world *w, size_t user, bool online)
{
    enter_epoch(w);
    if (w->online[user] == online)
        return;
    w->online[user] = online;
    w->transition[user] = ++w->rev;
    assert_true(w->rev < REVS);
    w->left_at[w->rev] = w->left[user];
    if (w->logged == LOG_CAP)
        memmove(w->log, w->log + 1, --w->logged * sizeof(w->log[0]));
    w->log[w->logged].rev = w->rev;
    w->log[w->logged].user = user;
    w->log[w->logged++].online = online;
    if (w->subscribed && !w->deaf)
        write_event(w, user, online, w->rev, fifo_put(&w->published, NULL));
}

static void transition(struct world *w)
{
    size_t user = rng_below(&w->rng, USERS);
    w->lives[user] = !w->lives[user];
    w->left[user] += !w->lives[user];
    w->to_assert[user] = false;
    redis_set(w, user, w->lives[user]);
}

static bool node_has_asserted(const struct world *w, int node)
{
    for (size_t i = (size_t)node; i < USERS; i += 2)
        if (w->to_assert[i])
            return false;
    return true;
}

static void assert_one(struct world *w)
{
    size_t user = rng_below(&w->rng, USERS);
    if (!w->epoch[0] || !w->to_assert[user])
        return;
    w->to_assert[user] = false;
    redis_set(w, user, true);
}

static void wipe(struct world *w)
{
    w->wipes++;
    w->epoch[0] = '\0';
    w->logged = 0;
    w->registered[0] = w->registered[1] = false;
    memset(w->online, 0, sizeof(w->online));
    memcpy(w->to_assert, w->lives, sizeof(w->lives));
}

static void answer_load(struct world *w, struct span cursor, struct bytes *out)
{
    uint64_t from = 0;
    size_t count = 0;
    bytes_auto users = BYTES_INIT;

    assert_int_equal(span_to_u64(cursor, USERS, &from), 0);
    for (size_t i = from; i < from + PAGE && i < USERS; i++) {
        char name[8];
        if (!w->online[i])
            continue;
        snprintf(name, sizeof(name), "u%zu", i);
        answer_text(&users, span_of(name));
        answer_number(&users, 1);
        answer_text(&users, SPAN_NONE);
        answer_number(&users, (int64_t)w->transition[i]);
        answer_text(&users, SPAN_NONE);
        count++;
    }
    answer_array(out, 5);
    answer_number(out, w->now_ms);
    answer_text(out, span_of(w->epoch));
    answer_number(out, w->epoch[0] ? (int64_t)w->rev : 0);
    answer_number(out, from + PAGE < USERS ? (int64_t)from + PAGE : 0);
    answer_array(out, 5 * count);
    bytes_append_span(out, bytes_span(&users));
}

static void answer_log(struct world *w, struct span first, struct bytes *out)
{
    uint64_t from;
    size_t skip = 0;
    assert_int_equal(span_to_u64(first, UINT64_MAX, &from), 0);
    while (skip < w->logged && w->log[skip].rev < from)
        skip++;
    answer_array(out, w->logged - skip);
    for (size_t i = skip; i < w->logged; i++) {
        bytes_auto id = BYTES_INIT;
        bytes_auto event = BYTES_INIT;
        bytes_printf(&id, "%llu-0", (unsigned long long)w->log[i].rev);
        write_event(w, w->log[i].user, w->log[i].online, w->log[i].rev, &event);
        answer_array(out, 2);
        answer_text(out, bytes_span(&id));
        answer_array(out, 2);
        answer_text(out, SPAN("event"));
        answer_text(out, bytes_span(&event));
    }
}

static void answer_node(struct world *w, struct bytes *out)
{
    static const char *const names[] = {"here", "there"};
    enter_epoch(w);
    w->registered[0] = true;
    answer_array(out, 8);
    answer_number(out, w->now_ms);
    answer_text(out, span_of(w->epoch));
    answer_number(out, (int64_t)w->rev);
    for (int i = 0; i < 3; i++)
        answer_number(out, 0);
    answer_array(out, 2 * ((size_t)w->registered[0] + w->registered[1]));
    for (int i = 0; i < 2; i++) {
        bytes_auto json = BYTES_INIT;
        if (!w->registered[i])
            continue;
        bytes_printf(&json, "{\"program\":\"presence-ws\",\"seen\":%lld,\"asserted\":\"%s\"}",
                     (long long)w->now_ms, node_has_asserted(w, i) ? w->epoch : "");
        answer_text(out, span_of(names[i]));
        answer_text(out, bytes_span(&json));
    }
    answer_number(out, 0);
}

/* Redis does the next command. */
static void execute(struct world *w)
{
    struct message *m = fifo_take(&w->asked);
    struct bytes *out = fifo_put(&w->answered, m->request);
    if (!m->request) {
        answer_node(w, out);
    } else if (!w->quiet && rng_below(&w->rng, 30) == 0) {
        bytes_append_text(out, "-LOADING Redis is loading the dataset in memory\r\n");
    } else {
        struct redisReply *argv = asked_read(bytes_span(&m->text));
        if (m->request == &w->roster_sync.load)
            answer_load(w, asked_arg(argv, SCRIPT_ARGS), out);
        else
            answer_log(w, asked_arg(argv, 2), out);
        reply_free(argv);
    }
    message_free(m);
}

static void deliver(struct world *w)
{
    struct message *m = fifo_take(&w->answered);
    struct redisReply *reply = answer_read(bytes_span(&m->text));
    struct node_answer node;
    if (!m->request) {
        assert_int_equal(store_read_node(reply, &node), 0);
        roster_sync_state(&w->roster_sync, &node.state, w->now_ms);
        node_registry_hear_peers(&w->recovery, &node, 0, w->now_ms);
        roster_sync_nodes(&w->roster_sync, &node, w->now_ms);
    } else {
        store_request_answered(m->request, reply, w->now_ms);
    }
    reply_free(reply);
    message_free(m);
}

static void hear(struct world *w)
{
    struct message *m = fifo_take(&w->published);
    roster_sync_message(&w->roster_sync, SPAN("updates"), bytes_span(&m->text), w->now_ms);
    message_free(m);
}

static int on_send(void *arg, struct store_request *request, struct span command)
{
    struct world *w = arg;
    if (!w->connected)
        return -1;
    bytes_append_span(fifo_put(&w->asked, request), command);
    return 0;
}

static void on_changed(void *arg, const struct change *c, struct span claims)
{
    struct world *w = arg;
    uint64_t user;
    assert_int_equal(span_to_u64((struct span){c->user.data + 1, c->user.len - 1}, USERS, &user), 0);
    if (!w->roster_sync.roster.loaded)
        return;
    if (w->view[user] == c->online)
        fail_msg("seed %llu: user %llu was %s already", (unsigned long long)w->seed, (unsigned long long)user,
                 c->online ? "online" : "offline");
    if (!c->online && w->left[user] == w->left_before[user])
        fail_msg("seed %llu: user %llu lives, but is told offline", (unsigned long long)w->seed,
                 (unsigned long long)user);
    if (c->online)
        w->left_before[user] = w->left_at[roster_get(&w->roster_sync.roster, c->user)->rev];
    w->view[user] = c->online;
    w->told++;
}

static void on_restarted(void *arg, uint64_t rev)
{
}

/* Viewers begin with what the roster is then. */
static void on_ready(void *arg)
{
    struct world *w = arg;
    if (w->loads++)
        return;
    for (size_t i = 0; i < USERS; i++) {
        char name[8];
        snprintf(name, sizeof(name), "u%zu", i);
        const struct roster_user *u = roster_get(&w->roster_sync.roster, span_of(name));
        w->view[i] = u != NULL;
        w->left_before[i] = u ? w->left_at[u->rev] : 0;
    }
}

static void on_set_changed(void *arg, struct group *group, const struct span *users, size_t count)
{
}

static void on_regrouped(void *arg, struct span user, struct span before, struct span now)
{
}

static void on_control(void *arg, const struct control *control)
{
}

static const struct roster_sync_hooks hooks = {
    .send = on_send,
    .changed = on_changed,
    .restarted = on_restarted,
    .ready = on_ready,
    .set_changed = on_set_changed,
    .regrouped = on_regrouped,
    .control = on_control,
};

static void link_lost(struct world *w)
{
    if (!w->connected)
        return;
    w->connected = false;
    fifo_clear(&w->asked);
    fifo_clear(&w->answered);
    roster_sync_connected(&w->roster_sync, false, w->now_ms);
}

static void link_up(struct world *w)
{
    if (w->connected)
        return;
    w->connected = true;
    fifo_put(&w->asked, NULL);
    roster_sync_connected(&w->roster_sync, true, w->now_ms);
}

static void unsubscribe(struct world *w)
{
    if (!w->subscribed)
        return;
    w->subscribed = w->deaf = false;
    fifo_clear(&w->published);
    roster_sync_subscribed(&w->roster_sync, false, w->now_ms);
}

static void subscribe(struct world *w)
{
    if (w->subscribed)
        return;
    w->subscribed = true;
    roster_sync_subscribed(&w->roster_sync, true, w->now_ms);
}

static void tick(struct world *w)
{
    roster_sync_tick(&w->roster_sync, w->now_ms);
    if (!w->roster_sync.stale_subscription)
        return;
    w->roster_sync.stale_subscription = false;
    unsubscribe(w);
    subscribe(w);
}

static void go_wrong(struct world *w)
{
    switch (rng_below(&w->rng, 7)) {
    case 0: link_lost(w); break;
    case 1: unsubscribe(w); break;
    case 2: w->deaf = w->subscribed; break;
    case 3: wipe(w); break;
    case 4:
        if (w->published.first)
            message_free(fifo_take(&w->published));
        break;
    default:
        /* Many changes at once: the log is too short for them. */
        for (int i = 0; i < 12; i++)
            transition(w);
    }
}

static void step(struct world *w)
{
    uint64_t dice = rng_below(&w->rng, 1000);
    w->now_ms += (int64_t)rng_below(&w->rng, 4);
    if (dice < 100 && !w->quiet)
        transition(w);
    else if (dice < 112 && !w->quiet)
        go_wrong(w);
    else if (dice < 200)
        assert_one(w);
    else if (dice < 450 && w->asked.first)
        execute(w);
    else if (dice < 700 && w->answered.first)
        deliver(w);
    else if (dice < 900 && w->published.first)
        hear(w);
    else if (dice < 920 && w->connected)
        fifo_put(&w->asked, NULL);
    else if (dice < 930)
        link_up(w);
    else if (dice < 940)
        subscribe(w);
    else if (dice < 950)
        w->registered[1] |= w->epoch[0] != '\0';
    else if (dice < 1000)
        tick(w);
}

static void assert_agreed(struct world *w)
{
    w->quiet = true;
    for (int i = 0; i < 5000; i++)
        step(w);
    assert_true(w->roster_sync.roster.loaded);
    for (size_t i = 0; i < USERS; i++) {
        char name[8];
        snprintf(name, sizeof(name), "u%zu", i);
        bool known = roster_get(&w->roster_sync.roster, span_of(name)) != NULL;
        if (known != w->lives[i] || w->view[i] != w->lives[i])
            fail_msg("seed %llu: user %zu %s, the roster says %d, the viewer was told %d",
                     (unsigned long long)w->seed, i, w->lives[i] ? "lives" : "does not live", known,
                     w->view[i]);
    }
    w->quiet = false;
}

static void world_start(struct world *w, uint64_t seed)
{
    memset(w, 0, sizeof(*w));
    w->seed = seed;
    w->now_ms = 1000;
    w->asked.last = &w->asked.first;
    w->answered.last = &w->answered.first;
    w->published.last = &w->published.first;
    w->store = (struct store){.prefix = "presence:", .log_max = 1000};
    rng_init(&w->rng, seed);
    redis_time_sample(&w->time, 1000, 1000, 1000);
    recovery_init(&w->recovery);
    roster_sync_init(&w->roster_sync, &w->store, &w->time, &w->recovery, "g.{group}.u", &hooks, w);
    /* Both servers are known before anything happens. */
    link_up(w);
    enter_epoch(w);
    w->registered[0] = w->registered[1] = true;
    execute(w);
    deliver(w);
    roster_sync_want(&w->roster_sync, w->now_ms);
}

static void test_random_faults(void **state)
{
    size_t told = 0, loads = 0, wipes = 0, gaps = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        static struct world w;
        world_start(&w, seed);
        for (int round = 0; round < 4; round++) {
            for (int i = 0; i < 2000; i++)
                step(&w);
            assert_agreed(&w);
        }
        told += w.told;
        loads += w.roster_sync.loads;
        wipes += w.wipes;
        gaps += w.roster_sync.gaps;
        roster_sync_finish(&w.roster_sync);
        recovery_finish(&w.recovery);
        fifo_clear(&w.asked);
        fifo_clear(&w.answered);
        fifo_clear(&w.published);
    }
    print_message("%zu changes told, %zu loads, %zu epochs, %zu gaps\n", told, loads, wipes, gaps);
    assert_true(told && loads && wipes && gaps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_faults),
    };

    map_set_hash_key(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
