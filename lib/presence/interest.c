/* SPDX-License-Identifier: MIT */
#include "presence/interest.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define LET_GO_AT_ONCE 16 /* members, with each group that nobody holds any more */

/* An id standing by itself, in an interest's users. */
struct id {
    uint8_t len;
    char text[];
};

static struct span id_key(const void *object)
{
    const struct id *id = object;
    return (struct span){id->text, id->len};
}

static struct id *id_create(struct span text)
{
    struct id *id = mem_alloc(sizeof(*id) + text.len);
    id->len = (uint8_t)text.len;
    memcpy(id->text, text.data, text.len);
    return id;
}

static void ids_finish(struct map *ids)
{
    size_t at = 0;
    void *id;
    while ((id = map_next(ids, &at)))
        free(id);
    map_finish(ids);
}

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

static bool stands_in(struct group *const *groups, size_t count, const struct group *group)
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
        if (!user_id_valid(members[i]))
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

static int by_serial(const void *a, const void *b)
{
    uint64_t x = (*(struct group *const *)a)->serial, y = (*(struct group *const *)b)->serial;
    return (x > y) - (x < y);
}

/* Holds a group that is named several times once. */
static size_t order(struct groups *g, struct group **held, size_t count)
{
    size_t kept = 0;
    qsort(held, count, sizeof(*held), by_serial);
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && held[kept - 1] == held[i])
            groups_release(g, held[i]);
        else
            held[kept++] = held[i];
    }
    return kept;
}

static void release_all(struct groups *g, struct group **held, size_t count)
{
    for (size_t i = 0; i < count; i++)
        groups_release(g, held[i]);
    free(held);
}

static void name_all(struct interest *in, struct group **groups, size_t count)
{
    in->namings = mem_array(count + 1, sizeof(*in->namings));
    in->naming_count = count;
    for (size_t i = 0; i < count; i++) {
        in->namings[i].interest = in;
        list_append(&groups[i]->namings, &in->namings[i].link);
        groups[i]->naming_count++;
    }
}

/* groups: those that were named. */
static void unname_all(struct interest *in, struct group **groups)
{
    for (size_t i = 0; i < in->naming_count; i++) {
        list_remove(&in->namings[i].link);
        groups[i]->naming_count--;
    }
    free(in->namings);
    in->namings = NULL;
    in->naming_count = 0;
}

struct interest *interest_create(struct groups *g, bool has_claim, const struct span *claim, size_t count)
{
    struct interest *in = mem_zalloc(sizeof(*in));
    in->of = g;
    map_init(&in->users, id_key);
    in->scoped = has_claim;
    if (!has_claim)
        return in;
    in->scope = mem_array(count + 1, sizeof(*in->scope));
    for (size_t i = 0; i < count; i++)
        in->scope[i] = groups_hold(g, claim[i]);
    in->scope_count = order(g, in->scope, count);
    name_all(in, in->scope, in->scope_count);
    return in;
}

static void drop_choice(struct groups *g, struct interest *in)
{
    if (!in->scoped)
        unname_all(in, in->groups);
    release_all(g, in->groups, in->group_count);
    ids_finish(&in->users);
    map_init(&in->users, id_key);
    in->groups = NULL;
    in->group_count = 0;
    in->chosen = false;
}

void interest_destroy(struct groups *g, struct interest *in)
{
    if (!in)
        return;
    drop_choice(g, in);
    map_finish(&in->users);
    if (in->scoped)
        unname_all(in, in->scope);
    release_all(g, in->scope, in->scope_count);
    free(in);
}

void interest_choose_all(struct groups *g, struct interest *in)
{
    drop_choice(g, in);
}

/* What is in the scope is held by it, and so stands among the groups. */
static bool in_scope(const struct interest *in, struct span name)
{
    const struct group *group = in->scoped ? map_get(&in->of->by_name, name) : NULL;
    return !in->scoped || (group && stands_in(in->scope, in->scope_count, group));
}

size_t interest_choose(struct groups *g, struct interest *in, const struct span *names, size_t name_count,
                       bool has_users, const struct span *users, size_t user_count)
{
    size_t refused = 0;
    struct group **held = mem_array(name_count + 1, sizeof(*held));
    size_t held_count = 0;
    for (size_t i = 0; i < name_count; i++) {
        if (in_scope(in, names[i]))
            held[held_count++] = groups_hold(g, names[i]);
        else
            refused++;
    }
    drop_choice(g, in);
    in->chosen = true;
    in->groups = held;
    in->group_count = order(g, held, held_count);
    if (!in->scoped)
        name_all(in, in->groups, in->group_count);
    for (size_t i = 0; has_users && i < user_count; i++)
        if (!map_get(&in->users, users[i]))
            map_put(&in->users, id_create(users[i]));
    return refused;
}

static bool claims_any(const struct groups *g, struct group *const *groups, size_t count, struct span claims)
{
    while (claims.len > 0) {
        const struct group *group = map_get(&g->by_name, span_split(&claims, '\n'));
        if (group && stands_in(groups, count, group))
            return true;
    }
    return false;
}

/* Whether one of the groups has the user by its set; `except` is left out. Walks through the shorter of the
 * two lists, and looks each up in the other. */
static bool joined_any(const struct groups *g, struct group *const *groups, size_t count, struct span user,
                       const struct group *except)
{
    const struct person *p = map_get(&g->people, user);
    struct group *const *few = groups, *const *many = groups;
    size_t few_count = count, many_count = count;
    if (!p)
        return false;
    if (p->count < count) {
        few = p->groups;
        few_count = p->count;
    } else {
        many = p->groups;
        many_count = p->count;
    }
    for (size_t i = 0; i < few_count; i++)
        if (few[i] != except && stands_in(many, many_count, few[i]))
            return true;
    return false;
}

static bool member_of_any(const struct groups *g, struct group *const *groups, size_t count, struct span user,
                          struct span claims)
{
    const struct group *flipped =
        g->flipped && span_equal(g->flipped_user, user) && stands_in(groups, count, g->flipped) ? g->flipped
                                                                                                : NULL;
    if (count == 0)
        return false;
    return (flipped && group_has(flipped, user)) || joined_any(g, groups, count, user, flipped) ||
           claims_any(g, groups, count, claims);
}

bool interest_allows(const struct interest *in, struct span user, struct span claims)
{
    return !in->scoped || member_of_any(in->of, in->scope, in->scope_count, user, claims);
}

bool interest_sees(const struct interest *in, struct span user, struct span claims)
{
    if (!interest_allows(in, user, claims))
        return false;
    return !in->chosen || map_get(&in->users, user) ||
           member_of_any(in->of, in->groups, in->group_count, user, claims);
}

bool interest_covers(const struct interest *in, bool all, const struct span *users, size_t user_count)
{
    if (!in->chosen || all)
        return !in->chosen;
    for (size_t i = 0; i < user_count; i++)
        if (!map_get(&in->users, users[i]))
            return false;
    return true;
}

bool interest_is_everyone(const struct interest *in)
{
    return !in->scoped && !in->chosen;
}

bool interest_by_group(const struct interest *in)
{
    return in->scoped || in->group_count > 0;
}

bool interest_names(const struct interest *in, const struct group *group)
{
    return stands_in(in->scope, in->scope_count, group) || stands_in(in->groups, in->group_count, group);
}

struct group *const *interest_groups(const struct interest *in, size_t *ret_count)
{
    *ret_count = in->chosen ? in->group_count : in->scope_count;
    return in->chosen ? in->groups : in->scope;
}

bool interest_next_user(const struct interest *in, size_t *at, struct span *ret_user)
{
    const struct id *id = map_next(&in->users, at);
    if (id)
        *ret_user = id_key(id);
    return id;
}
