/* SPDX-License-Identifier: MIT */
#include "presence/quota.h"

#include "base/pool.h"

#include <stdlib.h>
#include <string.h>

#define MINUTE_US 60000000
#define TIDY_MOST 256

static struct pool shares;

/* Each user who is connected has one, so that bytes count. */
struct quota_share {
    struct list idle;
    int64_t full_us; /* when its bucket is full again */
    uint32_t count;
    uint16_t len;
    bool of_address;
    char name[];
};

static struct span name_of(const void *object)
{
    const struct quota_share *share = object;
    return (struct span){share->name, share->len};
}

void quota_init(struct quota *q)
{
    *q = (struct quota){.count = 0};
    map_init(&q->users, name_of);
    map_init(&q->addresses, name_of);
    list_init(&q->idle);
}

static void stop_idling(struct quota *q, struct quota_share *share)
{
    if (!list_linked(&share->idle))
        return;
    list_remove(&share->idle);
    q->idle_count--;
}

static void forget(struct quota *q, struct quota_share *share)
{
    stop_idling(q, share);
    map_remove(share->of_address ? &q->addresses : &q->users, name_of(share));
    pool_free(share);
}

static struct quota_share *first_idle(const struct quota *q)
{
    return list_entry(q->idle.next, struct quota_share, idle);
}

void quota_finish(struct quota *q)
{
    while (!list_empty(&q->idle))
        forget(q, first_idle(q));
    map_finish(&q->users);
    map_finish(&q->addresses);
}

static struct quota_share *find(const struct map *in, struct span name)
{
    return name.len > 0 ? map_get(in, name) : NULL;
}

static bool is_full(const struct quota_share *share, int64_t most)
{
    return share && most > 0 && share->count >= most;
}

/* What one connect takes out of the bucket, as the time in which it flows back. */
static int64_t price_us(int64_t connects)
{
    return connects > 0 ? MINUTE_US / connects : 0;
}

static int64_t filled_us(const struct quota_share *share, int64_t now_us)
{
    return share && share->full_us > now_us ? share->full_us : now_us;
}

/* How long the bucket has not enough for one more. */
static int64_t wait_us(const struct quota_share *share, int64_t connects, int64_t now_us)
{
    int64_t short_us = filled_us(share, now_us) + price_us(connects) - now_us - MINUTE_US;
    return connects > 0 && short_us > 0 ? short_us : 0;
}

static struct quota_share *take_share(struct quota *q, struct map *in, struct span name, int64_t connects,
                                      int64_t now_us)
{
    struct quota_share *share = find(in, name);
    if (name.len == 0)
        return NULL;
    if (!share) {
        share = pool_zalloc(&shares, offsetof(struct quota_share, name) + name.len);
        list_init(&share->idle);
        share->of_address = in == &q->addresses;
        share->len = (uint16_t)name.len;
        memcpy(share->name, name.data, name.len);
        map_put(in, share);
    }
    stop_idling(q, share);
    share->count++;
    share->full_us = filled_us(share, now_us) + price_us(connects);
    return share;
}

enum quota_answer quota_take(struct quota *q, const struct quota_limits *limits, struct span user,
                             struct span address, int64_t now_ms, struct quota_place *ret_place,
                             int64_t *ret_wait_ms)
{
    const struct quota_share *of_user = find(&q->users, user), *of_address = find(&q->addresses, address);
    int64_t now_us = now_ms * 1000;
    int64_t user_waits_us = wait_us(of_user, limits->connects_per_user, now_us);
    int64_t address_waits_us = wait_us(of_address, limits->connects_per_address, now_us);
    *ret_wait_ms = ((user_waits_us > 0 ? user_waits_us : address_waits_us) + 999) / 1000;
    if (is_full(of_user, limits->most_per_user))
        return QUOTA_USER_FULL;
    if (user_waits_us > 0)
        return QUOTA_USER_HASTY;
    if (is_full(of_address, limits->most_per_address))
        return QUOTA_ADDRESS_FULL;
    if (address_waits_us > 0)
        return QUOTA_ADDRESS_HASTY;
    if (limits->most > 0 && q->count >= (size_t)limits->most)
        return QUOTA_FULL;
    ret_place->user = take_share(q, &q->users, user, limits->connects_per_user, now_us);
    ret_place->address = take_share(q, &q->addresses, address, limits->connects_per_address, now_us);
    q->count++;
    return QUOTA_TAKEN;
}

static void give_back_share(struct quota *q, struct quota_share *share, int64_t now_us)
{
    if (!share || --share->count > 0)
        return;
    if (share->full_us <= now_us) {
        forget(q, share);
        return;
    }
    list_append(&q->idle, &share->idle);
    if (++q->idle_count > QUOTA_IDLE_MAX)
        forget(q, first_idle(q));
}

void quota_give_back(struct quota *q, struct quota_place *place, int64_t now_ms)
{
    if (!place->user && !place->address)
        return;
    give_back_share(q, place->user, now_ms * 1000);
    give_back_share(q, place->address, now_ms * 1000);
    *place = (struct quota_place){NULL, NULL};
    q->count--;
}

/* One whose bucket is not full yet may keep those behind it waiting: not beyond their own minute. */
void quota_tidy(struct quota *q, int64_t now_ms)
{
    for (int i = 0; i < TIDY_MOST && !list_empty(&q->idle); i++) {
        if (first_idle(q)->full_us > now_ms * 1000)
            return;
        forget(q, first_idle(q));
    }
}
