#include "store/follower_inner.h"

#include "base/mem.h"
#include "wire/control.h"
#include "wire/event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOAD_PAGE     1000
#define LOG_PAGE      1000
#define RETRY_MS      200
#define DEAF_AFTER_MS 150
#define DEAF_FILLS    3

void follower_init(struct follower *f, const struct store *store, const struct redis_time *time,
                   const char *group_key, const struct follower_hooks *hooks, void *arg)
{
    memset(f, 0, sizeof(*f));
    f->store = store;
    f->time = time;
    f->group_key = group_key;
    f->hooks = hooks;
    f->arg = arg;
    roster_init(&f->roster);
    groups_init(&f->groups);
    recovery_init(&f->recovery);
}

void follower_finish(struct follower *f)
{
    roster_finish(&f->roster);
    groups_finish(&f->groups);
    bytes_finish(&f->command);
}

bool follower_recovering(const struct follower *f)
{
    return f->recovery.waiting;
}

bool follower_send(struct follower *f, enum follower_tag tag)
{
    if (f->waiting[tag] || f->hooks->send(f->arg, tag, bytes_span(&f->command)) < 0)
        return false;
    f->waiting[tag] = true;
    return true;
}

static bool ask_load(struct follower *f, struct span cursor)
{
    bytes_reset(&f->command);
    store_load(f->store, cursor, LOAD_PAGE, f->text, &f->command);
    return span_copy(cursor, f->cursor, sizeof(f->cursor)) == 0 && follower_send(f, FOLLOWER_LOAD);
}

static void ask_log(struct follower *f)
{
    bytes_reset(&f->command);
    store_log(f->store, f->roster.rev + 1, LOG_PAGE, &f->command);
    if (!follower_send(f, FOLLOWER_LOG))
        return;
    f->log_until = f->store_rev;
    f->gaps++;
}

/* A load is to come that will jump over any gap. */
static bool load_ahead(const struct follower *f)
{
    return f->reload || (f->waiting[FOLLOWER_LOAD] && strcmp(f->cursor, "0") == 0);
}

static bool able(const struct follower *f)
{
    return f->wanted && f->connected && f->subscribed;
}

/* Begins what is due: a load, but not before the servers have asserted. */
static void go_on(struct follower *f, int64_t now_ms)
{
    bool settled = recovery_settled(&f->recovery, now_ms);
    if (f->claims_missed && f->groups.by_name.count > 0) {
        f->claims_missed = false;
        f->reload = true;
    }
    if (!settled || !able(f) || !f->reload || f->waiting[FOLLOWER_LOAD] || now_ms < f->retry_ms)
        return;
    if (!ask_load(f, SPAN("0")))
        return;
    f->reload = false;
    roster_load_begin(&f->roster);
}

void follower_want(struct follower *f, int64_t now_ms)
{
    if (!f->wanted)
        f->reload = true;
    f->wanted = true;
    go_on(f, now_ms);
}

void follower_connected(struct follower *f, bool connected, int64_t now_ms)
{
    f->connected = connected;
    if (!connected) {
        /* A load that was under way begins anew. */
        f->reload |= f->roster.loading || (f->wanted && !f->roster.loaded);
        memset(f->waiting, 0, sizeof(f->waiting));
    }
    go_on(f, now_ms);
}

void follower_subscribed(struct follower *f, bool subscribed, int64_t now_ms)
{
    f->subscribed = subscribed;
    /* What was published meanwhile stands in the log, but for changes of claims. */
    f->claims_missed |= subscribed && (f->roster.loaded || f->roster.loading);
    if (subscribed && f->connected && f->epoch[0] && !load_ahead(f))
        ask_log(f);
    go_on(f, now_ms);
}

static void write_claims(const struct change *c, struct bytes *out)
{
    for (size_t i = 0; i < c->group_count; i++) {
        bytes_append_span(out, c->groups[i]);
        bytes_append_char(out, '\n');
    }
}

/* Who was online already, as a store that lost its memory says again, may have come with other claims. */
static void tell_claims(struct follower *f, const struct change *c, struct span before)
{
    const struct roster_user *u = roster_get(&f->roster, c->user);
    if (u && !span_equal(before, roster_user_groups(u)))
        f->hooks->regrouped(f->arg, NULL, roster_user_id(u), before, roster_user_groups(u));
}

/* Claims of an offline change are those the user had. */
static void apply(struct follower *f, const struct change *c)
{
    bytes_auto before = BYTES_INIT, claims = BYTES_INIT;
    const struct roster_user *old = roster_get(&f->roster, c->user);
    bool was = old != NULL;
    if (was)
        bytes_append_span(&before, roster_user_groups(old));
    write_claims(c, &claims);
    if (roster_apply(&f->roster, c))
        f->hooks->changed(f->arg, c, bytes_span(c->online ? &claims : &before));
    else if (was && c->online)
        tell_claims(f, c, bytes_span(&before));
    f->roster.rev = c->rev;
}

static bool same_epoch(const struct follower *f, struct span epoch)
{
    return f->epoch[0] && span_equal(epoch, span_of(f->epoch));
}

/* In order: now. Beyond a gap: the log has it and what is missing. */
static void take_change(struct follower *f, const struct change *c)
{
    if (c->rev <= f->roster.rev)
        return;
    if (c->rev > f->store_rev)
        f->store_rev = c->rev;
    if (c->rev == f->roster.rev + 1) {
        apply(f, c);
        return;
    }
    if (f->waiting[FOLLOWER_LOG] || load_ahead(f))
        f->missed = true;
    else
        ask_log(f);
}

static void take_by_hand(struct follower *f, const struct change *c, int64_t now_ms)
{
    struct change told = *c;
    const struct roster_user *u = roster_get(&f->roster, c->user);
    if (told.timestamp_ms == 0)
        told.timestamp_ms = redis_time_at(f->time, now_ms);
    f->hooks->changed(f->arg, &told, u ? roster_user_groups(u) : SPAN_NONE);
}

static void take_update(struct follower *f, struct span payload, int64_t now_ms)
{
    struct event event;
    if (event_read(payload, &event) < 0) {
        f->dropped++;
        return;
    }
    bool ours = event.epoch.len > 0 && event.change.rev > 0;
    if (event.db >= 0 && event.db != f->store->db)
        f->dropped++;
    else if (!ours && f->wanted)
        take_by_hand(f, &event.change, now_ms);
    else if (ours && same_epoch(f, event.epoch))
        take_change(f, &event.change);
    else if (ours)
        f->missed = true;
    event_finish(&event);
}

static void take_regroup(struct follower *f, struct span payload)
{
    struct span groups[GROUPS_MAX];
    struct control control;
    if (control_read(payload, groups, &control) < 0)
        return;
    struct roster_user *u = roster_get(&f->roster, control.user);
    bool ours = span_equal(control.cmd, SPAN("groups")) && control.db == f->store->db;
    /* A change before it, or the page with the user, is still to come, and would undo it. */
    bool to_come = f->roster.rev < f->store_rev || (!u && f->roster.loading);
    f->claims_missed |= ours && to_come;
    if (ours && u) {
        bytes_auto before = BYTES_INIT;
        bytes_append_span(&before, roster_user_groups(u));
        u = roster_regroup(&f->roster, control.user, groups, control.group_count);
        f->hooks->regrouped(f->arg, NULL, roster_user_id(u), bytes_span(&before), roster_user_groups(u));
    }
    control_finish(&control);
}

void follower_message(struct follower *f, struct span channel, struct span payload, int64_t now_ms)
{
    f->silent_fills = 0;
    if (span_equal(channel, SPAN("updates"))) {
        take_update(f, payload, now_ms);
        return;
    }
    take_regroup(f, payload);
    f->hooks->control(f->arg, payload);
}

static void meet_epoch(struct follower *f, const struct store_state *state, int64_t now_ms)
{
    recovery_epoch(&f->recovery, state->epoch, now_ms);
    if (!f->epoch[0] || same_epoch(f, state->epoch) ||
        span_copy(state->epoch, f->epoch, sizeof(f->epoch)) < 0)
        return;
    f->roster.epoch[0] = '\0';
    f->roster.rev = f->store_rev = state->rev;
    roster_forget_revisions(&f->roster);
    f->behind_ms = 0;
    f->reload = true;
    f->hooks->restarted(f->arg, state->rev);
}

void follower_state(struct follower *f, const struct store_state *state, int64_t now_ms)
{
    meet_epoch(f, state, now_ms);
    if (!same_epoch(f, state->epoch))
        return;
    if (state->rev > f->store_rev)
        f->store_rev = state->rev;
    if (f->roster.rev >= f->store_rev)
        f->behind_ms = 0;
    else if (f->behind_ms == 0)
        f->behind_ms = now_ms;
}

void follower_nodes(struct follower *f, const struct node_answer *answer, int64_t now_ms)
{
    for (size_t i = 0; i < reply_count(answer->nodes) / 2; i++) {
        struct node node;
        if (node_read(answer->nodes, i, &node) < 0)
            continue;
        if (span_equal(node.program, SPAN("presence-ws")))
            recovery_node(&f->recovery, node.name, answer->state.now_ms - node.seen_ms, node.asserted,
                          now_ms);
        node_finish(&node);
    }
    go_on(f, now_ms);
}

struct told_gone {
    struct follower *f;
    int64_t timestamp_ms;
};

static void tell_gone(void *arg, const struct roster_user *u)
{
    const struct told_gone *told = arg;
    struct change c = {
        .user = roster_user_id(u),
        .online = false,
        .rev = told->f->roster.rev,
        .timestamp_ms = told->timestamp_ms,
        .last_seen_ms = u->last_seen_ms,
        .device = roster_user_device(u),
        .reason = SPAN("recovered"),
    };
    told->f->hooks->changed(told->f->arg, &c, roster_user_groups(u));
}

/* Returns whether viewers are to be told of it. */
static bool load_change(struct follower *f, const struct change *c)
{
    bytes_auto before = BYTES_INIT;
    const struct roster_user *u = roster_get(&f->roster, c->user);
    if (u)
        bytes_append_span(&before, roster_user_groups(u));
    bool news = roster_load_user(&f->roster, c);
    u = roster_get(&f->roster, c->user);
    if (!news && u && f->roster.loaded && !span_equal(bytes_span(&before), roster_user_groups(u)))
        f->hooks->regrouped(f->arg, NULL, roster_user_id(u), bytes_span(&before), roster_user_groups(u));
    return news && f->roster.loaded;
}

static void load_one(struct follower *f, const struct load_user *user, int64_t timestamp_ms)
{
    struct span groups[GROUPS_MAX];
    struct change c = {
        .user = user->user,
        .online = true,
        .rev = user->rev,
        .timestamp_ms = timestamp_ms,
        .last_seen_ms = user->last_seen_ms,
        .device = user->device.len <= DEVICE_ID_MAX ? user->device : SPAN_NONE,
        .reason = SPAN("recovered"),
        .groups = groups,
    };
    if (!user_id_valid(c.user))
        return;
    void *json = groups_read(user->groups, groups, &c.group_count);
    if (load_change(f, &c)) {
        c.rev = f->roster.rev;
        f->hooks->changed(f->arg, &c, roster_user_groups(roster_get(&f->roster, c.user)));
    }
    groups_read_finish(json);
}

/* The first page sets the revision from which on changes count. */
static void load_starts(struct follower *f, const struct store_state *state)
{
    if (!f->epoch[0])
        span_copy(state->epoch, f->epoch, sizeof(f->epoch));
    if (state->rev > f->roster.rev)
        f->roster.rev = state->rev;
    if (f->store_rev < f->roster.rev)
        f->store_rev = f->roster.rev;
    f->load_rev = state->rev;
    f->roster.epoch[0] = '\0';
}

static void load_ends(struct follower *f, int64_t now_ms)
{
    struct told_gone told = {f, redis_time_at(f->time, now_ms)};
    bool first = !f->roster.loaded;
    roster_load_end(&f->roster, f->load_rev, tell_gone, &told);
    span_copy(span_of(f->epoch), f->roster.epoch, sizeof(f->roster.epoch));
    f->loads++;
    /* Differences were told under the present revision: who has seen it need not have seen them. */
    f->hooks->restarted(f->arg, f->roster.rev + !first);
    if (f->missed)
        ask_log(f);
    f->hooks->ready(f->arg);
}

static void load_later(struct follower *f, int64_t retry_ms)
{
    f->reload = true;
    f->retry_ms = retry_ms;
}

static void load_answer(struct follower *f, const struct redisReply *reply, int64_t now_ms)
{
    struct load_answer answer;
    bool first = strcmp(f->cursor, "0") == 0;
    int result = store_read_load(reply, &answer);
    f->text = result == STORE_NOSCRIPT;
    /* Without an epoch Redis was emptied and nobody has come yet: that is no roster. */
    if (result < 0 || answer.state.epoch.len == 0) {
        load_later(f, result == STORE_NOSCRIPT ? now_ms : now_ms + RETRY_MS);
        return;
    }
    meet_epoch(f, &answer.state, now_ms);
    if (f->reload)
        return;
    if (first)
        load_starts(f, &answer.state);
    for (size_t i = 0; i < answer.count; i++) {
        struct load_user user;
        load_user(&answer, i, &user);
        load_one(f, &user, answer.state.now_ms);
    }
    if (span_equal(answer.cursor, SPAN("0")))
        load_ends(f, now_ms);
    else if (!ask_load(f, answer.cursor))
        load_later(f, now_ms + RETRY_MS);
}

/* The log no longer reaches back to what is missing. */
static void load_instead(struct follower *f)
{
    f->reload = true;
    f->missed = false;
}

/* Whether the log goes on where the roster stands. */
static bool take_logged(struct follower *f, uint64_t rev, struct span text)
{
    struct event event;
    if (rev <= f->roster.rev)
        return true;
    if (event_read(text, &event) < 0)
        return false;
    bool next = rev == f->roster.rev + 1 && event.change.rev == rev && same_epoch(f, event.epoch);
    if (next)
        apply(f, &event.change);
    event_finish(&event);
    return next;
}

static void log_answer(struct follower *f, const struct redisReply *reply)
{
    size_t count = reply_count(reply);
    bool missed = f->missed;
    f->missed = false;
    for (size_t i = 0; i < count; i++) {
        struct span text;
        uint64_t rev;
        if (log_entry(reply, i, &rev, &text) < 0 || !take_logged(f, rev, text)) {
            load_instead(f);
            return;
        }
    }
    if (count < LOG_PAGE && f->roster.rev < f->log_until)
        load_instead(f);
    else if (count == LOG_PAGE || (missed && f->roster.rev < f->store_rev))
        ask_log(f);
}

void follower_answer(struct follower *f, enum follower_tag tag, const struct redisReply *reply,
                     int64_t now_ms)
{
    if (!reply || !f->waiting[tag])
        return;
    f->waiting[tag] = false;
    if (tag == FOLLOWER_LOAD)
        load_answer(f, reply, now_ms);
    else if (tag == FOLLOWER_LOG)
        log_answer(f, reply);
    else
        follower_group_answer(f, reply, now_ms);
    go_on(f, now_ms);
}

void follower_tick(struct follower *f, int64_t now_ms)
{
    if (able(f) && f->behind_ms && now_ms - f->behind_ms >= DEAF_AFTER_MS && f->roster.rev < f->store_rev &&
        !load_ahead(f)) {
        f->behind_ms = now_ms;
        f->deaf |= ++f->silent_fills >= DEAF_FILLS;
        ask_log(f);
    }
    if (f->wanted)
        follower_read_groups(f, now_ms);
    go_on(f, now_ms);
}
