/* SPDX-License-Identifier: MIT */
#include "store/roster_sync.h"

#include "base/log.h"
#include "base/mem.h"
#include "wire/event.h"

#include <stdlib.h>
#include <string.h>

/* What was applied behind the last answer before a loss is compared with the second answer after it. */
#define REJOINED_ANSWERS 2

#define LOAD_PAGE       1000
#define LOG_PAGE        1000
#define RETRY_MS        200
#define RESYNC_MS       2500 /* daemons connect to a Redis that was started again within 2 s */
#define STALE_AFTER_MS  150
#define STALE_FILLS     3
#define GROUPS_RETRY_MS 200
#define DENIED_MS       (3 * GROUP_REFRESH_MS) /* each set is read in this time */

void roster_sync_finish(struct roster_sync *s)
{
    roster_finish(&s->roster);
    groups_finish(&s->groups);
    store_request_finish(&s->load);
    store_request_finish(&s->log);
    store_request_finish(&s->group);
}

bool roster_sync_recovering(const struct roster_sync *s)
{
    return s->recovery->waiting;
}

bool roster_sync_current(const struct roster_sync *s)
{
    if (!s->connected || !s->subscribed || !s->heard || roster_sync_recovering(s))
        return false;
    if (!s->roster.loaded)
        return true;
    bool asking = s->reload || s->load.waiting || s->log.waiting;
    return !asking && s->roster.epoch[0] && s->roster.rev >= s->reach_rev;
}

static bool ask_load(struct roster_sync *s, struct span cursor, int64_t now_ms)
{
    if (s->load.waiting || span_copy(cursor, s->cursor, sizeof(s->cursor)) < 0)
        return false;
    store_load(s->store, cursor, LOAD_PAGE, store_request_begin(&s->load));
    return store_request_send(&s->load, now_ms);
}

static void ask_log(struct roster_sync *s, int64_t now_ms)
{
    if (s->log.waiting)
        return;
    store_log(s->store, s->roster.rev + 1, LOG_PAGE, store_request_begin(&s->log));
    if (!store_request_send(&s->log, now_ms))
        return;
    s->log_until = s->store_rev;
    s->gaps++;
}

/* A load is to come that will cover any gap. */
static bool load_ahead(const struct roster_sync *s)
{
    return s->reload || (s->load.waiting && strcmp(s->cursor, "0") == 0);
}

static bool is_able(const struct roster_sync *s)
{
    return s->wanted && s->connected && s->subscribed;
}

/* Begins a load that is due, but not before the servers have asserted. */
static void advance(struct roster_sync *s, int64_t now_ms)
{
    bool settled = recovery_settled(s->recovery, now_ms);
    if (s->claims_missed && s->groups.by_name.count > 0) {
        s->claims_missed = false;
        s->reload = true;
    }
    if (!settled || !is_able(s) || !s->reload || now_ms < s->retry_ms || !ask_load(s, SPAN("0"), now_ms))
        return;
    s->reload = false;
    roster_load_begin(&s->roster);
}

void roster_sync_want(struct roster_sync *s, int64_t now_ms)
{
    s->reload |= !s->wanted;
    s->wanted = true;
    advance(s, now_ms);
}

void roster_sync_connected(struct roster_sync *s, bool connected, int64_t now_ms)
{
    s->connected = connected;
    s->heard = false;
    s->rejoined = connected ? REJOINED_ANSWERS : 0;
    if (!connected) {
        /* A load that was under way begins again. */
        s->reload |= s->roster.loading || (s->wanted && !s->roster.loaded);
        store_request_lost(&s->load);
        store_request_lost(&s->log);
        store_request_lost(&s->group);
        group_queue_lost(&s->groups.queue);
    }
    advance(s, now_ms);
}

void roster_sync_subscribed(struct roster_sync *s, bool subscribed, int64_t now_ms)
{
    s->subscribed = subscribed;
    s->heard = false;
    /* What was published meanwhile stands in the log, but for changes of claims. */
    s->claims_missed |= subscribed && (s->roster.loaded || s->roster.loading);
    if (subscribed && s->connected && s->epoch[0] && !load_ahead(s))
        ask_log(s, now_ms);
    advance(s, now_ms);
}

static void report_claims(struct roster_sync *s, const struct roster_user *u, struct span before)
{
    if (!span_equal(before, roster_user_groups(u)))
        s->hooks->regrouped(s->arg, roster_user_id(u), before, roster_user_groups(u));
}

static void copy_claims(const struct roster_user *u, struct bytes *out)
{
    if (u)
        bytes_append_span(out, roster_user_groups(u));
}

/* Claims of an offline change are those the user had. Who was online already, as a store that lost its memory
 * reports again, may have come with other claims. */
static void apply(struct roster_sync *s, const struct change *c)
{
    bytes_auto before = BYTES_INIT, claims = BYTES_INIT;
    const struct roster_user *u = roster_get(&s->roster, c->user);
    bool was = u;
    copy_claims(u, &before);
    for (size_t i = 0; i < c->group_count; i++) {
        bytes_append_span(&claims, c->groups[i]);
        bytes_append_char(&claims, '\n');
    }
    bool news = roster_apply(&s->roster, c);
    u = roster_get(&s->roster, c->user);
    if (news)
        s->hooks->changed(s->arg, c, bytes_span(c->online ? &claims : &before));
    else if (was && c->online && u)
        report_claims(s, u, bytes_span(&before));
    s->roster.rev = c->rev;
}

static bool same_epoch(const struct roster_sync *s, struct span epoch)
{
    return s->epoch[0] && span_equal(epoch, span_of(s->epoch));
}

/* In order: now. Beyond a gap: the log has it and what is missing. */
static void handle_change(struct roster_sync *s, const struct change *c, int64_t now_ms)
{
    if (c->rev <= s->roster.rev)
        return;
    if (c->rev == s->roster.rev + 1) {
        apply(s, c);
        return;
    }
    if (c->rev > s->heard_rev)
        s->heard_rev = c->rev;
    if (s->log.waiting || load_ahead(s))
        s->missed = true;
    else
        ask_log(s, now_ms);
}

static void handle_unversioned(struct roster_sync *s, const struct change *c, int64_t now_ms)
{
    struct change change = *c;
    const struct roster_user *u = roster_get(&s->roster, c->user);
    if (change.timestamp_ms == 0)
        change.timestamp_ms = redis_time_at(s->time, now_ms);
    s->hooks->changed(s->arg, &change, u ? roster_user_groups(u) : SPAN_NONE);
}

static void handle_update(struct roster_sync *s, struct span payload, int64_t now_ms)
{
    struct event event;
    if (event_read(payload, &event) < 0) {
        s->dropped++;
        return;
    }
    bool ours = event.epoch.len > 0 && event.change.rev > 0;
    if (event.db >= 0 && event.db != s->store->db)
        s->dropped++;
    else if (!ours && s->wanted)
        handle_unversioned(s, &event.change, now_ms);
    else if (ours && same_epoch(s, event.epoch))
        handle_change(s, &event.change, now_ms);
    else if (ours)
        s->missed = true;
    event_finish(&event);
}

static void handle_groups(struct roster_sync *s, const struct control *control, const struct span *groups)
{
    struct roster_user *u = roster_get(&s->roster, control->user);
    /* A connection that hung brings what is older than a change that the log told already. */
    if (u && control->rev > 0 && control->rev < u->rev)
        return;
    /* A change before it, or the page with the user, is still to come, and would undo it. */
    s->claims_missed |=
        s->roster.rev < s->store_rev || s->roster.rev < s->heard_rev || (!u && s->roster.loading);
    if (!u)
        return;
    bytes_auto before = BYTES_INIT;
    copy_claims(u, &before);
    u = roster_regroup(&s->roster, control->user, groups, control->group_count);
    s->hooks->regrouped(s->arg, roster_user_id(u), bytes_span(&before), roster_user_groups(u));
}

void roster_sync_message(struct roster_sync *s, struct span channel, struct span payload, int64_t now_ms)
{
    struct span groups[GROUPS_UNION_MAX];
    struct control control;
    s->silent_fills = 0;
    if (span_equal(channel, SPAN("updates"))) {
        handle_update(s, payload, now_ms);
        return;
    }
    if (control_read(payload, groups, &control) < 0)
        return;
    if (span_equal(control.cmd, SPAN("groups")) && control.db == s->store->db)
        handle_groups(s, &control, groups);
    s->hooks->control(s->arg, &control);
    control_finish(&control);
}

/* Another epoch, or a store that does not know what was applied: nothing known of revisions counts. */
static void resync(struct roster_sync *s, uint64_t rev)
{
    s->roster.epoch[0] = '\0';
    s->roster.rev = s->store_rev = s->reach_rev = rev;
    s->heard_rev = s->applied_rev = 0;
    roster_forget_revisions(&s->roster);
    s->behind_ms = 0;
    s->reload = true;
    s->retry_ms = 0;
    s->hooks->restarted(s->arg, rev);
}

static void on_epoch(struct roster_sync *s, const struct store_state *state, int64_t now_ms)
{
    recovery_epoch(s->recovery, state->epoch, now_ms);
    if (s->epoch[0] && !same_epoch(s, state->epoch) &&
        span_copy(state->epoch, s->epoch, sizeof(s->epoch)) == 0)
        resync(s, state->rev);
}

void roster_sync_state(struct roster_sync *s, const struct store_state *state, int64_t now_ms)
{
    bool first = !s->heard;
    s->heard = s->connected && s->subscribed;
    on_epoch(s, state, now_ms);
    if (!same_epoch(s, state->epoch))
        return;
    if (state->rev > s->store_rev)
        s->store_rev = state->rev;
    if (first || s->roster.rev >= s->reach_rev)
        s->reach_rev = s->store_rev;
    if (s->roster.rev >= s->store_rev)
        s->behind_ms = 0;
    else if (s->behind_ms == 0)
        s->behind_ms = now_ms;
}

/* Anybody who may publish can send a change with the next revision. Each registration is sent behind the
 * answer to the one before: a store that does not know by then what the roster had applied has never announced
 * it, or has lost it. The latter comes with a new connection; whoever wrote it notices, and begins another
 * epoch. */
void roster_sync_nodes(struct roster_sync *s, const struct node_answer *answer, int64_t now_ms)
{
    if (same_epoch(s, answer->state.epoch)) {
        if (answer->state.rev < s->applied_rev) {
            resync(s, answer->state.rev);
            s->retry_ms = s->rejoined > 0 ? now_ms + RESYNC_MS : 0;
        }
        s->applied_rev = s->roster.rev;
        s->rejoined -= s->rejoined > 0;
    }
    advance(s, now_ms);
}

struct removal {
    struct roster_sync *s;
    int64_t timestamp_ms;
};

static void report_removed(void *arg, const struct roster_user *u)
{
    const struct removal *removal = arg;
    struct change c = {
        .user = roster_user_id(u),
        .online = false,
        .rev = removal->s->roster.rev,
        .timestamp_ms = removal->timestamp_ms,
        .last_seen_ms = u->last_seen_ms,
        .device = roster_user_device(u),
        .reason = SPAN("recovered"),
    };
    removal->s->hooks->changed(removal->s->arg, &c, roster_user_groups(u));
}

static void load_one(struct roster_sync *s, const struct store_load_user *user, int64_t timestamp_ms)
{
    struct span groups[GROUPS_UNION_MAX];
    bytes_auto before = BYTES_INIT;
    struct change c = {
        .user = user->user,
        .online = true,
        .rev = user->rev,
        .timestamp_ms = timestamp_ms,
        .last_seen_ms = user->last_seen_ms,
        .device = identity_device_valid(user->device) ? user->device : SPAN_NONE,
        .reason = SPAN("recovered"),
        .groups = groups,
    };
    if (!identity_user_valid(c.user))
        return;
    void *json = control_groups_read(user->groups, groups, &c.group_count);
    copy_claims(roster_get(&s->roster, c.user), &before);
    bool news = roster_load_user(&s->roster, &c);
    const struct roster_user *u = roster_get(&s->roster, c.user);
    c.rev = s->roster.rev;
    if (s->roster.loaded && news)
        s->hooks->changed(s->arg, &c, roster_user_groups(u));
    else if (s->roster.loaded && u)
        report_claims(s, u, bytes_span(&before));
    control_groups_finish(json);
}

/* The first page sets the revision from which on changes count. */
static void begin_load(struct roster_sync *s, const struct store_state *state)
{
    if (!s->epoch[0])
        span_copy(state->epoch, s->epoch, sizeof(s->epoch));
    if (state->rev > s->roster.rev)
        s->roster.rev = state->rev;
    if (s->store_rev < s->roster.rev)
        s->store_rev = s->roster.rev;
    s->load_rev = state->rev;
    s->roster.epoch[0] = '\0';
}

static void end_load(struct roster_sync *s, int64_t now_ms)
{
    struct removal removal = {s, redis_time_at(s->time, now_ms)};
    bool first = !s->roster.loaded;
    roster_load_end(&s->roster, s->load_rev, report_removed, &removal);
    span_copy(span_of(s->epoch), s->roster.epoch, sizeof(s->roster.epoch));
    s->loads++;
    /* Differences were reported under the present revision: who has seen it need not have seen them. */
    s->hooks->restarted(s->arg, s->roster.rev + !first);
    if (s->missed)
        ask_log(s, now_ms);
    s->hooks->ready(s->arg);
}

static void load_later(struct roster_sync *s, int64_t now_ms)
{
    s->reload = true;
    s->retry_ms = now_ms + RETRY_MS;
}

static void handle_load(struct roster_sync *s, const struct redisReply *reply, int64_t now_ms)
{
    struct load_answer answer;
    bool first = strcmp(s->cursor, "0") == 0;
    /* Without an epoch Redis was emptied and nobody has come yet: that is no roster. */
    if (store_read_load(reply, &answer) < 0 || answer.state.epoch.len == 0) {
        load_later(s, now_ms);
        return;
    }
    on_epoch(s, &answer.state, now_ms);
    if (s->reload)
        return;
    if (first)
        begin_load(s, &answer.state);
    for (size_t i = 0; i < answer.count; i++) {
        struct store_load_user user;
        store_load_user(&answer, i, &user);
        load_one(s, &user, answer.state.now_ms);
    }
    if (span_equal(answer.cursor, SPAN("0")))
        end_load(s, now_ms);
    else if (!ask_load(s, answer.cursor, now_ms))
        load_later(s, now_ms);
}

static void load_answered(void *machine, const struct redisReply *reply, int64_t now_ms)
{
    handle_load(machine, reply, now_ms);
    advance(machine, now_ms);
}

/* Applies an entry of the log; whether it goes on where the roster stands. */
static bool apply_logged(struct roster_sync *s, uint64_t rev, struct span text)
{
    struct event event;
    if (rev <= s->roster.rev)
        return true;
    if (event_read(text, &event) < 0)
        return false;
    bool next = rev == s->roster.rev + 1 && event.change.rev == rev && same_epoch(s, event.epoch);
    if (next)
        apply(s, &event.change);
    event_finish(&event);
    return next;
}

static void log_answered(void *machine, const struct redisReply *reply, int64_t now_ms)
{
    struct roster_sync *s = machine;
    size_t count = reply_count(reply);
    bool missed = s->missed, whole = true;
    s->missed = false;
    for (size_t i = 0; whole && i < count; i++) {
        struct span text;
        uint64_t rev;
        whole = store_log_entry(reply, i, &rev, &text) == 0 && apply_logged(s, rev, text);
    }
    if (!whole || (count < LOG_PAGE && s->roster.rev < s->log_until)) {
        /* The log no longer reaches back to what is missing. */
        s->reload = true;
        s->missed = false;
    } else if (count == LOG_PAGE || (missed && s->roster.rev < s->heard_rev)) {
        ask_log(s, now_ms);
    } else {
        s->heard_rev = 0;
    }
    advance(s, now_ms);
}

static void on_difference(void *arg, struct group *group, const struct span *users, size_t count)
{
    struct roster_sync *s = arg;
    s->hooks->set_changed(s->arg, group, users, count);
}

/* Whoever names a group waits until it was read once. */
static void on_first_reading(void *arg, struct group *group, const struct span *users, size_t count)
{
}

/* That groups were read for the first time, if any were since this was last reported: all who wait are looked
 * at, so not for each group. */
static void report_ready(struct roster_sync *s)
{
    if (s->groups_unreported == 0)
        return;
    s->groups_unreported = 0;
    s->hooks->ready(s->arg);
}

void roster_sync_read_groups(struct roster_sync *s, int64_t now_ms)
{
    struct group *group;
    if (!s->connected || now_ms < s->groups_retry_ms)
        return;
    while ((group = group_queue_take(&s->groups.queue, now_ms))) {
        store_group(s->group_key, group_name(group), store_request_begin(&s->group));
        if (store_request_send(&s->group, now_ms))
            continue;
        group_queue_untake(&s->groups.queue);
        return;
    }
}

void roster_sync_ask_groups(struct roster_sync *s, struct span account, const struct interest *in,
                            int64_t now_ms)
{
    for (size_t i = 0; i < in->scope_count; i++)
        group_queue_ask(&s->groups.queue, account, in->scope[i], now_ms);
    for (size_t i = 0; i < in->group_count; i++)
        group_queue_ask(&s->groups.queue, account, in->groups[i], now_ms);
}

bool roster_sync_groups_denied(const struct roster_sync *s, int64_t now_ms)
{
    return s->groups_denied_ms > 0 && now_ms - s->groups_denied_ms < DENIED_MS;
}

/* Users are members by their claims alone then. Logged once, since every group is refused alike. */
static void handle_denial(struct roster_sync *s, struct group *group, const struct redisReply *reply,
                          int64_t now_ms)
{
    if (!roster_sync_groups_denied(s, now_ms))
        log_warn(
            "groups_denied", LOG_S("answer", reply_error(reply)),
            LOG_T("hint",
                  "Redis's user may not read the groups' sets (%R~g.*.u +smembers), so they count as empty"));
    s->groups_denied_ms = now_ms;
    s->groups_unreported += !group->loaded;
    group->loaded = true;
}

static void handle_members(struct roster_sync *s, struct group *group, const struct redisReply *reply)
{
    size_t count = reply_count(reply);
    struct span *members = mem_array(count + 1, sizeof(*members));
    for (size_t i = 0; i < count; i++)
        members[i] = reply_text(reply_at(reply, i));
    s->groups_unreported += !group->loaded;
    group_replace(group, members, count, group->loaded ? on_difference : on_first_reading, s);
    free(members);
}

static void group_answered(void *machine, const struct redisReply *reply, int64_t now_ms)
{
    struct roster_sync *s = machine;
    bool denied = reply_error_is(reply, "NOPERM");
    /* A key of another type has no members. */
    bool final = !reply_is_error(reply) || reply_error_is(reply, "WRONGTYPE") || denied;
    struct group *group = group_queue_end(&s->groups.queue, final, now_ms);
    if (!final)
        s->groups_retry_ms = now_ms + GROUPS_RETRY_MS; /* what was known stands */
    else if (group && denied)
        handle_denial(s, group, reply, now_ms);
    else if (group)
        handle_members(s, group, reply);
    if (s->groups.queue.count == 0 || s->groups_unreported >= GROUP_READS)
        report_ready(s);
    roster_sync_read_groups(s, now_ms);
    advance(s, now_ms);
}

void roster_sync_init(struct roster_sync *s, const struct store *store, const struct redis_time *time,
                      struct recovery *recovery, const char *group_key, const struct roster_sync_hooks *hooks,
                      void *arg)
{
    memset(s, 0, sizeof(*s));
    s->store = store;
    s->time = time;
    s->recovery = recovery;
    s->group_key = group_key;
    s->hooks = hooks;
    s->arg = arg;
    roster_init(&s->roster);
    groups_init(&s->groups);
    store_request_init(&s->load, hooks->send, arg, load_answered, s);
    store_request_init(&s->log, hooks->send, arg, log_answered, s);
    store_request_init(&s->group, hooks->send, arg, group_answered, s);
}

void roster_sync_tick(struct roster_sync *s, int64_t now_ms)
{
    bool behind = s->behind_ms && now_ms - s->behind_ms >= STALE_AFTER_MS && s->roster.rev < s->store_rev;
    if (behind && is_able(s) && !load_ahead(s)) {
        s->behind_ms = now_ms;
        s->stale_subscription |= ++s->silent_fills >= STALE_FILLS;
        ask_log(s, now_ms);
    }
    report_ready(s);
    if (s->wanted)
        roster_sync_read_groups(s, now_ms);
    advance(s, now_ms);
}
