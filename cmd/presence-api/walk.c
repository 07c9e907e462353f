/* SPDX-License-Identifier: MIT */
#include "walk.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "counters.h"
#include "redis/reply.h"
#include "redis/resp.h"
#include "store/keys.h"
#include "wire/control.h"

#include <stdlib.h>
#include <string.h>

#define SLICE     500   /* users, or members of a set, that one question is about */
#define STEPS     5000  /* users that are collected, sorted or given out in one turn of the loop */
#define HAND_US   2000  /* in which a turn tells those who wait */
#define TEXTS     65536 /* different claims that are remembered */
#define ONE(i)    ((uint64_t)1 << (i))
#define UNREACHED "Redis can't be reached"

/* An id or a text, and the views that it concerns, one bit each. */
struct mark {
    uint64_t views;
    size_t len;
    char id[];
};

/* What one token sees. */
struct view_of_token {
    const struct scope *scope;
    struct span key;
    const char *failure;
    size_t count, bytes; /* of the users seen, and of their ids */
    struct seen *seen;
    char *text; /* where its next id goes */
};

enum phase_of_walk { RESTING, SCANNING, READING_SETS, COLLECTING, SORTING, GIVING, HANDING_OUT };

struct walker {
    struct questions *questions;
    const struct store *store;
    const char *group_key;
    struct loop_task *task;
    struct loop_timer *rest;
    bool rests;
    struct list waiting; /* for the next walk */
    size_t waiting_count;
    struct seen_lists kept;

    /* The present walk. */
    enum phase_of_walk phase;
    struct list round; /* who waits for it */
    struct view_of_token views[WALK_VIEWS_MAX];
    size_t count;
    int64_t begun_us;
    const char *failure; /* of all */
    struct question question;
    struct arena arena;
    struct map groups; /* that a token names: whose tokens */
    struct map claims; /* texts of claims: who sees whoever has them */
    struct map online; /* users: who sees them */
    char epoch[EPOCH_SIZE];
    uint64_t cursor;
    bool scanned;
    struct mark **fresh; /* users of the last slice, whose claims are not known */
    size_t fresh_count;
    size_t view, group, members; /* whose set is read, and how many of that view's have been */
    /* Those who are seen by anybody, in merges of runs of `width`: the present one takes from `left` and `right`
     * of `from` and puts at `put` of `to`. */
    struct mark **from, **to;
    size_t sorted_count, width, begin, left, right, put;
    size_t at; /* in the map, or of those sorted */
};

static struct span mark_key(const void *object)
{
    const struct mark *m = object;
    return (struct span){m->id, m->len};
}

/* The mark of that name, made when there is none. */
static struct mark *mark(struct walker *w, struct map *in, struct span id, bool *ret_fresh)
{
    struct mark *m = map_get(in, id);
    *ret_fresh = !m;
    if (m)
        return m;
    m = arena_alloc(&w->arena, sizeof(*m) + id.len);
    m->views = 0;
    m->len = id.len;
    memcpy(m->id, id.data, id.len);
    map_put(in, m);
    return m;
}

static void see(struct walker *w, struct mark *user, uint64_t views)
{
    uint64_t fresh = views & ~user->views;
    user->views |= views;
    for (size_t i = 0; fresh && i < w->count; i++) {
        if (!(fresh & ONE(i)))
            continue;
        w->views[i].count++;
        w->views[i].bytes += user->len;
        fresh &= ~ONE(i);
    }
}

/* Which views see whoever claims these groups. */
static uint64_t views_of_claim(struct walker *w, struct span text)
{
    struct span groups[GROUPS_UNION_MAX];
    size_t count;
    bool fresh;
    uint64_t views = 0;
    if (text.len == 0)
        return 0;
    const struct mark *known = map_get(&w->claims, text);
    if (known)
        return known->views;
    void *json = control_groups_read(text, groups, &count);
    for (size_t i = 0; i < count; i++) {
        const struct mark *group = map_get(&w->groups, groups[i]);
        views |= group ? group->views : 0;
    }
    control_groups_finish(json);
    if (w->claims.count < TEXTS)
        mark(w, &w->claims, text, &fresh)->views = views;
    return views;
}

static void go_on(struct walker *w, enum phase_of_walk phase)
{
    w->phase = phase;
    loop_task_want(w->task);
}

static void fail(struct walker *w, const char *failure)
{
    w->failure = failure;
    go_on(w, HANDING_OUT);
}

/* With the epoch asked for, too: answers of another one are about another memory. */
static void ask(struct walker *w, size_t count,
                void (*answered)(void *arg, const struct redisReply *const *replies))
{
    if (clock_mono_us() - w->begun_us > WALK_MS * 1000) {
        fail(w, "Too many users and groups to look at; ask for fewer groups");
        return;
    }
    store_epoch(w->store, &w->question.commands);
    w->question.count = count + 1;
    w->question.answered = answered;
    w->question.arg = w;
    if (questions_ask(w->questions, &w->question) < 0)
        fail(w, UNREACHED);
}

static bool is_of_this_walk(struct walker *w, const struct redisReply *const *replies)
{
    char epoch[EPOCH_SIZE] = "";
    bytes_reset(&w->question.commands);
    if (!replies) {
        fail(w, UNREACHED);
        return false;
    }
    span_copy(reply_text(reply_at(replies[w->question.count - 1], 0)), epoch, sizeof(epoch));
    if (!w->epoch[0])
        memcpy(w->epoch, epoch, sizeof(epoch));
    if (strcmp(w->epoch, epoch) == 0)
        return true;
    fail(w, "Redis has lost its memory; waiting for the servers to say who is online");
    return false;
}

static void put_scan(struct walker *w, const char *command, struct span key)
{
    struct bytes *out = &w->question.commands;
    bytes_auto text = BYTES_INIT;
    bytes_append_u64(&text, w->cursor);
    resp_begin(out, 5);
    resp_text(out, command);
    resp_arg(out, key);
    resp_arg(out, bytes_span(&text));
    resp_text(out, "COUNT");
    resp_integer(out, SLICE);
}

static const struct redisReply *take_scan(struct walker *w, const struct redisReply *reply)
{
    w->cursor = 0;
    span_to_u64(reply_text(reply_at(reply, 0)), UINT64_MAX, &w->cursor);
    return reply_at(reply, 1);
}

static void read_sets(struct walker *w);

static void on_set(void *arg, const struct redisReply *const *replies)
{
    struct walker *w = arg;
    if (!is_of_this_walk(w, replies))
        return;
    struct view_of_token *view = &w->views[w->view];
    struct mark *group = map_get(&w->groups, view->scope->token.groups[w->group]);
    const struct redisReply *items = take_scan(w, replies[0]);
    for (size_t i = 0; i < reply_count(items); i++) {
        struct mark *user = map_get(&w->online, reply_text(reply_at(items, i)));
        if (user)
            see(w, user, group->views);
    }
    w->members += reply_count(items);
    if (w->members > WALK_MEMBERS_MAX) {
        view->failure = "Too many members in the token's groups";
        w->view++;
        w->group = w->members = 0;
        w->cursor = 0;
    } else if (w->cursor == 0) {
        group->views = 0; /* it is read for all */
        w->group++;
    }
    read_sets(w);
}

/* The sets of each view's groups, each once: one that is read counts for the first of the views that name it. */
static void read_sets(struct walker *w)
{
    bytes_auto set = BYTES_INIT;
    for (; w->view < w->count; w->view++, w->group = w->members = 0) {
        const struct view_of_token *view = &w->views[w->view];
        const struct token *token = &view->scope->token;
        for (; w->group < token->group_count && view->count < w->online.count; w->group++) {
            if (!((struct mark *)map_get(&w->groups, token->groups[w->group]))->views)
                continue;
            keys_group(w->group_key, token->groups[w->group], &set);
            put_scan(w, "SSCAN", bytes_span(&set));
            ask(w, 1, on_set);
            return;
        }
        w->cursor = 0;
    }
    w->from = mem_array(w->online.count + 1, sizeof(struct mark *));
    w->to = mem_array(w->online.count + 1, sizeof(struct mark *));
    go_on(w, COLLECTING);
}

/* Everybody sees himself. */
static void see_selves(struct walker *w)
{
    for (size_t i = 0; i < w->count; i++) {
        const struct token *token = &w->views[i].scope->token;
        struct mark *self = map_get(&w->online, (struct span){token->user, token->user_len});
        if (self)
            see(w, self, ONE(i));
    }
}

static void scan(struct walker *w);

/* The claims of the slice before, and the next slice. */
static void on_slice(void *arg, const struct redisReply *const *replies)
{
    struct walker *w = arg;
    if (!is_of_this_walk(w, replies))
        return;
    for (size_t i = 0; i < w->fresh_count; i++)
        see(w, w->fresh[i], views_of_claim(w, reply_text(replies[i])));
    const struct redisReply *slice = w->scanned ? NULL : replies[w->fresh_count];
    if (reply_is_error(slice)) {
        fail(w, "Redis can't answer: the index of who is online is no sorted set");
        return;
    }
    w->fresh_count = 0;
    const struct redisReply *items = slice ? take_scan(w, slice) : NULL;
    w->scanned = w->cursor == 0;
    w->fresh = mem_realloc(w->fresh, (reply_count(items) + 1) * sizeof(w->fresh[0]));
    for (size_t i = 0; i < reply_count(items); i += 2) {
        struct span user = reply_text(reply_at(items, i));
        bool fresh = false;
        struct mark *m = identity_user_valid(user) ? mark(w, &w->online, user, &fresh) : NULL;
        if (fresh)
            w->fresh[w->fresh_count++] = m;
    }
    scan(w);
}

static void scan(struct walker *w)
{
    struct bytes *out = &w->question.commands;
    bytes_auto name = BYTES_INIT;
    for (size_t i = 0; i < w->fresh_count; i++) {
        bytes_reset(&name);
        keys_user(w->store->prefix, USER_KEY_META, mark_key(w->fresh[i]), &name);
        resp_begin(out, 3);
        resp_text(out, "HGET");
        resp_arg(out, bytes_span(&name));
        resp_text(out, "groups");
    }
    if (!w->scanned) {
        bytes_reset(&name);
        keys_name(w->store->prefix, KEY_DUE, &name);
        put_scan(w, "ZSCAN", bytes_span(&name));
    }
    if (w->fresh_count > 0 || !w->scanned) {
        ask(w, w->fresh_count + !w->scanned, on_slice);
        return;
    }
    see_selves(w);
    w->phase = READING_SETS;
    read_sets(w);
}

static void collect(struct walker *w)
{
    struct mark *user = NULL;
    for (size_t n = 0; n < STEPS && (user = map_next(&w->online, &w->at)); n++)
        if (user->views)
            w->from[w->sorted_count++] = user;
    if (user)
        return;
    w->at = 0;
    w->width = 1;
    w->left = w->put = w->begin = 0;
    w->right = w->sorted_count < 1 ? 0 : 1;
    w->phase = SORTING;
}

static size_t bounded(const struct walker *w, size_t at)
{
    return at < w->sorted_count ? at : w->sorted_count;
}

/* A merge sort that can pause anywhere. */
static void sort(struct walker *w)
{
    for (size_t n = 0; n < STEPS && w->width < w->sorted_count; n++) {
        size_t middle = bounded(w, w->begin + w->width), end = bounded(w, w->begin + 2 * w->width);
        bool takes_right =
            w->right < end &&
            (w->left == middle || span_compare(mark_key(w->from[w->right]), mark_key(w->from[w->left])) < 0);
        w->to[w->put++] = w->from[takes_right ? w->right++ : w->left++];
        if (w->put < end)
            continue;
        if (end == w->sorted_count) {
            struct mark **sorted = w->to;
            w->to = w->from;
            w->from = sorted;
            w->width *= 2;
        }
        w->begin = w->left = w->put = end == w->sorted_count ? 0 : end;
        w->right = bounded(w, w->begin + w->width);
    }
    if (w->width < w->sorted_count)
        return;
    for (size_t i = 0; i < w->count; i++) {
        struct view_of_token *view = &w->views[i];
        if (view->failure)
            continue;
        view->seen = seen_alloc(view->count, view->bytes);
        view->text = view->seen->text;
    }
    w->phase = GIVING;
}

static void give(struct walker *w)
{
    for (size_t n = 0; n < STEPS && w->at < w->sorted_count; w->at++) {
        const struct mark *user = w->from[w->at];
        for (size_t i = 0; i < w->count; i++) {
            struct view_of_token *view = &w->views[i];
            if (!view->seen || !(user->views & ONE(i)))
                continue;
            view->text = seen_append(view->seen, view->text, mark_key(user));
            n++;
        }
    }
    if (w->at < w->sorted_count)
        return;
    for (size_t i = 0; i < w->count; i++)
        if (w->views[i].seen)
            seen_keep(&w->kept, w->views[i].key, w->views[i].seen, clock_mono_ms());
    w->phase = HANDING_OUT;
}

static void tell(struct walker *w, struct waiting *waiting, struct seen *seen, const char *failure)
{
    list_remove(&waiting->link);
    w->waiting_count--;
    waiting->over(waiting->arg, seen, failure);
}

static void walk_finish(struct walker *w)
{
    for (size_t i = 0; i < w->count; i++)
        seen_release(w->views[i].seen);
    map_finish(&w->groups);
    map_finish(&w->claims);
    map_finish(&w->online);
    arena_finish(&w->arena);
    bytes_finish(&w->question.commands);
    free(w->fresh);
    free(w->from);
    free(w->to);
    w->fresh = w->from = w->to = NULL;
    w->count = 0;
    w->phase = RESTING;
}

static void hand_out(struct walker *w)
{
    int64_t begun_us = clock_mono_us();
    while (!list_empty(&w->round) && clock_mono_us() - begun_us < HAND_US) {
        struct waiting *waiting = list_entry(w->round.next, struct waiting, link);
        const struct view_of_token *view = &w->views[waiting->view];
        const char *failure = w->failure ? w->failure : view->failure;
        tell(w, waiting, failure ? NULL : seen_hold(view->seen), failure);
    }
    if (!list_empty(&w->round))
        return;
    int64_t walked_us = clock_mono_us() - w->begun_us;
    metric_observe_us(&counters.walks, walked_us);
    metric_add(&counters.walked_users, w->online.count);
    walk_finish(w);
    w->rests = true;
    loop_timer_start(w->rest, walked_us / 1000, 0);
}

static size_t view_of(struct walker *w, const struct waiting *waiting)
{
    struct span key = bytes_span(&waiting->key);
    size_t i = 0;
    while (i < w->count && !span_equal(w->views[i].key, key))
        i++;
    if (i == w->count && i < WALK_VIEWS_MAX)
        w->views[w->count++] = (struct view_of_token){.key = key, .scope = waiting->scope};
    return i;
}

/* For those who wait, in the order of their coming; the rest waits for the next. */
static void begin(struct walker *w)
{
    bool fresh;
    for (struct list *at = w->waiting.next, *next; at != &w->waiting; at = next) {
        struct waiting *waiting = list_entry(at, struct waiting, link);
        next = at->next;
        waiting->view = view_of(w, waiting);
        if (waiting->view == WALK_VIEWS_MAX)
            continue;
        list_remove(at);
        list_append(&w->round, at);
    }
    w->begun_us = clock_mono_us();
    w->failure = NULL;
    w->epoch[0] = '\0';
    w->cursor = w->at = w->sorted_count = w->view = w->group = w->members = w->fresh_count = 0;
    w->scanned = false;
    map_init(&w->groups, mark_key);
    map_init(&w->claims, mark_key);
    map_init(&w->online, mark_key);
    for (size_t i = 0; i < w->count; i++) {
        const struct token *token = &w->views[i].scope->token;
        for (size_t group = 0; group < token->group_count; group++)
            mark(w, &w->groups, token->groups[group], &fresh)->views |= ONE(i);
    }
    w->phase = SCANNING;
    scan(w);
}

/* What needs no answer of Redis, some of it in each turn. */
static void on_task(void *arg)
{
    struct walker *w = arg;
    switch (w->phase) {
    case RESTING:
        if (!w->rests && !list_empty(&w->waiting))
            begin(w);
        return;
    case SCANNING:
    case READING_SETS: return;
    case COLLECTING: collect(w); break;
    case SORTING: sort(w); break;
    case GIVING: give(w); break;
    case HANDING_OUT: hand_out(w); break;
    }
    loop_task_want(w->task);
}

static void on_rested(void *arg)
{
    struct walker *w = arg;
    w->rests = false;
    loop_task_want(w->task);
}

struct walker *walker_create(struct loop *loop, struct questions *questions, const struct store *store,
                             const char *group_key)
{
    struct walker *w = mem_zalloc(sizeof(*w));
    w->questions = questions;
    w->store = store;
    w->group_key = group_key;
    w->task = loop_task_create(loop, on_task, w);
    w->rest = loop_timer_create(loop, on_rested, w);
    list_init(&w->waiting);
    list_init(&w->round);
    seen_lists_init(&w->kept);
    return w;
}

void walker_destroy(struct walker *w)
{
    if (!w)
        return;
    list_take(&w->waiting, &w->round);
    w->failure = "draining";
    while (!list_empty(&w->waiting))
        tell(w, list_entry(w->waiting.next, struct waiting, link), NULL, w->failure);
    if (w->phase != RESTING)
        walk_finish(w);
    seen_lists_finish(&w->kept);
    loop_task_destroy(w->task);
    loop_timer_destroy(w->rest);
    free(w);
}

static void write_key(const struct scope *scope, struct bytes *out)
{
    const struct token *t = &scope->token;
    bytes_append_json(out, (struct span){t->user, t->user_len});
    for (size_t i = 0; i < t->group_count; i++)
        bytes_append_json(out, t->groups[i]);
}

struct seen *walker_recall(struct walker *w, const struct scope *scope)
{
    bytes_auto key = BYTES_INIT;
    write_key(scope, &key);
    return seen_recall(&w->kept, bytes_span(&key), clock_mono_ms());
}

int walker_wait(struct walker *w, struct waiting *waiting, const struct scope *scope,
                void (*over)(void *arg, struct seen *seen, const char *failure), void *arg)
{
    if (w->waiting_count >= WAITING_MAX)
        return -1;
    waiting->scope = scope;
    waiting->over = over;
    waiting->arg = arg;
    bytes_reset(&waiting->key);
    write_key(scope, &waiting->key);
    list_append(&w->waiting, &waiting->link);
    w->waiting_count++;
    loop_task_want(w->task);
    return 0;
}

void walk_waiting_finish(struct waiting *w)
{
    bytes_finish(&w->key);
}
