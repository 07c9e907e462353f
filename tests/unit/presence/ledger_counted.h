/* What a ledger counts, counted again. */
#ifndef TEST_PRESENCE_LEDGER_COUNTED_H
#define TEST_PRESENCE_LEDGER_COUNTED_H

#include "presence/ledger.h"

static inline size_t count_flagged(const struct ledger *l, size_t offset)
{
    size_t count = 0;

    for (const struct list *at = l->all.next; at != &l->all; at = at->next)
        count += *((const bool *)list_entry(at, const struct session, all) + offset);
    return count;
}

static inline size_t count_sessions(const struct ledger *l)
{
    size_t count = 0;

    for (const struct list *at = l->all.next; at != &l->all; at = at->next)
        count++;
    return count;
}

static inline void assert_counted(const char *name, const struct ledger *l)
{
    if (l->count != count_sessions(l) ||
        l->asserting != count_flagged(l, offsetof(struct session, asserting)) ||
        l->disowned != count_flagged(l, offsetof(struct session, disowned)))
        fail_msg("%s: the ledger has lost count", name);
}

#endif
