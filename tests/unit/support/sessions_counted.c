/* SPDX-License-Identifier: MIT */
#include "sessions_counted.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static size_t count_flagged(const struct sessions *l, size_t offset)
{
    size_t count = 0;
    for (const struct list *at = l->all.next; at != &l->all; at = at->next)
        count += *((const bool *)list_entry(at, const struct session, all) + offset);
    return count;
}

static size_t count_sessions(const struct sessions *l)
{
    size_t count = 0;
    for (const struct list *at = l->all.next; at != &l->all; at = at->next)
        count++;
    return count;
}

void sessions_counted_check(const char *name, const struct sessions *l)
{
    if (l->count != count_sessions(l) ||
        l->asserting != count_flagged(l, offsetof(struct session, asserting)) ||
        l->orphaned != count_flagged(l, offsetof(struct session, orphaned)))
        fail_msg("%s: the session table has lost count", name);
}
