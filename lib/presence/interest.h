/* SPDX-License-Identifier: MIT */
/* Interest: whom a viewer is told of. What the token allows (its scope) bounds what the viewer asks for.
 *
 * A user belongs to a group by the Redis set that VoicePing keeps, or while connected with that claim
 * (PROTOCOL.md). Groups are shared: one object per watched group, with its members, held by the
 * interests that name it. The members stand in a reverse index too (user to watched groups), so that a
 * question about one user costs the smaller number: of the groups that the interest names, or of those that
 * have the user. Pure. */
#ifndef PRESENCE_INTEREST_H
#define PRESENCE_INTEREST_H

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

struct interest;

/* That an interest names a group. */
struct naming {
    struct list link; /* in group.namings */
    struct interest *interest;
};

struct interest {
    struct groups *of;
    void *owner;          /* the caller's: whose interest it is */
    bool scoped;          /* the token bounds what is seen to `scope` */
    struct group **scope; /* by serial, each once */
    size_t scope_count;
    bool chosen;           /* the viewer asked for groups or users; else all of the scope */
    struct group **groups; /* of the scope, if scoped; by serial, each once */
    size_t group_count;
    struct map users;       /* asked for by id */
    struct naming *namings; /* of `scope`, or without one of `groups` */
    size_t naming_count;
    uint64_t visit; /* the caller's: the last round over several groups that met it */
};

/* claim: the token's groups; has_claim false: no bound. */
struct interest *interest_create(struct groups *g, bool has_claim, const struct span *claim, size_t count);
void interest_destroy(struct groups *g, struct interest *in);
/* Replaces what the viewer asked for; NULL for groups and users: everything allowed. Returns how many of the
 * groups asked for are not allowed. */
size_t interest_choose(struct groups *g, struct interest *in, const struct span *names, size_t name_count,
                       bool has_users, const struct span *users, size_t user_count);
void interest_choose_all(struct groups *g, struct interest *in);
/* claims: the user's claimed groups, each followed by '\n'. */
bool interest_sees(const struct interest *in, struct span user, struct span claims);
/* Whether the token allows it, asked for or not. */
bool interest_allows(const struct interest *in, struct span user, struct span claims);
/* Whether all users that are to be chosen are chosen already: `all`, or `users` by id. */
bool interest_covers(const struct interest *in, bool all, const struct span *users, size_t user_count);
/* Whether the whole roster is seen. */
bool interest_is_everyone(const struct interest *in);
/* Whether groups play a part in what is seen. */
bool interest_by_group(const struct interest *in);
bool interest_names(const struct interest *in, const struct group *group);
/* The groups whose users are seen, for they were asked for or are the scope. */
struct group *const *interest_groups(const struct interest *in, size_t *ret_count);
/* size_t at = 0; while (interest_next_user(in, &at, &user)) … : those asked for by id, allowed or not. */
bool interest_next_user(const struct interest *in, size_t *at, struct span *ret_user);

#endif
