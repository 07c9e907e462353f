/* SPDX-License-Identifier: MIT */
/* What a session table counts, counted again. */
#ifndef TEST_PRESENCE_SESSIONS_COUNTED_H
#define TEST_PRESENCE_SESSIONS_COUNTED_H

#include "presence/sessions.h"

static inline size_t count_flagged(const struct sessions *l, size_t offset)
{
    size_t count = 0;
    for (const struct list *at = l->all.next; at != &l->all; at = at->next)
        count += *((const bool *)list_entry(at, const struct session, all) + offset);
    return count;
}

static inline size_t count_sessions(const struct sessions *l)
{
    size_t count = 0;
    for (const struct list *at = l->all.next; at != &l->all; at = at->next)
        count++;
    return count;
}

static inline void assert_counted(const char *name, const struct sessions *l)
{
    if (l->count != count_sessions(l) ||
        l->asserting != count_flagged(l, offsetof(struct session, asserting)) ||
        l->orphaned != count_flagged(l, offsetof(struct session, orphaned)))
        fail_msg("%s: the session table has lost count", name);
}

#endif
