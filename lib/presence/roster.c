/* SPDX-License-Identifier: MIT */
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

struct claim {
    struct map users;
    uint16_t name_len;
    char name[];
};

static struct span claim_key(const void *object)
{
    const struct claim *claim = object;
    return (struct span){claim->name, claim->name_len};
}

static void claim_free(struct claim *claim)
{
    map_finish(&claim->users);
    free(claim);
}

void roster_init(struct roster *r)
{
    memset(r, 0, sizeof(*r));
    map_init(&r->users, key_of);
    map_init(&r->claims, claim_key);
}

void roster_finish(struct roster *r)
{
    size_t at = 0;
    void *object;
    while ((object = map_next(&r->users, &at)))
        free(object);
    at = 0;
    while ((object = map_next(&r->claims, &at)))
        claim_free(object);
    map_finish(&r->users);
    map_finish(&r->claims);
    free(r->row);
    free(r->scan_gone);
}

static struct claim *claim_hold(struct roster *r, struct span name)
{
    struct claim *claim = map_get(&r->claims, name);
    if (claim)
        return claim;
    claim = mem_zalloc(sizeof(*claim) + name.len);
    map_init(&claim->users, key_of);
    claim->name_len = (uint16_t)name.len;
    memcpy(claim->name, name.data, name.len);
    map_put(&r->claims, claim);
    return claim;
}

/* Also puts the user's record in the place of an older one. */
static void put_claims(struct roster *r, struct roster_user *u)
{
    struct span rest = roster_user_groups(u);
    while (rest.len > 0)
        map_put(&claim_hold(r, span_split(&rest, '\n'))->users, u);
}

static void remove_claims(struct roster *r, const struct roster_user *u)
{
    struct span rest = roster_user_groups(u);
    while (rest.len > 0) {
        struct claim *claim = map_get(&r->claims, span_split(&rest, '\n'));
        if (!claim) /* named twice */
            continue;
        map_remove(&claim->users, roster_user_id(u));
        if (claim->users.count > 0)
            continue;
        map_remove(&r->claims, claim_key(claim));
        claim_free(claim);
    }
}

static void seat(struct roster *r, struct roster_user *u, size_t at)
{
    u->at = (uint32_t)at;
    r->row[at] = u;
}

/* Whom a scan has not met stand before those it has. */
static void enlist(struct roster *r, struct roster_user *u)
{
    if (r->online == r->row_capacity) {
        r->row_capacity = r->row_capacity ? r->row_capacity * 2 : 64;
        r->row = mem_realloc(r->row, r->row_capacity * sizeof(struct roster_user *));
    }
    if (r->scanning) {
        if (r->scan_left < r->online)
            seat(r, r->row[r->scan_left], r->online);
        seat(r, u, r->scan_left++);
    } else {
        seat(r, u, r->online);
    }
    r->online++;
    put_claims(r, u);
}

void roster_scan_forget(struct roster *r, struct roster_user *u)
{
    if (!r->scanning || !roster_scan_met(r, u) || u->found == 0)
        return;
    if (r->scan_gone_count == r->scan_gone_capacity) {
        r->scan_gone_capacity = r->scan_gone_capacity ? r->scan_gone_capacity * 2 : 16;
        r->scan_gone = mem_realloc(r->scan_gone, r->scan_gone_capacity * sizeof(*r->scan_gone));
    }
    r->scan_gone[r->scan_gone_count++] = u->found;
    u->found = 0;
}

static void delist(struct roster *r, struct roster_user *u)
{
    size_t hole = u->at;
    roster_scan_forget(r, u);
    if (hole < r->scan_left) {
        seat(r, r->row[--r->scan_left], hole);
        hole = r->scan_left;
    }
    if (hole < --r->online)
        seat(r, r->row[r->online], hole);
    remove_claims(r, u);
}

static void succeed(struct roster *r, const struct roster_user *old, struct roster_user *u)
{
    seat(r, u, old->at);
    u->found = old->found;
    if (!span_equal(roster_user_groups(old), roster_user_groups(u)))
        remove_claims(r, old);
    put_claims(r, u);
}

/* Puts a record in the place of the one that is known of the user, if there is one. */
static void place(struct roster *r, struct roster_user *u)
{
    struct roster_user *old = map_get(&r->users, roster_user_id(u));
    if (old && old->online && u->online)
        succeed(r, old, u);
    else if (old && old->online)
        delist(r, old);
    else if (u->online)
        enlist(r, u);
    map_put(&r->users, u);
    free(old);
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

static void replace(struct roster *r, const struct change *c, uint8_t mark)
{
    struct roster_user *u = user_create(c, c->device, c->groups, c->group_count);
    u->mark = mark;
    place(r, u);
}

static void erase(struct roster *r, struct roster_user *u)
{
    if (u->online)
        delist(r, u);
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
    place(r, u);
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
            delist(r, stale[i]);
            gone(arg, stale[i]);
            stale[i]->online = false;
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
    return *at < r->online ? r->row[(*at)++] : NULL;
}

const struct map *roster_claimants(const struct roster *r, struct span group)
{
    const struct claim *claim = map_get(&r->claims, group);
    return claim ? &claim->users : NULL;
}

void roster_scan_begin(struct roster *r)
{
    r->scanning = true;
    r->scan_left = r->online;
    r->scan_gone_count = 0;
}

struct roster_user *roster_scan_next(struct roster *r)
{
    return r->scan_left > 0 ? r->row[--r->scan_left] : NULL;
}

void roster_scan_end(struct roster *r)
{
    r->scanning = false;
    r->scan_left = 0;
}

bool roster_scan_met(const struct roster *r, const struct roster_user *u)
{
    return u->at >= r->scan_left;
}
