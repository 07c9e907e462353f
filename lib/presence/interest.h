/* SPDX-License-Identifier: MIT */
/* Interest: whom a viewer is told of. What the token allows (its scope) bounds what the viewer asks for.
 *
 * A user belongs to a group by the Redis set that VoicePing keeps (groups.h), or while connected with that claim
 * (PROTOCOL.md). Pure. */
#ifndef PRESENCE_INTEREST_H
#define PRESENCE_INTEREST_H

#include "presence/groups.h"

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
