/* Interest: whom a viewer is told of. What the token allows (its scope) bounds what the viewer asks for.
 *
 * A user belongs to a group by the Redis set that VoicePing keeps, or while connected with that claim
 * (contract section 2). Groups are shared: one object per watched group, with its members, held by the
 * interests that name it. Pure. */
#ifndef PRESENCE_INTEREST_H
#define PRESENCE_INTEREST_H

#include "base/map.h"
#include "presence/identity.h"

struct group {
    struct map members; /* by the Redis set, online or not */
    size_t holders;
    bool loaded;
    struct span flipped; /* see group_flip */
    uint8_t name_len;
    char name[];
};

struct groups {
    struct map by_name;
};

void groups_init(struct groups *g);
void groups_finish(struct groups *g);
struct group *groups_hold(struct groups *g, struct span name);
void groups_release(struct groups *g, struct group *group);
struct span group_name(const struct group *group);
bool group_has(const struct group *group, struct span user);
/* The set as just read. `differs` is called for each user who joined or left, after the set has changed. */
void group_replace(struct group *group, const struct span *members, size_t count,
                   void (*differs)(void *arg, struct group *group, struct span user), void *arg);
/* Looks upon one user's membership as it was before the difference, until group_flip(group, SPAN_NONE). */
void group_flip(struct group *group, struct span user);

struct interest {
    bool scoped; /* the token bounds what is seen to `scope` */
    struct group **scope;
    size_t scope_count;
    bool chosen;           /* the viewer asked for groups or users; else all of the scope */
    struct group **groups; /* of the scope, if scoped */
    size_t group_count;
    struct map users; /* asked for by id */
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
/* Whether the whole roster is seen. */
bool interest_is_everyone(const struct interest *in);
/* Whether groups play a part in what is seen. */
bool interest_by_group(const struct interest *in);
bool interest_names(const struct interest *in, const struct group *group);

#endif
