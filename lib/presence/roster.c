#include "presence/roster.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct span roster_user_id(const struct roster_user *u)
{
    return (struct span){u->text, u->user_len};
}

struct span roster_user_device(const struct roster_user *u)
{
    return (struct span){u->text + u->user_len, u->device_len};
}

struct span roster_user_groups(const struct roster_user *u)
{
    return (struct span){u->text + u->user_len + u->device_len, u->groups_len};
}

static struct span key_of(const void *object)
{
    return roster_user_id(object);
}

void roster_init(struct roster *r)
{
    memset(r, 0, sizeof(*r));
    map_init(&r->users, key_of);
}

void roster_finish(struct roster *r)
{
    size_t at = 0;
    void *user;
    while ((user = map_next(&r->users, &at)))
        free(user);
    map_finish(&r->users);
}

static size_t groups_size(const struct span *groups, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += groups[i].len + 1;
    return size > UINT16_MAX ? 0 : size;
}

static char *put(char *to, struct span text)
{
    if (text.len > 0)
        memcpy(to, text.data, text.len);
    return to + text.len;
}

static struct roster_user *user_create(const struct change *c, struct span device, const struct span *groups,
                                       size_t count)
{
    size_t size = groups_size(groups, count);
    struct roster_user *u = mem_alloc(sizeof(*u) + c->user.len + device.len + size);
    *u = (struct roster_user){.rev = c->rev, .last_seen_ms = c->last_seen_ms, .online = c->online};
    u->user_len = (uint8_t)c->user.len;
    u->device_len = (uint8_t)device.len;
    u->groups_len = (uint16_t)size;
    char *to = put(put(u->text, c->user), device);
    for (size_t i = 0; size > 0 && i < count; i++) {
        to = put(to, groups[i]);
        *to++ = '\n';
    }
    return u;
}

/* Puts a fresh record in the place of an old one, if there is one. */
static void replace(struct roster *r, const struct change *c, uint8_t mark)
{
    struct roster_user *u = user_create(c, c->device, c->groups, c->group_count);
    u->mark = mark;
    free(map_put(&r->users, u));
}

static void erase(struct roster *r, struct roster_user *u)
{
    map_remove(&r->users, roster_user_id(u));
    free(u);
}

bool roster_apply(struct roster *r, const struct change *c)
{
    struct roster_user *old = map_get(&r->users, c->user);
    bool was = old && old->online;
    if (old && c->rev <= old->rev)
        return false;
    /* No page has met who changes during a load. */
    if (c->online || r->loading)
        replace(r, c, (uint8_t)(r->mark - r->loading));
    else if (old)
        erase(r, old);
    r->online += (size_t)c->online;
    r->online -= (size_t)was;
    return was != c->online;
}

struct roster_user *roster_regroup(struct roster *r, struct span user, const struct span *groups,
                                   size_t count)
{
    struct roster_user *old = roster_get(r, user);
    if (!old)
        return NULL;
    struct change c = {
        .user = roster_user_id(old), .online = true, .rev = old->rev, .last_seen_ms = old->last_seen_ms};
    struct roster_user *u = user_create(&c, roster_user_device(old), groups, count);
    u->mark = old->mark;
    u->regrouped = r->loading;
    map_put(&r->users, u);
    free(old);
    return u;
}

void roster_forget_revisions(struct roster *r)
{
    size_t at = 0;
    struct roster_user *u;
    while ((u = map_next(&r->users, &at)))
        u->rev = 0;
}

static void mark_all(struct roster *r, uint8_t mark)
{
    size_t at = 0;
    struct roster_user *u;
    while ((u = map_next(&r->users, &at))) {
        u->mark = mark;
        u->regrouped = false;
    }
}

void roster_load_begin(struct roster *r)
{
    r->loading = true;
    /* Loads that were given up leave marks behind: none of them may be taken for this one's. */
    if (++r->mark == 0)
        mark_all(r, r->mark++);
}

bool roster_load_user(struct roster *r, const struct change *c)
{
    struct roster_user *old = map_get(&r->users, c->user);
    bool was = old && old->online;
    if (old && (old->rev > c->rev || (old->rev == c->rev && (!was || old->regrouped)))) {
        old->mark = r->mark;
        return false;
    }
    replace(r, c, r->mark);
    r->online += (size_t)!was;
    return !was;
}

void roster_load_end(struct roster *r, uint64_t rev, void (*gone)(void *arg, const struct roster_user *user),
                     void *arg)
{
    size_t at = 0, count = 0;
    struct roster_user *u, **stale = mem_array(r->users.count + 1, sizeof(struct roster_user *));
    while ((u = map_next(&r->users, &at)))
        if (!u->online || (u->mark != r->mark && u->rev <= rev))
            stale[count++] = u;
    for (size_t i = 0; i < count; i++) {
        if (stale[i]->online) {
            r->online--;
            gone(arg, stale[i]);
        }
        erase(r, stale[i]);
    }
    free(stale);
    mark_all(r, r->mark);
    r->loading = false;
    r->loaded = true;
}

struct roster_user *roster_get(const struct roster *r, struct span user)
{
    struct roster_user *u = map_get(&r->users, user);
    return u && u->online ? u : NULL;
}

struct roster_user *roster_next(const struct roster *r, size_t *at)
{
    struct roster_user *u;
    while ((u = map_next(&r->users, at)) && !u->online)
        continue;
    return u;
}
