/* SPDX-License-Identifier: MIT */
#include "subscription.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "counters.h"

#include <stdlib.h>

struct subscription *subscription_create(struct groups *groups, struct client *client,
                                         const struct gate_request *request)
{
    const struct token *t = &request->token;
    struct subscription *w = mem_zalloc(sizeof(*w));
    w->client = client;
    w->id = mem_strndup(t->user, t->user_len);
    w->id_len = t->user_len;
    if (request->device.len > 0)
        w->device = mem_strndup(request->device.data, request->device.len);
    w->subscriber.encoding = (uint8_t)request->encoding;
    w->subscriber.interest = interest_create(groups, t->has_groups, t->groups, t->group_count);
    w->subscriber.interest->owner = w;
    list_init(&w->waiting_link);
    return w;
}

void subscription_destroy(struct subscription *w, struct groups *groups)
{
    subscriber_finish(&w->subscriber);
    interest_destroy(groups, w->subscriber.interest);
    free(w->since_epoch);
    free(w->id);
    free(w->device);
    free(w);
}

void subscription_set_since(struct subscription *w, struct span epoch, uint64_t rev, enum resume fault)
{
    free(w->since_epoch);
    w->since_epoch = epoch.len > 0 ? mem_strndup(epoch.data, epoch.len) : NULL;
    w->since_rev = rev;
    w->since_fault = (uint8_t)fault;
}

/* "a,b,c": at most `most` valid ids; others are counted as not allowed. */
static size_t read_ids(struct span list, struct span *ids, size_t most)
{
    size_t count = 0;
    while (list.len > 0) {
        struct span id = span_split(&list, ',');
        if (count < most && identity_user_valid(id))
            ids[count++] = id;
        else
            metric_add(&counters.not_allowed, 1);
    }
    return count;
}

static void choose(struct subscription *w, const struct roster *r, struct groups *all,
                   const struct span *groups, size_t group_count, bool has_users, const struct span *users,
                   size_t user_count)
{
    struct interest *in = w->subscriber.interest;
    size_t refused = interest_choose(all, in, groups, group_count, has_users, users, user_count);
    for (size_t i = 0; i < user_count; i++) {
        const struct roster_user *u = roster_get(r, users[i]);
        refused += u && !interest_allows(in, users[i], roster_user_groups(u));
    }
    metric_add(&counters.not_allowed, refused);
}

void subscription_choose_by_query(struct subscription *w, const struct roster *r, struct groups *groups,
                                  const struct gate_request *request)
{
    if (request->has_groups || request->has_users) {
        struct span *ids = mem_array(GROUPS_MAX + SUBSCRIBE_USERS_MAX, sizeof(*ids));
        size_t group_count = read_ids(request->groups, ids, GROUPS_MAX);
        size_t user_count = read_ids(request->users, ids + GROUPS_MAX, SUBSCRIBE_USERS_MAX);
        choose(w, r, groups, ids, group_count, request->has_users, ids + GROUPS_MAX, user_count);
        free(ids);
    }
    if (!request->has_since)
        return;
    struct span since = request->since, epoch = span_split(&since, ':');
    uint64_t rev;
    if (epoch.len > 0 && utf8_valid_plain(epoch) && span_to_u64(since, INT64_MAX, &rev) == 0)
        subscription_set_since(w, epoch, rev, RESUME_DONE);
    else
        subscription_set_since(w, SPAN_NONE, 0, RESUME_MALFORMED);
}

void subscription_choose(struct subscription *w, const struct roster *r, struct groups *groups,
                         const struct subscribe *subscribe)
{
    if (subscribe->has_groups || subscribe->has_users)
        choose(w, r, groups, subscribe->groups, subscribe->group_count, subscribe->has_users,
               subscribe->users, subscribe->user_count);
    else
        interest_choose_all(groups, w->subscriber.interest);
    if (subscribe->has_batch)
        w->subscriber.batch = subscribe->batch;
}

bool subscription_follows(const struct subscription *w, const struct roster *r,
                          const struct subscribe *subscribe)
{
    bool settled = w->active && !w->again && (!subscribe->has_users || !w->subscriber.snapshot);
    return settled && subscribe->has_since && !subscribe->has_groups &&
           span_equal(subscribe->since_epoch, span_of(r->epoch)) && subscribe->since_rev <= r->rev &&
           interest_covers(w->subscriber.interest, !subscribe->has_users, subscribe->users,
                           subscribe->user_count);
}

enum resume subscription_resume_fault(const struct subscription *w, const struct roster *r,
                                      const struct subscribe *subscribe)
{
    if (!subscribe->has_since || !w->viewed)
        return RESUME_DONE;
    if (subscribe->has_groups)
        return RESUME_FILTERED;
    if (!span_equal(subscribe->since_epoch, span_of(r->epoch)))
        return RESUME_OTHER_EPOCH;
    return subscribe->since_rev > r->rev ? RESUME_AHEAD : RESUME_INTEREST_CHANGED;
}
