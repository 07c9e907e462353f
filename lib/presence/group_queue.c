/* SPDX-License-Identifier: MIT */
#include "presence/group_queue.h"

#include "base/mem.h"
#include "presence/bucket.h"
#include "presence/interest.h"

#include <stdlib.h>
#include <string.h>

static const struct allowance allowance = {.burst = GROUP_BURST, .every_ms = GROUP_EVERY_MS};

struct account {
    struct list link; /* in turns, resting or idle */
    struct list asks;
    size_t waiting; /* asks */
    struct bucket bucket;
    int64_t until_ms; /* resting or idle until then */
    uint8_t id_len;
    char id[];
};

struct ask {
    struct {
        struct account *account;
        struct group *group;
    } who;
    struct list of_account, of_group;
};

static struct span account_key(const void *object)
{
    const struct account *a = object;
    return (struct span){a->id, a->id_len};
}

static struct span ask_key(const void *object)
{
    const struct ask *ask = object;
    return (struct span){(const char *)&ask->who, sizeof(ask->who)};
}

static struct group *group_at(struct list *link)
{
    return list_entry(link, struct group, place.link);
}

static struct account *account_at(struct list *link)
{
    return list_entry(link, struct account, link);
}

void group_queue_init(struct group_queue *q)
{
    memset(q, 0, sizeof(*q));
    map_init(&q->accounts, account_key);
    map_init(&q->asks, ask_key);
    list_init(&q->turns);
    list_init(&q->resting);
    list_init(&q->idle);
    list_init(&q->failed);
    list_init(&q->known);
}

static void free_all(struct map *map)
{
    size_t at = 0;
    void *object;
    while ((object = map_next(map, &at)))
        free(object);
    map_finish(map);
}

void group_queue_finish(struct group_queue *q)
{
    free_all(&q->asks);
    free_all(&q->accounts);
}

void group_place_init(struct group_place *place)
{
    list_init(&place->link);
    list_init(&place->asks);
    place->due_ms = 0;
}

size_t group_queue_waiting(const struct group_queue *q)
{
    return q->asks.count;
}

static void move(struct list *to, struct account *a)
{
    list_remove(&a->link);
    list_append(to, &a->link);
}

/* Where it stands, by what it waits for and may have. Who rests or is idle is so for a fixed time, so that
 * each list is in the order in which it ends. */
static void place_account(struct group_queue *q, struct account *a)
{
    if (a->waiting == 0) {
        a->until_ms = q->now_ms + GROUP_BURST * GROUP_EVERY_MS;
        move(&q->idle, a);
    } else if (bucket_left(&a->bucket, allowance, q->now_ms) > 0) {
        move(&q->turns, a);
    } else {
        a->until_ms = q->now_ms + GROUP_EVERY_MS;
        move(&q->resting, a);
    }
}

static struct account *account_find(struct group_queue *q, struct span id)
{
    struct account *a = map_get(&q->accounts, id);
    if (a)
        return a;
    a = mem_zalloc(sizeof(*a) + id.len);
    list_init(&a->link);
    list_init(&a->asks);
    a->id_len = (uint8_t)id.len;
    memcpy(a->id, id.data, id.len);
    map_put(&q->accounts, a);
    return a;
}

static bool has_ended(const struct list *accounts, int64_t now_ms)
{
    return !list_empty(accounts) && account_at(accounts->next)->until_ms <= now_ms;
}

static void wake_accounts(struct group_queue *q)
{
    while (has_ended(&q->resting, q->now_ms))
        move(&q->turns, account_at(q->resting.next));
    while (has_ended(&q->idle, q->now_ms)) {
        struct account *a = account_at(q->idle.next);
        list_remove(&a->link);
        map_remove(&q->accounts, account_key(a));
        free(a);
    }
}

static bool is_under_way(const struct group_queue *q, const struct group *group)
{
    for (size_t i = 0; i < GROUP_READS; i++)
        if (q->under_way[i] == group)
            return true;
    return false;
}

static void add_ask(struct group_queue *q, struct account *a, struct group *group)
{
    struct ask *ask = mem_zalloc(sizeof(*ask));
    ask->who.account = a;
    ask->who.group = group;
    if (map_get(&q->asks, ask_key(ask))) {
        free(ask);
        return;
    }
    map_put(&q->asks, ask);
    list_append(&a->asks, &ask->of_account);
    list_append(&group->place.asks, &ask->of_group);
    q->deferred += a->waiting >= bucket_left(&a->bucket, allowance, q->now_ms);
    if (a->waiting++ == 0)
        place_account(q, a);
}

void group_queue_ask(struct group_queue *q, struct span account, struct group *group, int64_t now_ms)
{
    q->now_ms = now_ms;
    if (!group->loaded && !list_linked(&group->place.link) && !is_under_way(q, group))
        add_ask(q, account_find(q, account), group);
}

static void drop_asks(struct group_queue *q, struct group *group)
{
    while (!list_empty(&group->place.asks)) {
        struct ask *ask = list_entry(group->place.asks.next, struct ask, of_group);
        struct account *a = ask->who.account;
        list_remove(&ask->of_account);
        list_remove(&ask->of_group);
        map_remove(&q->asks, ask_key(ask));
        free(ask);
        if (--a->waiting == 0)
            place_account(q, a);
    }
}

void group_queue_forget(struct group_queue *q, struct group *group)
{
    drop_asks(q, group);
    list_remove(&group->place.link);
    for (size_t i = 0; i < GROUP_READS; i++)
        if (q->under_way[i] == group)
            q->under_way[i] = NULL;
}

static struct group *next_new(struct group_queue *q)
{
    if (list_empty(&q->turns))
        return NULL;
    struct account *a = account_at(q->turns.next);
    struct group *group = list_entry(a->asks.next, struct ask, of_account)->who.group;
    bucket_take(&a->bucket, allowance, q->now_ms);
    place_account(q, a);
    drop_asks(q, group);
    return group;
}

static struct group *first_due(const struct group_queue *q, const struct list *groups)
{
    struct group *group = list_empty(groups) ? NULL : group_at(groups->next);
    return group && group->place.due_ms <= q->now_ms ? group : NULL;
}

/* One whose readings fail again and again comes behind those that have been due since before its last. */
static struct group *next_again(struct group_queue *q)
{
    struct group *known = first_due(q, &q->known), *group = first_due(q, &q->failed);
    if (!group || (known && known->place.due_ms < group->place.due_ms))
        group = known;
    if (group)
        list_remove(&group->place.link);
    return group;
}

static struct group *next(struct group_queue *q)
{
    struct group *again = q->new_was_last ? next_again(q) : NULL;
    struct group *group = again ? again : next_new(q);
    q->new_was_last = group && !again;
    return group ? group : next_again(q);
}

struct group *group_queue_take(struct group_queue *q, int64_t now_ms)
{
    q->now_ms = now_ms;
    wake_accounts(q);
    if (q->count == GROUP_READS)
        return NULL;
    struct group *group = next(q);
    if (!group)
        return NULL;
    q->first_reads += !group->loaded;
    q->repeated_reads += group->loaded;
    q->under_way[(q->first + q->count++) % GROUP_READS] = group;
    return group;
}

static void read_later(struct list *groups, struct group *group, int64_t due_ms)
{
    group->place.due_ms = due_ms;
    list_append(groups, &group->place.link);
}

void group_queue_untake(struct group_queue *q)
{
    struct group **last = &q->under_way[(q->first + --q->count) % GROUP_READS];
    read_later(&q->failed, *last, q->now_ms);
    *last = NULL;
}

struct group *group_queue_end(struct group_queue *q, bool done, int64_t now_ms)
{
    struct group *group = q->under_way[q->first];
    q->under_way[q->first] = NULL;
    q->first = (q->first + 1) % GROUP_READS;
    q->count--;
    if (group && done)
        read_later(&q->known, group, now_ms + GROUP_REFRESH_MS);
    else if (group)
        read_later(&q->failed, group, now_ms);
    return group;
}

void group_queue_lost(struct group_queue *q)
{
    while (q->count > 0)
        group_queue_end(q, false, q->now_ms);
}
