/* SPDX-License-Identifier: MIT */
#include "sessions_counted.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

void sessions_counted_check(const char *name, const struct sessions *l)
{
    size_t count = 0, asserting = 0, orphaned = 0;
    const struct session *s;
    for (size_t at = 0; (s = map_next(&l->by_user, &at));) {
        for (; s; s = s->next) {
            count++;
            asserting += s->asserting;
            orphaned += s->orphaned;
        }
    }
    if (l->count != count || l->asserting != asserting || l->orphaned != orphaned)
        fail_msg("%s: the session table has lost count", name);
}
