#include "presence/interest.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* An id standing by itself, in a group's members or an interest's users. */
struct id {
    uint8_t len;
    bool kept; /* met in the set just read */
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
    id->kept = true;
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

struct span group_name(const struct group *group)
{
    return (struct span){group->name, group->name_len};
}

static struct span group_key(const void *object)
{
    return group_name(object);
}

void groups_init(struct groups *g)
{
    map_init(&g->by_name, group_key);
}

static void group_destroy(struct group *group)
{
    ids_finish(&group->members);
    free(group);
}

void groups_finish(struct groups *g)
{
    size_t at = 0;
    struct group *group;
    while ((group = map_next(&g->by_name, &at)))
        group_destroy(group);
    map_finish(&g->by_name);
}

struct group *groups_hold(struct groups *g, struct span name)
{
    struct group *group = map_get(&g->by_name, name);
    if (!group) {
        group = mem_zalloc(sizeof(*group) + name.len);
        map_init(&group->members, id_key);
        group->name_len = (uint8_t)name.len;
        memcpy(group->name, name.data, name.len);
        map_put(&g->by_name, group);
    }
    group->holders++;
    return group;
}

void groups_release(struct groups *g, struct group *group)
{
    if (--group->holders > 0)
        return;
    map_remove(&g->by_name, group_name(group));
    group_destroy(group);
}

bool group_has(const struct group *group, struct span user)
{
    bool member = map_get(&group->members, user) != NULL;
    return group->flipped.len > 0 && span_equal(group->flipped, user) ? !member : member;
}

void group_flip(struct group *group, struct span user)
{
    group->flipped = user;
}

/* Takes the ids that were not met in the set just read out of the members; the caller frees them. */
static size_t take_left(struct group *group, struct id ***ret_left)
{
    size_t at = 0, count = 0;
    struct id *id, **left = mem_array(group->members.count + 1, sizeof(struct id *));
    while ((id = map_next(&group->members, &at))) {
        if (!id->kept)
            left[count++] = id;
        id->kept = false;
    }
    for (size_t i = 0; i < count; i++)
        map_remove(&group->members, id_key(left[i]));
    *ret_left = left;
    return count;
}

void group_replace(struct group *group, const struct span *members, size_t count,
                   void (*differs)(void *arg, struct group *group, struct span user), void *arg)
{
    struct id **left, **joined = mem_array(count + 1, sizeof(struct id *));
    size_t joined_count = 0, at = 0;
    struct id *id;
    while ((id = map_next(&group->members, &at)))
        id->kept = false;
    for (size_t i = 0; i < count; i++) {
        if (!user_id_valid(members[i]))
            continue;
        id = map_get(&group->members, members[i]);
        if (!id) {
            id = joined[joined_count++] = id_create(members[i]);
            map_put(&group->members, id);
        }
        id->kept = true;
    }
    size_t left_count = take_left(group, &left);
    group->loaded = true;
    for (size_t i = 0; i < joined_count; i++)
        differs(arg, group, id_key(joined[i]));
    for (size_t i = 0; i < left_count; i++) {
        differs(arg, group, id_key(left[i]));
        free(left[i]);
    }
    free(left);
    free(joined);
}

static struct group **hold_all(struct groups *g, const struct span *names, size_t count)
{
    struct group **held = mem_array(count + 1, sizeof(*held));
    for (size_t i = 0; i < count; i++)
        held[i] = groups_hold(g, names[i]);
    return held;
}

static void release_all(struct groups *g, struct group **held, size_t count)
{
    for (size_t i = 0; i < count; i++)
        groups_release(g, held[i]);
    free(held);
}

struct interest *interest_create(struct groups *g, bool has_claim, const struct span *claim, size_t count)
{
    struct interest *in = mem_zalloc(sizeof(*in));
    map_init(&in->users, id_key);
    in->scoped = has_claim;
    if (has_claim) {
        in->scope = hold_all(g, claim, count);
        in->scope_count = count;
    }
    return in;
}

static void drop_choice(struct groups *g, struct interest *in)
{
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
    release_all(g, in->scope, in->scope_count);
    free(in);
}

void interest_choose_all(struct groups *g, struct interest *in)
{
    drop_choice(g, in);
}

static bool in_scope(const struct interest *in, struct span name)
{
    for (size_t i = 0; i < in->scope_count; i++)
        if (span_equal(group_name(in->scope[i]), name))
            return true;
    return !in->scoped;
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
    in->group_count = held_count;
    for (size_t i = 0; has_users && i < user_count; i++)
        if (!map_get(&in->users, users[i]))
            map_put(&in->users, id_create(users[i]));
    return refused;
}

static bool claimed(struct span claims, struct span name)
{
    while (claims.len > 0)
        if (span_equal(span_split(&claims, '\n'), name))
            return true;
    return false;
}

static bool member_of_any(struct group *const *groups, size_t count, struct span user, struct span claims)
{
    for (size_t i = 0; i < count; i++)
        if (group_has(groups[i], user) || claimed(claims, group_name(groups[i])))
            return true;
    return false;
}

bool interest_allows(const struct interest *in, struct span user, struct span claims)
{
    return !in->scoped || member_of_any(in->scope, in->scope_count, user, claims);
}

bool interest_sees(const struct interest *in, struct span user, struct span claims)
{
    if (!interest_allows(in, user, claims))
        return false;
    return !in->chosen || map_get(&in->users, user) ||
           member_of_any(in->groups, in->group_count, user, claims);
}

bool interest_is_everyone(const struct interest *in)
{
    return !in->scoped && !in->chosen;
}

bool interest_by_group(const struct interest *in)
{
    return in->scoped || in->group_count > 0;
}

static bool stands_in(struct group *const *groups, size_t count, const struct group *group)
{
    for (size_t i = 0; i < count; i++)
        if (groups[i] == group)
            return true;
    return false;
}

bool interest_names(const struct interest *in, const struct group *group)
{
    return stands_in(in->scope, in->scope_count, group) || stands_in(in->groups, in->group_count, group);
}
