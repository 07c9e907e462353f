/* SPDX-License-Identifier: MIT */
#include "subscribers.h"

#include "base/clock.h"
#include "base/mem.h"
#include "counters.h"
#include "subscription.h"

#include <stdlib.h>
#include <string.h>

#define CHANGE_BYTES 256  /* of the ring, for each change that is kept */
#define BURST_US     5000 /* CPU that rounds may take before their share counts: a round of 500 sends or two */
#define TIDY_MS      1000
#define SEND_US      3000  /* sending changes, in one turn of the loop */
#define STRIKE_MS    60000 /* one that kept up so long after its new snapshot may have another */
#define VIEWS_US     2000  /* making views, in one turn of the loop */
#define SCAN_STEP    256   /* users examined between two looks at the clock */
#define TIDY_STEP    256   /* members of groups that nobody names any more, likewise */
#define CATCH_UP_MS  1000  /* what Redis says so long after a client came is newer than what it knows */

struct subscribers {
    const struct config *config;
    struct loop *loop;
    struct redis_glue *redis;
    const struct subscribers_hooks *hooks;
    struct roster *roster; /* of redis */
    struct groups *groups;
    struct fanout fanout;
    struct list all; /* who was not sent to in this round stands in front */
    /* Views to be made. */
    struct turns views;
    struct turns scans;
    struct subscription *scan_for; /* for whom the scan under way was begun; NULL: gone meanwhile */
    struct list waiting;           /* for the roster or a group */
    struct loop_task *view_task;
    bool some_ahead; /* some have a later revision than this server: tried again with each tick */
    /* Changes to be sent. */
    struct loop_task *round_task, *continue_task;
    struct loop_timer *window_timer;
    uint32_t round;
    bool sending;         /* a round is under way */
    bool changed;         /* something came meanwhile */
    int64_t round_cpu_us; /* that it has taken so far */
    int64_t spent_us;     /* CPU of the rounds up to spent_at_us, less their share of the time */
    int64_t spent_at_us;
    int64_t next_us;   /* the next one begins then, or later */
    int64_t batch_ms;  /* some who asked for batches are to be sent to then; INT64_MAX: nobody */
    int64_t tidied_ms; /* when unused snapshots were last freed */
    uint64_t observed; /* entries whose latency was taken */
};

bool subscribers_in_message(const struct subscription *w)
{
    return subscriber_in_message(&w->subscriber);
}

/* Not full, and not in the middle of a message. */
static bool can_send(const struct subscription *w)
{
    return !w->full && !w->held && !subscribers_in_message(w);
}

static bool awaits_view(const struct subscribers *s, const struct subscription *w)
{
    return turns_waits(&w->turn) || turns_waits(&w->scan_turn) || list_linked(&w->waiting_link) ||
           s->scan_for == w;
}

static void cancel_scan(struct subscribers *s)
{
    s->scan_for = NULL;
    snapshot_scan_cancel(&s->fanout, s->roster);
}

/* A scan that others wait for too continues. */
static void stop_awaiting(struct subscribers *s, struct subscription *w)
{
    turns_cancel(&s->views, &w->turn);
    turns_cancel(&s->scans, &w->scan_turn);
    list_remove(&w->waiting_link);
    if (s->scan_for != w)
        return;
    s->scan_for = NULL;
    if (s->fanout.snapshots.scan.subscriber)
        cancel_scan(s);
}

static void enqueue(struct subscribers *s, struct subscription *w)
{
    w->active = w->again = false;
    turns_wait(&s->views, &w->turn);
    loop_task_want(s->view_task);
}

/* A new view, when its turn comes: not in the middle of a message, and not before what it needs is known.
 * Until then nothing is sent to it. Asking twice is asking once. */
static void view_anew(struct subscribers *s, struct subscription *w)
{
    if (w->again || awaits_view(s, w))
        metric_add(&counters.views_merged, 1);
    else
        w->asked = s->fanout.head;
    stop_awaiting(s, w);
    if (can_send(w))
        enqueue(s, w);
    else
        w->again = true;
}

void subscribers_ready(struct subscribers *s)
{
    while (!list_empty(&s->waiting)) {
        struct subscription *w = list_entry(s->waiting.next, struct subscription, waiting_link);
        list_remove(&w->waiting_link);
        enqueue(s, w);
    }
    loop_task_want(s->view_task);
}

static bool groups_loaded(struct group *const *groups, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!groups[i]->loaded)
            return false;
    return true;
}

/* The client is ahead of our roster: a view now would take it back. It waits until we have caught up, or know
 * that there is no such revision. Revisions grow over epochs too. */
static bool is_ahead(const struct subscribers *s, struct subscription *w)
{
    const struct roster_sync *sync = &s->redis->roster_sync;
    bool ahead = w->since_epoch && w->since_rev > s->roster->rev;
    if (!ahead || w->behind_ms == 0)
        w->behind_ms = ahead ? clock_mono_ms() : 0;
    bool current =
        s->redis->registry.heard_ms > w->behind_ms + CATCH_UP_MS && s->roster->rev >= sync->store_rev;
    return ahead && (!current || roster_sync_recovering(sync));
}

static bool can_begin(struct subscribers *s, struct subscription *w)
{
    const struct interest *in = w->subscriber.interest;
    /* Without an epoch a snapshot would carry a revision whose differences are still to come. */
    if (!s->roster->loaded || !s->roster->epoch[0] || !groups_loaded(in->scope, in->scope_count) ||
        !groups_loaded(in->groups, in->group_count))
        return false;
    bool waits = is_ahead(s, w);
    s->some_ahead |= waits;
    return !waits;
}

static enum resume resume(struct subscribers *s, struct subscription *w)
{
    if (w->since_fault != RESUME_DONE)
        return (enum resume)w->since_fault;
    if (!w->since_epoch)
        return RESUME_NOT_ASKED;
    return subscriber_resume(&w->subscriber, &s->fanout, s->roster, span_of(w->since_epoch), w->since_rev);
}

static void pump(struct subscribers *s, struct subscription *w);

static void begun(struct subscribers *s, struct subscription *w)
{
    subscription_set_since(w, SPAN_NONE, 0, RESUME_DONE);
    w->active = w->viewed = true;
    pump(s, w);
}

/* Its turn has come. */
static void serve(struct subscribers *s, struct subscription *w)
{
    int64_t now_ms = clock_mono_ms();
    if (!can_send(w)) {
        w->again = true;
        return;
    }
    if (!can_begin(s, w)) {
        list_append(&s->waiting, &w->waiting_link);
        roster_sync_want(&s->redis->roster_sync, clock_mono_ms());
        roster_sync_read_groups(&s->redis->roster_sync, clock_mono_ms());
        return;
    }
    enum resume result = resume(s, w);
    if (result == RESUME_DONE) {
        begun(s, w);
    } else if (snapshot_ready(&w->subscriber, &s->fanout, s->roster, w->asked, now_ms)) {
        subscriber_begin(&w->subscriber, &s->fanout, s->roster, subscription_user(w), result,
                         redis_time_at(&s->redis->time, now_ms), now_ms);
        metric_add(&counters.snapshots_sent, 1);
        begun(s, w);
    } else if (s->fanout.snapshots.scan.running) {
        turns_wait(&s->scans, &w->scan_turn);
    } else {
        s->scan_for = w;
        subscriber_scan(&w->subscriber, &s->fanout, s->roster);
    }
}

/* A step of the scan under way, or the next one that is due. Returns whether there was something to do. */
static bool scan(struct subscribers *s)
{
    int64_t now_ms = clock_mono_ms();
    struct turn *next;
    if (!s->fanout.snapshots.scan.running) {
        if ((next = turns_next(&s->scans)))
            serve(s, list_entry(next, struct subscription, scan_turn));
        return next;
    }
    /* Without an epoch its end would carry a revision whose differences are still to come. */
    if (!s->roster->epoch[0])
        return false;
    if (!snapshot_scan_advance(&s->fanout, s->roster, SCAN_STEP, redis_time_at(&s->redis->time, now_ms),
                               now_ms))
        return true;
    /* The one for whom it was, at once; those who see the same, in their turn. */
    struct subscription *w = s->scan_for;
    s->scan_for = NULL;
    if (w)
        serve(s, w);
    if (s->fanout.snapshots.scan.snapshot)
        cancel_scan(s);
    return true;
}

/* Groups that are no longer chosen are freed at the pace at which views are made. */
static void make_views(void *arg)
{
    struct subscribers *s = arg;
    int64_t until_us = clock_mono_us() + VIEWS_US;
    bool more;
    do {
        struct turn *next = turns_next(&s->views);
        if (next)
            serve(s, list_entry(next, struct subscription, turn));
        more = next;
        more |= scan(s);
        more |= groups_tidy(s->groups, TIDY_STEP);
    } while (more && clock_mono_us() < until_us);
    if (more)
        loop_task_want(s->view_task);
}

/* The first time it gets a new snapshot, the second time within a minute it is closed (PROTOCOL.md). */
static void fell_behind(struct subscribers *s, struct subscription *w)
{
    int64_t now_ms = loop_now_ms(s->loop);
    if (w->strike_ms && now_ms - w->strike_ms < STRIKE_MS) {
        metric_add(&counters.viewers_slow, 1);
        s->hooks->too_slow(w->client);
        return;
    }
    w->strike_ms = now_ms;
    metric_add(&counters.viewers_behind, 1);
    view_anew(s, w);
}

/* Returns whether it takes more. */
static bool send_chunk(struct subscribers *s, struct subscription *w, const struct fanout_chunk *chunk)
{
    if (!s->hooks->write(w->client, chunk, &w->full)) {
        w->active = false;
        return false;
    }
    if (w->full) {
        w->full_ms = loop_now_ms(s->loop);
        s->hooks->full(w->client);
    }
    return !w->full;
}

/* Returns whether there may be more to send. */
static bool send_next(struct subscribers *s, struct subscription *w)
{
    struct fanout_chunk chunk;
    enum fanout_result result = subscriber_next(&w->subscriber, &s->fanout, &chunk);
    if (result == FANOUT_NOTHING)
        return false;
    if (result == FANOUT_BEHIND) {
        fell_behind(s, w);
        return false;
    }
    bool more = send_chunk(s, w, &chunk);
    metric_add(&counters.updates_sent, w->active);
    return more;
}

/* Sends what there is; what a new view will tell is not sent before it. */
static void pump(struct subscribers *s, struct subscription *w)
{
    do {
        if (w->again && can_send(w)) {
            w->again = false;
            view_anew(s, w);
            break;
        }
    } while (w->active && !w->full && !w->held && send_next(s, w));
    s->hooks->sent(w->client);
}

void subscribers_writable(struct subscribers *s, struct subscription *w)
{
    w->full = false;
    pump(s, w);
}

void subscribers_hold(struct subscribers *s, struct subscription *w, bool hold)
{
    w->held = hold;
    if (!hold)
        pump(s, w);
}

bool subscribers_may_send(const struct subscribers *s, const struct subscription *w)
{
    bool all = !w->active || (!w->subscriber.snapshot && w->subscriber.cursor == s->fanout.head);
    bool whole = all && !w->again && !awaits_view(s, w);
    return can_send(w) && (whole || s->redis->outage.lost);
}

void subscribers_send(struct subscribers *s, struct subscription *w, struct span frames)
{
    const struct fanout_chunk chunk = {.parts = {frames}, .count = 1};
    send_chunk(s, w, &chunk);
}

int64_t subscribers_stuck_at(const struct subscribers *s, const struct subscription *w)
{
    return w->full ? w->full_ms + s->config->stuck_timeout_ms : INT64_MAX;
}

/* From the transition in Redis to written, once for each change, whatever the number of subscribers. */
static void observe_latency(struct subscribers *s)
{
    int64_t now_ms = redis_time_at(&s->redis->time, clock_mono_ms());
    if (s->observed < s->fanout.tail)
        s->observed = s->fanout.tail;
    for (; s->observed < s->fanout.head; s->observed++) {
        const struct fanout_entry *e = fanout_entry_at(&s->fanout, s->observed);
        if (e->change.rev > 0 && !e->only)
            metric_observe_us(&counters.update_latency, (now_ms - e->change.timestamp_ms) * 1000);
    }
}

/* A change leaves at once while rounds take less than their share of a core. What they have taken beyond it is
 * spent_us, which time pays back; above BURST_US the next round waits until enough is paid, up to the window. */
static void send_soon(struct subscribers *s)
{
    int64_t wait_us = s->next_us - clock_mono_us();
    if (s->sending)
        s->changed = true;
    else if (wait_us <= 0)
        loop_task_want(s->round_task);
    else if (!loop_timer_active(s->window_timer) || s->batch_ms != INT64_MAX)
        loop_timer_start(s->window_timer, (wait_us + 999) / 1000, 0);
}

static void end_round(struct subscribers *s)
{
    int64_t share = s->config->batch_share_percent, window_us = s->config->batch_window_ms * 1000;
    int64_t now_us = clock_mono_us(), left_us = s->spent_us - (now_us - s->spent_at_us) * share / 100;
    s->sending = false;
    s->spent_us = s->round_cpu_us + (left_us > 0 ? left_us : 0);
    s->spent_at_us = now_us;
    if (s->spent_us > BURST_US + window_us * share / 100)
        s->spent_us = BURST_US + window_us * share / 100;
    s->next_us = now_us + (s->spent_us - BURST_US) * 100 / share;
    observe_latency(s);
    if (s->changed)
        send_soon(s);
    else if (s->batch_ms != INT64_MAX)
        loop_timer_start(s->window_timer, s->batch_ms - now_us / 1000, 0);
}

/* Who asked for batches keeps the window; others get what there is. */
static void send_in_turn(struct subscribers *s, struct subscription *w, int64_t now_ms)
{
    if (w->subscriber.batch && now_ms < w->batch_ms) {
        if (w->batch_ms < s->batch_ms)
            s->batch_ms = w->batch_ms;
        return;
    }
    w->batch_ms = now_ms + s->config->batch_window_ms;
    pump(s, w);
}

/* Who was sent to stands behind who was not. */
static void continue_round(void *arg)
{
    struct subscribers *s = arg;
    int64_t now_us = clock_mono_us(), until_us = now_us + SEND_US, cpu_us = clock_cpu_us();
    bool more = false;
    while (!more && !list_empty(&s->all)) {
        struct subscription *w = list_entry(s->all.next, struct subscription, subscriber.link);
        if (w->round == s->round)
            break;
        list_remove(&w->subscriber.link);
        list_append(&s->all, &w->subscriber.link);
        w->round = s->round;
        send_in_turn(s, w, now_us / 1000);
        more = clock_mono_us() >= until_us;
    }
    s->round_cpu_us += clock_cpu_us() - cpu_us;
    if (more)
        loop_task_want(s->continue_task);
    else
        end_round(s);
}

static void begin_round(void *arg)
{
    struct subscribers *s = arg;
    if (s->sending)
        return;
    s->sending = true;
    s->changed = false;
    s->batch_ms = INT64_MAX;
    s->round_cpu_us = 0;
    s->round++;
    continue_round(s);
}

void subscribers_changed(struct subscribers *s, const struct change *change, struct span claims)
{
    fanout_put(&s->fanout, change, claims, 0);
    send_soon(s);
}

void subscribers_restarted(struct subscribers *s, uint64_t rev)
{
    fanout_restart(&s->fanout, rev);
}

static void regroup_one(void *arg, void *owner, const struct regrouping *regrouping)
{
    struct subscribers *s = arg;
    struct subscription *w = owner;
    if (!w->active || w->again)
        return;
    enum regroup_result result =
        regroup_subscriber(&w->subscriber, &s->fanout, s->roster, regrouping, redis_glue_now(s->redis));
    /* Later, and once: many may join with this user. */
    w->again = result == REGROUP_ANEW;
    if (result != REGROUP_NOTHING)
        send_soon(s);
}

static void regroup_many(void *arg, void *owner)
{
    struct subscribers *s = arg;
    struct subscription *w = owner;
    if (s->scan_for == w || (w->active && !w->again))
        view_anew(s, w);
}

static const struct regroup_hooks regroup_hooks = {regroup_one, regroup_many};

void subscribers_set_changed(struct subscribers *s, struct group *group, const struct span *users,
                             size_t count)
{
    regroup_set(&s->fanout, s->roster, group, users, count, &regroup_hooks, s);
}

void subscribers_regrouped(struct subscribers *s, struct span user, struct span before, struct span now)
{
    regroup_claims(&s->fanout, s->roster, s->groups, user, before, now, &regroup_hooks, s);
}

void subscribers_bearer(const struct subscription *w, struct bearer *ret)
{
    ret->user = subscription_user(w);
    ret->device = span_of(w->device);
}

bool subscribers_admissible(const struct subscribers *s)
{
    return !s->config->policy.enabled || s->roster->loaded || redis_glue_up(s->redis);
}

void subscribers_kick(struct subscribers *s, struct span user)
{
    struct list *members = turns_members(&s->views, user), *at = members ? members->next : NULL;
    while (at != members) {
        struct subscription *w = list_entry(at, struct subscription, turn.sibling);
        at = at->next;
        s->hooks->kick(w->client);
    }
}

/* The sets of groups that were never read are read in the turn of its account. */
static void ask_groups(struct subscribers *s, struct subscription *w)
{
    roster_sync_ask_groups(&s->redis->roster_sync, subscription_user(w), w->subscriber.interest,
                           clock_mono_ms());
}

struct subscription *subscribers_add(struct subscribers *s, struct client *client,
                                     const struct gate_request *request)
{
    struct subscription *w = subscription_create(s->groups, client, request);
    list_append(&s->all, &w->subscriber.link);
    w->round = s->round;
    turns_join(&s->views, &w->turn, subscription_user(w));
    turns_join(&s->scans, &w->scan_turn, subscription_user(w));
    if (request->token.role == ROLE_MOBILE)
        return w;
    subscription_choose_by_query(w, s->roster, s->groups, request);
    ask_groups(s, w);
    view_anew(s, w);
    return w;
}

struct subscription *subscribers_add_phone(struct subscribers *s, struct client *client,
                                           const struct session *session, enum encoding encoding)
{
    struct span groups[GROUPS_UNION_MAX], user = session_user(session);
    struct gate_request request = {.encoding = encoding,
                                   .token = {.role = ROLE_MOBILE, .has_groups = true, .groups = groups}};
    void *json = control_groups_read(session_groups(session), groups, &request.token.group_count);
    memcpy(request.token.user, user.data, user.len);
    request.token.user_len = user.len;
    struct subscription *w = subscribers_add(s, client, &request);
    control_groups_finish(json);
    return w;
}

void subscribers_remove(struct subscribers *s, struct subscription *w)
{
    list_remove(&w->subscriber.link);
    stop_awaiting(s, w);
    turns_leave(&s->views, &w->turn);
    turns_leave(&s->scans, &w->scan_turn);
    subscription_destroy(w, s->groups);
}

void subscribers_choose(struct subscribers *s, struct subscription *w, const struct subscribe *subscribe)
{
    bool follows = subscription_follows(w, s->roster, subscribe);
    subscription_choose(w, s->roster, s->groups, subscribe);
    ask_groups(s, w);
    if (follows) {
        subscriber_confirm(&w->subscriber, &s->fanout, s->roster);
        pump(s, w);
        return;
    }
    subscription_set_since(w, subscribe->has_since ? subscribe->since_epoch : SPAN_NONE, subscribe->since_rev,
                           subscription_resume_fault(w, s->roster, subscribe));
    view_anew(s, w);
}

struct subscribers *subscribers_create(const struct config *config, struct loop *loop,
                                       struct redis_glue *redis, const struct subscribers_hooks *hooks)
{
    struct subscribers *s = mem_zalloc(sizeof(*s));
    s->config = config;
    s->loop = loop;
    s->redis = redis;
    s->hooks = hooks;
    s->roster = &redis->roster_sync.roster;
    s->groups = &redis->roster_sync.groups;
    s->batch_ms = INT64_MAX;
    list_init(&s->all);
    list_init(&s->waiting);
    fanout_init(&s->fanout, (size_t)config->ring_bytes / CHANGE_BYTES, (size_t)config->ring_bytes);
    turns_init(&s->views);
    turns_init(&s->scans);
    s->view_task = loop_task_create(loop, make_views, s);
    s->round_task = loop_task_create(loop, begin_round, s);
    s->continue_task = loop_task_create(loop, continue_round, s);
    s->window_timer = loop_timer_create(loop, begin_round, s);
    return s;
}

void subscribers_destroy(struct subscribers *s)
{
    turns_finish(&s->views);
    turns_finish(&s->scans);
    fanout_finish(&s->fanout);
    loop_task_destroy(s->view_task);
    loop_task_destroy(s->round_task);
    loop_task_destroy(s->continue_task);
    loop_timer_destroy(s->window_timer);
    free(s);
}

void subscribers_tick(struct subscribers *s)
{
    int64_t now_ms = loop_now_ms(s->loop);
    if (now_ms - s->tidied_ms >= TIDY_MS) {
        snapshots_tidy(&s->fanout, s->roster, clock_mono_ms());
        s->tidied_ms = now_ms;
    }
    if (!list_empty(&s->groups->dying))
        loop_task_want(s->view_task);
    if (!s->some_ahead)
        return;
    s->some_ahead = false;
    subscribers_ready(s);
}

bool subscribers_calm(const struct subscribers *s)
{
    return !s->some_ahead && list_empty(&s->groups->dying);
}

void subscribers_gather_metrics(const struct subscribers *s)
{
    metric_set(&counters.views_waiting, (int64_t)(s->views.waiting + s->scans.waiting + !!s->scan_for));
    metric_set(&counters.view_users, (int64_t)s->fanout.snapshots.visited);
}
