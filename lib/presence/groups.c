/* SPDX-License-Identifier: MIT */
#include "presence/groups.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define LET_GO_AT_ONCE 16 /* members, with each group that nobody holds any more */

struct span person_id(const struct person *p)
{
    return (struct span){p->id, p->len};
}

static struct span person_key(const void *object)
{
    return person_id(object);
}

struct span group_name(const struct group *group)
{
    return (struct span){group->name, group->name_len};
}

static struct span group_key(const void *object)
{
    return group_name(object);
}

/* Where the group stands, or would stand, among groups ordered by serial. */
static size_t place_of(struct group *const *groups, size_t count, const struct group *group)
{
    size_t from = 0, to = count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (groups[middle]->serial < group->serial)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

bool groups_contain(struct group *const *groups, size_t count, const struct group *group)
{
    size_t at = place_of(groups, count, group);
    return at < count && groups[at] == group;
}

static struct person *person_hold(struct groups *g, struct span user)
{
    struct person *p = map_get(&g->people, user);
    if (p)
        return p;
    p = mem_zalloc(sizeof(*p) + user.len);
    p->len = (uint8_t)user.len;
    memcpy(p->id, user.data, user.len);
    map_put(&g->people, p);
    return p;
}

static void person_join(struct person *p, struct group *group)
{
    size_t at = place_of(p->groups, p->count, group);
    if (p->count == p->capacity) {
        p->capacity = p->capacity ? p->capacity * 2 : 1;
        p->groups = mem_realloc(p->groups, p->capacity * sizeof(*p->groups));
    }
    memmove(p->groups + at + 1, p->groups + at, (p->count - at) * sizeof(*p->groups));
    p->groups[at] = group;
    p->count++;
}

static void person_free(struct person *p)
{
    free(p->groups);
    free(p);
}

static void person_leave(struct person *p, const struct group *group)
{
    size_t at = place_of(p->groups, p->count, group);
    p->count--;
    memmove(p->groups + at, p->groups + at + 1, (p->count - at) * sizeof(*p->groups));
}

/* Who is in no watched group is forgotten. */
static void person_release(struct groups *g, struct person *p)
{
    if (p->count > 0)
        return;
    map_remove(&g->people, person_id(p));
    person_free(p);
}

void groups_init(struct groups *g)
{
    memset(g, 0, sizeof(*g));
    map_init(&g->by_name, group_key);
    map_init(&g->people, person_key);
    group_queue_init(&g->queue);
    list_init(&g->dying);
}

static void group_free(struct group *group)
{
    map_finish(&group->members);
    list_remove(&group->link);
    free(group);
}

void groups_finish(struct groups *g)
{
    size_t at = 0;
    void *object;
    while (!list_empty(&g->dying))
        group_free(list_entry(g->dying.next, struct group, link));
    while ((object = map_next(&g->by_name, &at)))
        group_free(object);
    at = 0;
    while ((object = map_next(&g->people, &at)))
        person_free(object);
    map_finish(&g->by_name);
    map_finish(&g->people);
    group_queue_finish(&g->queue);
}

struct group *groups_hold(struct groups *g, struct span name)
{
    struct group *group = map_get(&g->by_name, name);
    if (!group) {
        group = mem_zalloc(sizeof(*group) + name.len);
        group->of = g;
        group->serial = ++g->serial;
        map_init(&group->members, person_key);
        group_place_init(&group->place);
        list_init(&group->namings);
        list_init(&group->link);
        group->name_len = (uint8_t)name.len;
        memcpy(group->name, name.data, name.len);
        map_put(&g->by_name, group);
    }
    group->holders++;
    return group;
}

bool groups_tidy(struct groups *g, size_t most)
{
    while (!list_empty(&g->dying)) {
        struct group *group = list_entry(g->dying.next, struct group, link);
        struct person *p;
        for (; most > 0 && (p = map_next(&group->members, &group->dropped_at)); most--) {
            person_leave(p, group);
            person_release(g, p);
        }
        if (most == 0)
            return true;
        group_free(group);
    }
    return false;
}

/* No interest names it any more, so that it may go on standing with its members for a while. */
void groups_release(struct groups *g, struct group *group)
{
    if (--group->holders > 0)
        return;
    map_remove(&g->by_name, group_name(group));
    group_queue_forget(&g->queue, group);
    list_append(&g->dying, &group->link);
    groups_tidy(g, LET_GO_AT_ONCE);
}

bool group_has(const struct group *group, struct span user)
{
    bool member = map_get(&group->members, user);
    return group->of->flipped == group && span_equal(group->of->flipped_user, user) ? !member : member;
}

void group_flip(struct group *group, struct span user)
{
    group->of->flipped = user.len > 0 ? group : NULL;
    group->of->flipped_user = user;
}

/* Those who were not met in the set just read. */
static size_t find_left(const struct group *group, struct person **left)
{
    size_t at = 0, count = 0;
    struct person *p;
    while ((p = map_next(&group->members, &at)))
        if (p->met != group->of->reading)
            left[count++] = p;
    return count;
}

/* Who joined has met this reading; a member of other groups may have met an earlier one. */
static size_t find_joined(struct group *group, const struct span *members, size_t count,
                          struct person **joined)
{
    size_t joined_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (!identity_user_valid(members[i]))
            continue;
        struct person *p = map_get(&group->members, members[i]);
        if (!p) {
            p = joined[joined_count++] = person_hold(group->of, members[i]);
            person_join(p, group);
            map_put(&group->members, p);
        }
        p->met = group->of->reading;
    }
    return joined_count;
}

void group_replace(struct group *group, const struct span *members, size_t count,
                   void (*differ)(void *arg, struct group *group, const struct span *users, size_t count),
                   void *arg)
{
    size_t most = count + group->members.count + 1;
    struct person **differing = mem_array(most, sizeof(struct person *));
    struct span *users = mem_array(most, sizeof(*users));
    group->of->reading++;
    size_t joined = find_joined(group, members, count, differing);
    size_t all = joined + find_left(group, differing + joined);
    for (size_t i = 0; i < all; i++)
        users[i] = person_id(differing[i]);
    for (size_t i = joined; i < all; i++) {
        map_remove(&group->members, users[i]);
        person_leave(differing[i], group);
    }
    group->loaded = true;
    if (all > 0)
        differ(arg, group, users, all);
    for (size_t i = joined; i < all; i++)
        person_release(group->of, differing[i]);
    free(users);
    free(differing);
}
