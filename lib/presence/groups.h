/* SPDX-License-Identifier: MIT */
/* Watched groups and their members by Redis's sets, one object for each, held by the interests that name it. The
 * members stand in a reverse index too (user to watched groups), so that a question about one user costs the smaller
 * number: of the groups that an interest names, or of those that have the user. Pure. */
#ifndef PRESENCE_GROUPS_H
#define PRESENCE_GROUPS_H

#include "base/list.h"
#include "base/map.h"
#include "presence/group_queue.h"
#include "presence/identity.h"

struct groups;
struct group;

/* A user whom the sets of watched groups have, online or not. */
struct person {
    struct group **groups; /* by serial */
    uint32_t count, capacity;
    uint32_t met; /* the last reading of a set that had him */
    uint8_t len;
    char id[];
};

struct group {
    struct groups *of;
    uint64_t serial;    /* orders groups, and is never used again */
    struct map members; /* struct person: by the Redis set, online or not */
    size_t holders;
    struct list namings; /* of the interests that name it */
    size_t naming_count;
    bool loaded;
    struct group_place place; /* in the queue of what is read */
    struct list link;         /* in groups.dying, once nobody holds it */
    size_t dropped_at;        /* how far its members are let go then */
    uint8_t name_len;
    char name[];
};

struct groups {
    struct map by_name;
    struct group_queue queue;
    struct map people; /* struct person */
    uint64_t serial;
    uint32_t reading;
    struct list dying;
    const struct group *flipped; /* see group_flip */
    struct span flipped_user;
};

void groups_init(struct groups *g);
void groups_finish(struct groups *g);
struct group *groups_hold(struct groups *g, struct span name);
void groups_release(struct groups *g, struct group *group);
/* A large group that nobody holds any more is let go in parts: up to `most` members. Whether more are left.
 */
bool groups_tidy(struct groups *g, size_t most);
struct span group_name(const struct group *group);
bool group_has(const struct group *group, struct span user);
/* The set as just read. `differ` is called once with those who joined and those who left, if there are any,
 * after the set has changed. */
void group_replace(struct group *group, const struct span *members, size_t count,
                   void (*differ)(void *arg, struct group *group, const struct span *users, size_t count),
                   void *arg);
/* Looks upon one user's membership as it was before the difference, until group_flip(group, SPAN_NONE). */
void group_flip(struct group *group, struct span user);
struct span person_id(const struct person *p);
/* Whether the group stands among groups that are ordered by serial. */
bool groups_contain(struct group *const *groups, size_t count, const struct group *group);

#endif
