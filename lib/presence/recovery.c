/* SPDX-License-Identifier: MIT */
#include "presence/recovery.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define NODES_FIRST 16

static struct span node_name(const void *object)
{
    return span_of(((const struct recovery_node *)object)->name);
}

void recovery_init(struct recovery *r)
{
    memset(r, 0, sizeof(*r));
    map_init(&r->by_name, node_name);
    r->full_ms = INT64_MIN;
}

void recovery_finish(struct recovery *r)
{
    for (size_t i = 0; i < r->count; i++)
        free(r->nodes[i]);
    free(r->nodes);
    map_finish(&r->by_name);
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
    recovery_begin(r, now_ms);
    return true;
}

void recovery_begin(struct recovery *r, int64_t now_ms)
{
    if (!r->waiting)
        r->before_ms = r->contact_ms;
    r->since_ms = now_ms;
    r->waiting = true;
    for (size_t i = 0; i < r->count; i++)
        r->nodes[i]->done = false;
}

static bool waited_for(const struct recovery *r, const struct recovery_node *n, int64_t now_ms)
{
    int64_t since_ms = n->progress_ms > r->since_ms ? n->progress_ms : r->since_ms;
    bool lived = n->heard_ms + RECOVERY_ALIVE_MS >= r->before_ms;
    return r->waiting && !n->done && lived && now_ms - since_ms < RECOVERY_LIMIT_MS;
}

/* One that was not heard for long, and is not waited for, makes place. */
static struct recovery_node *take_from_dead(struct recovery *r, int64_t now_ms)
{
    for (size_t i = 0; r->full_ms != now_ms && i < r->count; i++) {
        struct recovery_node *n = r->nodes[r->reuse_at++ % r->count];
        if (n->heard_ms + RECOVERY_ALIVE_MS >= now_ms || waited_for(r, n, now_ms))
            continue;
        map_remove(&r->by_name, node_name(n));
        return n;
    }
    r->full_ms = now_ms;
    return NULL;
}

static struct recovery_node *append(struct recovery *r)
{
    if (r->count == RECOVERY_NODES_MAX)
        return NULL;
    if (r->count == r->capacity) {
        r->capacity = r->capacity ? 2 * r->capacity : NODES_FIRST;
        r->nodes = mem_realloc(r->nodes, r->capacity * sizeof(*r->nodes));
    }
    return r->nodes[r->count++] = mem_zalloc(sizeof(**r->nodes));
}

/* The dead are looked for only before the list would grow: that costs as much as growing. */
static struct recovery_node *place(struct recovery *r, struct span name, int64_t now_ms)
{
    struct recovery_node *n = r->count == r->capacity ? take_from_dead(r, now_ms) : NULL;
    if (!n && !(n = append(r)))
        return NULL;
    memset(n, 0, sizeof(*n));
    memcpy(n->name, name.data, name.len);
    n->progress_ms = now_ms;
    map_put(&r->by_name, n);
    return n;
}

void recovery_node(struct recovery *r, struct span name, int64_t age_ms, struct span asserted, int64_t left,
                   int64_t now_ms)
{
    struct recovery_node *n = map_get(&r->by_name, name);
    r->contact_ms = now_ms;
    if (age_ms > RECOVERY_ALIVE_MS || name.len >= sizeof(n->name))
        return;
    if (!n && !(n = place(r, name, now_ms)))
        return;
    if (left >= 0 && left < n->left)
        n->progress_ms = now_ms;
    n->left = left;
    n->heard_ms = now_ms - (age_ms > 0 ? age_ms : 0);
    n->done = asserted.len > 0 && span_equal(asserted, span_of(r->epoch));
}

bool recovery_settled(struct recovery *r, int64_t now_ms)
{
    if (!r->waiting)
        return true;
    bool waiting = r->epoch[0] == '\0' && now_ms - r->since_ms < RECOVERY_LIMIT_MS;
    for (size_t i = 0; i < r->count && !waiting; i++)
        waiting = waited_for(r, r->nodes[i], now_ms);
    r->waiting = waiting;
    return !waiting;
}
