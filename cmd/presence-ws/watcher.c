/* Viewers of presence-ws: who they are, and what they choose to see. */
#include "base/mem.h"
#include "counters.h"
#include "watcher_inner.h"

#include <stdlib.h>

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

void watcher_set_since(struct watcher *w, struct span epoch, uint64_t rev)
{
    free(w->since_epoch);
    w->since_epoch = epoch.len > 0 ? mem_strndup(epoch.data, epoch.len) : NULL;
    w->since_rev = rev;
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
        watcher_set_since(w, epoch, rev);
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
    watcher_view_anew(s, w);
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
    watcher_set_since(w, subscribe->has_since ? subscribe->since_epoch : SPAN_NONE, subscribe->since_rev);
    watcher_view_anew(s, w);
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
