/* The sets of watched groups, read one after the other. */
#include "base/mem.h"
#include "store/follower_inner.h"

#include <stdlib.h>

#define GROUPS_EVERY_MS 5000 /* each set within 10 s, also when there are many */

static void group_differs(void *arg, struct group *group, struct span user)
{
    struct follower *f = arg;
    const struct roster_user *u = roster_get(&f->roster, user);
    struct span claims = u ? roster_user_groups(u) : SPAN_NONE;
    f->hooks->regrouped(f->arg, group, user, claims, claims);
}

/* Whoever names a group waits until it was read once. */
static void nobody_saw(void *arg, struct group *group, struct span user)
{
}

static void read_group(struct follower *f, struct group *group)
{
    bytes_reset(&f->command);
    store_group(f->group_key, group_name(group), &f->command);
    if (span_copy(group_name(group), f->group_name, sizeof(f->group_name)) == 0)
        follower_send(f, FOLLOWER_GROUP);
}

/* Those never read first, then one after the other. */
void follower_read_groups(struct follower *f, int64_t now_ms)
{
    size_t at = 0;
    struct group *group;
    if (!f->connected || f->waiting[FOLLOWER_GROUP])
        return;
    while ((group = map_next(&f->groups.by_name, &at)))
        if (!group->loaded) {
            read_group(f, group);
            return;
        }
    if (now_ms < f->groups_ms)
        return;
    if ((group = map_next(&f->groups.by_name, &f->group_at))) {
        read_group(f, group);
        return;
    }
    f->group_at = 0;
    f->groups_ms = now_ms + GROUPS_EVERY_MS;
}

void follower_group_answer(struct follower *f, const struct redisReply *reply, int64_t now_ms)
{
    struct group *group = map_get(&f->groups.by_name, span_of(f->group_name));
    size_t count = reply_count(reply);
    if (group && !reply_is_error(reply)) {
        struct span *members = mem_array(count + 1, sizeof(*members));
        for (size_t i = 0; i < count; i++)
            members[i] = reply_text(reply_at(reply, i));
        bool first = !group->loaded;
        group_replace(group, members, count, first ? nobody_saw : group_differs, f);
        free(members);
        if (first)
            f->hooks->ready(f->arg);
    } else if (group) {
        /* No set under that name: nobody is a member by Redis. */
        group->loaded = true;
        f->hooks->ready(f->arg);
    }
    follower_read_groups(f, now_ms);
}
