#include "presence/regroup.h"

static bool saw(const struct viewer *v, const struct regrouping *g)
{
    if (g->group)
        group_flip(g->group, g->user);
    bool seen = interest_sees(v->interest, g->user, g->before);
    if (g->group)
        group_flip(g->group, SPAN_NONE);
    return seen;
}

static void tell(struct viewer *v, struct feed *f, const struct roster *r, const struct roster_user *u,
                 bool sees, int64_t now_ms)
{
    struct change c = {
        .user = roster_user_id(u),
        .online = sees,
        .rev = r->rev,
        .timestamp_ms = now_ms,
        .last_seen_ms = u->last_seen_ms,
        .device = roster_user_device(u),
        .reason = sees ? SPAN("joined_group") : SPAN("left_group"),
    };
    feed_put(f, &c, roster_user_groups(u), v);
}

enum regroup_result viewer_regroup(struct viewer *v, struct feed *f, const struct roster *r,
                                   const struct regrouping *g, int64_t now_ms)
{
    const struct roster_user *u = roster_get(r, g->user);
    if (!interest_by_group(v->interest) || (g->group && !interest_names(v->interest, g->group)))
        return REGROUP_NOTHING;
    if (g->group && viewer_pending_about(v, f, g->user))
        return REGROUP_ANEW;
    bool sees = interest_sees(v->interest, g->user, g->now);
    if (!u || sees == saw(v, g))
        return REGROUP_NOTHING;
    tell(v, f, r, u, sees, now_ms);
    return REGROUP_TOLD;
}
