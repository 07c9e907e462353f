/* SPDX-License-Identifier: MIT */
#include "seen.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define KEPT_MAX   32
#define KEPT_USERS 2000000
#define KEPT_MS    10000

/* A list that is kept for its token's next pages. */
struct kept {
    struct list link;
    struct bytes key;
    struct seen *seen;
    int64_t made_ms;
};

struct seen *seen_alloc(size_t count, size_t bytes)
{
    struct seen *seen = mem_alloc(sizeof(*seen) + bytes);
    *seen = (struct seen){.refs = 1, .users = mem_array(count + 1, sizeof(struct span))};
    return seen;
}

char *seen_append(struct seen *seen, char *text, struct span user)
{
    memcpy(text, user.data, user.len);
    seen->users[seen->count++] = (struct span){text, user.len};
    return text + user.len;
}

struct seen *seen_create(struct span user, bool online)
{
    struct seen *seen = seen_alloc(1, user.len);
    if (online)
        seen_append(seen, seen->text, user);
    return seen;
}

struct seen *seen_hold(struct seen *seen)
{
    seen->refs++;
    return seen;
}

void seen_release(struct seen *seen)
{
    if (!seen || --seen->refs > 0)
        return;
    free(seen->users);
    free(seen);
}

size_t seen_behind(const struct seen *seen, struct span user)
{
    size_t low = 0, high = seen->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (span_compare(seen->users[middle], user) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void drop(struct seen_lists *lists, struct kept *kept)
{
    list_remove(&kept->link);
    lists->count--;
    lists->users -= kept->seen->count;
    seen_release(kept->seen);
    bytes_finish(&kept->key);
    free(kept);
}

static void drop_old(struct seen_lists *lists, int64_t now_ms)
{
    while (!list_empty(&lists->all)) {
        struct kept *oldest = list_entry(lists->all.next, struct kept, link);
        if (lists->count <= KEPT_MAX && lists->users <= KEPT_USERS && now_ms - oldest->made_ms < KEPT_MS)
            return;
        drop(lists, oldest);
    }
}

static struct kept *find(struct seen_lists *lists, struct span key)
{
    for (struct list *at = lists->all.next; at != &lists->all; at = at->next) {
        struct kept *kept = list_entry(at, struct kept, link);
        if (span_equal(bytes_span(&kept->key), key))
            return kept;
    }
    return NULL;
}

void seen_keep(struct seen_lists *lists, struct span key, struct seen *seen, int64_t now_ms)
{
    struct kept *old = find(lists, key), *kept = mem_zalloc(sizeof(*kept));
    if (old)
        drop(lists, old);
    bytes_append_span(&kept->key, key);
    kept->seen = seen_hold(seen);
    kept->made_ms = now_ms;
    list_append(&lists->all, &kept->link);
    lists->count++;
    lists->users += seen->count;
    drop_old(lists, now_ms);
}

struct seen *seen_recall(struct seen_lists *lists, struct span key, int64_t now_ms)
{
    drop_old(lists, now_ms);
    struct kept *kept = find(lists, key);
    return kept ? seen_hold(kept->seen) : NULL;
}

void seen_lists_init(struct seen_lists *lists)
{
    *lists = (struct seen_lists){0};
    list_init(&lists->all);
}

void seen_lists_finish(struct seen_lists *lists)
{
    while (!list_empty(&lists->all))
        drop(lists, list_entry(lists->all.next, struct kept, link));
}
