/* Viewers of presence-ws: what they see, and changes on their way to them. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "counters.h"
#include "presence/regroup.h"
#include "server.h"
#include "wire/codec.h"
#include "wire/control.h"

#include <stdlib.h>
#include <string.h>

#define CLOSE_TRY_AGAIN 1013
#define CHANGE_BYTES    256   /* of the ring, for each change that is kept */
#define STRIKE_MS       60000 /* a viewer that kept up so long after its new snapshot may have another */
#define CATCH_UP_MS                                                                                          \
    1000 /* what Redis says so long after a viewer came is newer than what the viewer knows                  \
          */

struct watcher {
    struct viewer viewer; /* its link stands in server.watchers */
    struct client *client;
    char *id; /* the viewer's own user id */
    size_t id_len;
    char *device; /* NULL: it gave none */
    bool of_phone;
    bool active;       /* has a view that is kept up to date */
    bool waiting;      /* for the roster or a group */
    bool again;        /* a new view is due when it can be sent */
    bool full;         /* the socket takes nothing */
    int64_t full_ms;   /* since when */
    int64_t strike_ms; /* when it last fell behind; 0: never */
    char *since_epoch; /* resume from here; NULL: a snapshot */
    uint64_t since_rev;
    int64_t behind_ms; /* since when that revision is ahead of us; 0: it is not */
};

static struct watcher *watcher_at(struct list *link)
{
    return list_entry(link, struct watcher, viewer.link);
}

struct span watcher_user(const struct watcher *w)
{
    return (struct span){w->id, w->id_len};
}

struct span watcher_device(const struct watcher *w)
{
    return span_of(w->device);
}

int64_t watcher_stuck_at(const struct server *s, const struct watcher *w)
{
    return w->full ? w->full_ms + s->config.stuck_timeout_ms : INT64_MAX;
}

bool watchers_admissible(const struct server *s)
{
    return !s->config.policy.enabled || s->follower.roster.loaded || store_up(s);
}

size_t dashboards_of_user(const struct server *s, struct span user)
{
    size_t count = 0;
    for (struct list *at = s->watchers.next; at != &s->watchers; at = at->next)
        count += !watcher_at(at)->of_phone && span_equal(watcher_user(watcher_at(at)), user);
    return count;
}

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

static void set_since(struct watcher *w, struct span epoch, uint64_t rev)
{
    free(w->since_epoch);
    w->since_epoch = epoch.len > 0 ? mem_strndup(epoch.data, epoch.len) : NULL;
    w->since_rev = rev;
}

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
    set_since(w, SPAN_NONE, 0);
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

/* A new view, as soon as it can be: not in the middle of a message, and not before what it needs is known. */
static void view_anew(struct server *s, struct watcher *w)
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
            view_anew(s, w);
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
            view_anew(s, w);
    }
}

void watchers_tick(struct server *s)
{
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

/* "a,b,c": at most `most` valid ids; others are counted as not allowed. */
static size_t read_ids(struct span list, struct span *ids, size_t most)
{
    size_t count = 0;
    while (list.len > 0) {
        struct span id = span_split(&list, ',');
        if (count < most && user_id_valid(id))
            ids[count++] = id;
        else
            metric_add(&counters.not_allowed, 1);
    }
    return count;
}

static void choose(struct server *s, struct watcher *w, const struct span *groups, size_t group_count,
                   bool has_users, const struct span *users, size_t user_count)
{
    struct interest *in = w->viewer.interest;
    size_t refused =
        interest_choose(&s->follower.groups, in, groups, group_count, has_users, users, user_count);
    for (size_t i = 0; i < user_count; i++) {
        const struct roster_user *u = roster_get(&s->follower.roster, users[i]);
        refused += u && !interest_allows(in, users[i], roster_user_groups(u));
    }
    metric_add(&counters.not_allowed, refused);
}

static void choose_by_query(struct server *s, struct watcher *w, const struct gate_request *request)
{
    struct span since = request->since, epoch;
    uint64_t rev;
    if (request->has_groups || request->has_users) {
        struct span *ids = mem_array(GROUPS_MAX + SUBSCRIBE_USERS_MAX, sizeof(*ids));
        size_t group_count = read_ids(request->groups, ids, GROUPS_MAX);
        size_t user_count = read_ids(request->users, ids + GROUPS_MAX, SUBSCRIBE_USERS_MAX);
        choose(s, w, ids, group_count, request->has_users, ids + GROUPS_MAX, user_count);
        free(ids);
    }
    epoch = span_split(&since, ':');
    if (request->has_since && span_to_u64(since, UINT64_MAX, &rev) == 0)
        set_since(w, epoch, rev);
}

struct watcher *watcher_create(struct server *s, struct client *client, struct gate_request *request)
{
    struct token *t = &request->token;
    struct watcher *w = mem_zalloc(sizeof(*w));
    bool scoped = t->has_groups;
    w->client = client;
    w->id = mem_strndup(t->user, t->user_len);
    w->id_len = t->user_len;
    if (request->device.len > 0)
        w->device = mem_strndup(request->device.data, request->device.len);
    w->of_phone = t->role == ROLE_MOBILE;
    w->viewer.encoding = (uint8_t)request->encoding;
    w->viewer.interest = interest_create(&s->follower.groups, scoped, t->groups, t->group_count);
    list_append(&s->watchers, &w->viewer.link);
    s->watcher_count++;
    if (w->of_phone)
        return w;
    choose_by_query(s, w, request);
    view_anew(s, w);
    return w;
}

void watcher_destroy(struct server *s, struct watcher *w)
{
    list_remove(&w->viewer.link);
    s->watcher_count--;
    feed_forget(&s->feed, &w->viewer);
    viewer_finish(&w->viewer);
    interest_destroy(&s->follower.groups, w->viewer.interest);
    free(w->since_epoch);
    free(w->id);
    free(w->device);
    free(w);
}

/* It asks for what is on its way to it already: told again, it would hear of changes twice. */
static bool follows_already(const struct server *s, const struct watcher *w,
                            const struct subscribe *subscribe)
{
    bool same = !subscribe->has_groups && !subscribe->has_users && !w->viewer.interest->chosen;
    return same && w->active && !w->again && subscribe->has_since &&
           span_equal(subscribe->since_epoch, span_of(s->follower.roster.epoch));
}

void watcher_subscribe(struct server *s, struct watcher *w, const struct subscribe *subscribe)
{
    if (follows_already(s, w, subscribe)) {
        w->viewer.batch = subscribe->has_batch ? subscribe->batch : w->viewer.batch;
        return;
    }
    if (subscribe->has_groups || subscribe->has_users)
        choose(s, w, subscribe->groups, subscribe->group_count, subscribe->has_users, subscribe->users,
               subscribe->user_count);
    else
        interest_choose_all(&s->follower.groups, w->viewer.interest);
    if (subscribe->has_batch)
        w->viewer.batch = subscribe->batch;
    set_since(w, subscribe->has_since ? subscribe->since_epoch : SPAN_NONE, subscribe->since_rev);
    view_anew(s, w);
}

void watchers_kick(struct server *s, struct span user)
{
    struct list *at = s->watchers.next;
    while (at != &s->watchers) {
        struct watcher *w = watcher_at(at);
        at = at->next;
        if (span_equal(watcher_user(w), user))
            client_kick(s, w->client);
    }
}
