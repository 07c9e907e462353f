/* SPDX-License-Identifier: MIT */
#include "presence/interest.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

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
    return !in->scoped || (group && groups_contain(in->scope, in->scope_count, group));
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
        if (group && groups_contain(groups, count, group))
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
        if (few[i] != except && groups_contain(many, many_count, few[i]))
            return true;
    return false;
}

static bool member_of_any(const struct groups *g, struct group *const *groups, size_t count, struct span user,
                          struct span claims)
{
    const struct group *flipped =
        g->flipped && span_equal(g->flipped_user, user) && groups_contain(groups, count, g->flipped)
            ? g->flipped
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
    return groups_contain(in->scope, in->scope_count, group) ||
           groups_contain(in->groups, in->group_count, group);
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
