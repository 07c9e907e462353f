/* SPDX-License-Identifier: MIT */
#include "fanout/regroup.h"

bool regroup_is_large(const struct fanout *f, size_t differences, size_t subscribers)
{
    size_t most = f->capacity / 4 < REGROUP_PAIRS_MOST ? f->capacity / 4 : REGROUP_PAIRS_MOST;
    return differences > REGROUP_MOST || (subscribers > 0 && differences > most / subscribers);
}

static bool saw(const struct subscriber *v, const struct regrouping *g)
{
    if (g->group)
        group_flip(g->group, g->user);
    bool seen = interest_sees(v->interest, g->user, g->before);
    if (g->group)
        group_flip(g->group, SPAN_NONE);
    return seen;
}

enum regroup_result regroup_subscriber(struct subscriber *v, struct fanout *f, const struct roster *r,
                                       const struct regrouping *g, int64_t now_ms)
{
    const struct roster_user *u = roster_get(r, g->user);
    if (!interest_by_group(v->interest) || (g->group && !interest_names(v->interest, g->group)))
        return REGROUP_NOTHING;
    if (g->group && subscriber_pending_about(v, f, g->user))
        return REGROUP_ANEW;
    bool sees = interest_sees(v->interest, g->user, g->now);
    if (!u || sees == saw(v, g))
        return REGROUP_NOTHING;
    struct change c = {
        .user = roster_user_id(u),
        .online = sees,
        .rev = r->rev,
        .timestamp_ms = now_ms,
        .last_seen_ms = u->last_seen_ms,
        .device = roster_user_device(u),
        .reason = sees ? SPAN("joined_group") : SPAN("left_group"),
    };
    subscriber_put(v, f, &c, roster_user_groups(u));
    return REGROUP_SENT;
}

static struct interest *naming_interest(struct list *link)
{
    return list_entry(link, struct naming, link)->interest;
}

static void all_anew(const struct group *group, const struct regroup_hooks *hooks, void *arg)
{
    for (struct list *at = group->namings.next; at != &group->namings; at = at->next)
        hooks->many(arg, naming_interest(at)->owner);
}

void regroup_set(struct fanout *f, struct roster *r, struct group *group, const struct span *users,
                 size_t count, const struct regroup_hooks *hooks, void *arg)
{
    if (regroup_is_large(f, count, group->naming_count)) {
        all_anew(group, hooks, arg);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct roster_user *u = roster_get(r, users[i]);
        struct span claims = u ? roster_user_groups(u) : SPAN_NONE;
        const struct regrouping g = {group, users[i], claims, claims};
        if (u)
            snapshot_scan_recheck(f, r, u);
        for (struct list *at = group->namings.next; at != &group->namings; at = at->next)
            hooks->one(arg, naming_interest(at)->owner, &g);
    }
}

static bool claimed(struct span claims, struct span name)
{
    while (claims.len > 0)
        if (span_equal(span_split(&claims, '\n'), name))
            return true;
    return false;
}

/* The next group that somebody names and that stands in the first list of claims alone; NULL: no more. */
static struct group *next_alone(const struct groups *groups, struct span *claims, struct span others)
{
    while (claims->len > 0) {
        struct span name = span_split(claims, '\n');
        struct group *group = map_get(&groups->by_name, name);
        if (group && !claimed(others, name))
            return group;
    }
    return NULL;
}

void regroup_claims(struct fanout *f, struct roster *r, struct groups *groups, struct span user,
                    struct span before, struct span now, const struct regroup_hooks *hooks, void *arg)
{
    const struct span left_joined[2][2] = {{before, now}, {now, before}};
    const struct regrouping g = {NULL, user, before, now};
    struct roster_user *u = roster_get(r, user);
    const struct group *group;
    size_t subscribers = 0;
    if (u)
        snapshot_scan_recheck(f, r, u);
    for (int i = 0; i < 2; i++)
        for (struct span rest = left_joined[i][0]; (group = next_alone(groups, &rest, left_joined[i][1]));)
            subscribers += group->naming_count;
    bool large = regroup_is_large(f, 1, subscribers);
    f->regroup_round++;
    for (int i = 0; i < 2; i++) {
        for (struct span rest = left_joined[i][0]; (group = next_alone(groups, &rest, left_joined[i][1]));) {
            if (large) {
                all_anew(group, hooks, arg);
                continue;
            }
            for (struct list *at = group->namings.next; at != &group->namings; at = at->next) {
                struct interest *in = naming_interest(at);
                if (in->visit == f->regroup_round) /* it names several of them */
                    continue;
                in->visit = f->regroup_round;
                hooks->one(arg, in->owner, &g);
            }
        }
    }
}
