#include "presence/recovery.h"

#include <string.h>

void recovery_init(struct recovery *r)
{
    memset(r, 0, sizeof(*r));
}

bool recovery_epoch(struct recovery *r, struct span epoch, int64_t now_ms)
{
    if (span_equal(epoch, span_of(r->epoch)))
        return false;
    bool first = r->epoch[0] == '\0' && !r->waiting;
    if (span_copy(epoch, r->epoch, sizeof(r->epoch)) < 0)
        r->epoch[0] = '\0';
    if (first)
        return false;
    if (!r->waiting)
        r->before_ms = r->contact_ms;
    r->since_ms = now_ms;
    r->waiting = true;
    for (size_t i = 0; i < r->count; i++)
        r->nodes[i].done = false;
    return true;
}

static struct recovery_node *find(struct recovery *r, struct span name)
{
    for (size_t i = 0; i < r->count; i++)
        if (span_equal(name, span_of(r->nodes[i].name)))
            return &r->nodes[i];
    return NULL;
}

static bool waited_for(const struct recovery *r, const struct recovery_node *n)
{
    return r->waiting && !n->done && n->heard_ms + RECOVERY_ALIVE_MS >= r->before_ms;
}

/* The place of a node that was not heard for long, else a new one. */
static struct recovery_node *place(struct recovery *r, int64_t now_ms)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->nodes[i].heard_ms + RECOVERY_ALIVE_MS < now_ms && !waited_for(r, &r->nodes[i]))
            return &r->nodes[i];
    return r->count < RECOVERY_NODES_MAX ? &r->nodes[r->count++] : NULL;
}

void recovery_node(struct recovery *r, struct span name, int64_t age_ms, struct span asserted, int64_t now_ms)
{
    struct recovery_node *n = find(r, name);
    r->contact_ms = now_ms;
    if (age_ms > RECOVERY_ALIVE_MS || name.len >= sizeof(n->name))
        return;
    if (!n && !(n = place(r, now_ms)))
        return;
    memset(n->name, 0, sizeof(n->name));
    memcpy(n->name, name.data, name.len);
    n->heard_ms = now_ms - (age_ms > 0 ? age_ms : 0);
    n->done = asserted.len > 0 && span_equal(asserted, span_of(r->epoch));
}

bool recovery_settled(struct recovery *r, int64_t now_ms)
{
    if (!r->waiting)
        return true;
    bool all = r->epoch[0] != '\0';
    for (size_t i = 0; i < r->count; i++)
        all &= !waited_for(r, &r->nodes[i]);
    if (all || now_ms - r->since_ms >= RECOVERY_LIMIT_MS)
        r->waiting = false;
    return !r->waiting;
}
