/* What viewers are told: views and snapshots, and changes on their way to them. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "counters.h"
#include "presence/regroup.h"
#include "watcher_inner.h"
#include "wire/codec.h"
#include "wire/control.h"

#include <stdlib.h>
#include <string.h>

#define CLOSE_TRY_AGAIN 1013
#define CHANGE_BYTES    256 /* of the ring, for each change that is kept */
#define TIDY_MS         1000
#define STRIKE_MS       60000 /* a viewer that kept up so long after its new snapshot may have another */
#define CATCH_UP_MS                                                                                          \
    1000 /* what Redis says so long after a viewer came is newer than what the viewer knows                  \
          */

static bool groups_loaded(struct group *const *groups, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!groups[i]->loaded)
            return false;
    return true;
}

/* It knows more than we: what we could tell would take it back. Waits until we have caught up, or know that
 * there is no such revision. Revisions grow over epochs too. */
static bool knows_more(const struct server *s, struct watcher *w)
{
    const struct follower *f = &s->follower;
    bool ahead = w->since_epoch && w->since_rev > f->roster.rev;
    if (!ahead || w->behind_ms == 0)
        w->behind_ms = ahead ? clock_mono_ms() : 0;
    bool current = s->asserter.heard_ms > w->behind_ms + CATCH_UP_MS && f->roster.rev >= f->store_rev;
    return ahead && (!current || follower_recovering(f));
}

static bool can_begin(struct server *s, struct watcher *w)
{
    const struct interest *in = w->viewer.interest;
    /* In doubt a snapshot would carry a revision whose differences are still to come. */
    if (!s->follower.roster.loaded || !s->follower.roster.epoch[0] ||
        !groups_loaded(in->scope, in->scope_count) || !groups_loaded(in->groups, in->group_count))
        return false;
    bool waits = knows_more(s, w);
    s->resumers_wait |= waits;
    return !waits;
}

static void pump(struct server *s, struct watcher *w);

static void begin(struct server *s, struct watcher *w)
{
    struct roster *r = &s->follower.roster;
    int64_t now_ms = clock_mono_ms();
    w->again = w->waiting = false;
    w->active = true;
    if (!w->since_epoch ||
        viewer_resume(&w->viewer, &s->feed, r, span_of(w->since_epoch), w->since_rev) < 0) {
        viewer_begin(&w->viewer, &s->feed, r, watcher_user(w), redis_time_at(&s->time, now_ms), now_ms);
        metric_add(&counters.snapshots_sent, 1);
    }
    watcher_set_since(w, SPAN_NONE, 0);
}

static bool can_send(const struct watcher *w)
{
    return !w->full && !viewer_in_message(&w->viewer);
}

static void wait_for_view(struct server *s, struct watcher *w)
{
    w->active = w->again = false;
    w->waiting = true;
    follower_want(&s->follower, clock_mono_ms());
    follower_read_groups(&s->follower, clock_mono_ms());
}

void watcher_view_anew(struct server *s, struct watcher *w)
{
    if (!can_send(w)) {
        w->again = true;
        return;
    }
    if (!can_begin(s, w)) {
        wait_for_view(s, w);
        return;
    }
    begin(s, w);
    pump(s, w);
}

/* Once it gets a new snapshot, then it must go (contract section 3). */
static bool fell_behind(struct server *s, struct watcher *w)
{
    int64_t now_ms = loop_now_ms(s->loop);
    if (w->strike_ms && now_ms - w->strike_ms < STRIKE_MS) {
        metric_add(&counters.viewers_slow, 1);
        client_close(s, w->client, CLOSE_TRY_AGAIN, "Too slow", "policy");
        return false;
    }
    w->strike_ms = now_ms;
    metric_add(&counters.viewers_behind, 1);
    if (!can_begin(s, w)) {
        wait_for_view(s, w);
        return false;
    }
    begin(s, w);
    return true;
}

/* Returns whether there may be more to send. */
static bool send_next(struct server *s, struct watcher *w)
{
    struct feed_piece piece;
    enum feed_result result = viewer_next(&w->viewer, &s->feed, &piece);
    if (result == FEED_NOTHING)
        return false;
    if (result == FEED_BEHIND)
        return fell_behind(s, w);
    if (!client_write(w->client, &piece, &w->full)) {
        w->active = false;
        return false;
    }
    metric_add(&counters.updates_sent, 1);
    if (w->full) {
        w->full_ms = loop_now_ms(s->loop);
        client_schedule(w->client);
    }
    return !w->full;
}

/* What a new view will tell need not be told before it. */
static void pump(struct server *s, struct watcher *w)
{
    while (w->active && !w->full) {
        if (w->again && can_send(w)) {
            watcher_view_anew(s, w);
            return;
        }
        if (!send_next(s, w))
            return;
    }
}

void watcher_writable(struct server *s, struct watcher *w)
{
    w->full = false;
    pump(s, w);
}

/* Transition in Redis to written, once for each change, whatever the number of viewers. */
static void observe(struct server *s)
{
    int64_t now_ms = redis_time_at(&s->time, clock_mono_ms());
    if (s->observed < s->feed.tail)
        s->observed = s->feed.tail;
    for (; s->observed < s->feed.head; s->observed++) {
        const struct feed_entry *e = &s->feed.entries[s->observed & (s->feed.capacity - 1)];
        if (e->change.rev > 0 && !e->only)
            metric_observe_us(&counters.update_latency, (now_ms - e->change.timestamp_ms) * 1000);
    }
}

static void tell_all(void *arg)
{
    struct server *s = arg;
    struct list *at = s->watchers.next;
    s->told_ms = clock_mono_ms();
    while (at != &s->watchers) {
        struct watcher *w = watcher_at(at);
        at = at->next;
        pump(s, w);
    }
    observe(s);
}

/* The first change after a quiet time leaves at once; those within the window leave together. */
static void tell_soon(struct server *s)
{
    int64_t wait_ms = s->told_ms + s->config.batch_window_ms - clock_mono_ms();
    if (wait_ms <= 0)
        loop_task_want(s->tell_task);
    else if (!loop_timer_active(s->window_timer))
        loop_timer_start(s->window_timer, wait_ms, 0);
}

static void on_changed(void *arg, const struct change *change, struct span claims)
{
    struct server *s = arg;
    feed_put(&s->feed, change, claims, NULL);
    tell_soon(s);
}

static void on_restarted(void *arg, uint64_t rev)
{
    struct server *s = arg;
    feed_restart(&s->feed, rev);
}

static void on_ready(void *arg)
{
    struct server *s = arg;
    struct list *at = s->watchers.next;
    while (at != &s->watchers) {
        struct watcher *w = watcher_at(at);
        at = at->next;
        if (w->waiting)
            watcher_view_anew(s, w);
    }
}

void watchers_tick(struct server *s)
{
    int64_t now_ms = loop_now_ms(s->loop);
    if (now_ms - s->tidied_ms >= TIDY_MS) {
        feed_tidy(&s->feed, &s->follower.roster, clock_mono_ms());
        s->tidied_ms = now_ms;
    }
    if (!s->resumers_wait)
        return;
    s->resumers_wait = false;
    on_ready(s);
}

static void on_regrouped(void *arg, struct group *group, struct span user, struct span before,
                         struct span now)
{
    struct server *s = arg;
    const struct regrouping regrouping = {group, user, before, now};
    int64_t now_ms = redis_time_at(&s->time, clock_mono_ms());
    for (struct list *at = s->watchers.next; at != &s->watchers; at = at->next) {
        struct watcher *w = watcher_at(at);
        if (!w->active || w->again)
            continue;
        enum regroup_result result =
            viewer_regroup(&w->viewer, &s->feed, &s->follower.roster, &regrouping, now_ms);
        /* Later, and once: many may join with this user. */
        w->again = result == REGROUP_ANEW;
        if (result != REGROUP_NOTHING)
            tell_soon(s);
    }
}

static void on_control(void *arg, struct span payload)
{
    struct server *s = arg;
    struct span groups[GROUPS_MAX];
    struct control control;
    if (control_read(payload, groups, &control) < 0)
        return;
    bool ours = control.db < 0 || control.db == s->store.db;
    if (ours && span_equal(control.cmd, SPAN("kick")) && control.user.len > 0)
        clients_kick(s, control.user, control.device);
    else if (ours && span_equal(control.cmd, SPAN("revoke")))
        revoker_control(&s->revoker, &control);
    else if (ours && span_equal(control.cmd, SPAN("node")))
        asserter_probe(&s->asserter, clock_mono_ms());
    else if (ours && span_equal(control.cmd, SPAN("assert"))) {
        ledger_assert_user(&s->ledger, control.user, clock_mono_ms());
        store_dirty(s);
    }
    control_finish(&control);
}

const struct follower_hooks watcher_hooks_of_follower = {
    .send = store_follower_send,
    .changed = on_changed,
    .restarted = on_restarted,
    .ready = on_ready,
    .regrouped = on_regrouped,
    .control = on_control,
};

void watchers_start(struct server *s)
{
    list_init(&s->watchers);
    feed_init(&s->feed, &wire_codec, (size_t)s->config.ring_bytes / CHANGE_BYTES,
              (size_t)s->config.ring_bytes);
    s->tell_task = loop_task_create(s->loop, tell_all, s);
    s->window_timer = loop_timer_create(s->loop, tell_all, s);
}

void watchers_stop(struct server *s)
{
    feed_finish(&s->feed);
    loop_task_destroy(s->tell_task);
    loop_timer_destroy(s->window_timer);
}
