/* SPDX-License-Identifier: MIT */
/* Lists of whom a token sees, and those of the last 10 s by token, so that the next pages of a list are of the same
 * walk. A server keeps a group's members as long before it reads them again. */
#ifndef PRESENCE_API_SEEN_H
#define PRESENCE_API_SEEN_H

#include "base/bytes.h"
#include "base/list.h"

/* Whom a token sees, of those who are online: sorted, each once. Several may hold it. */
struct seen {
    unsigned refs;
    size_t count;
    struct span *users;
    char text[];
};

/* Of one user, or of nobody. */
struct seen *seen_create(struct span user, bool online);
/* Empty, with room for `count` users whose ids have so many bytes in all; the first goes to seen->text. */
struct seen *seen_alloc(size_t count, size_t bytes);
/* Appends the user, who sorts behind those that are there, at `text`; returns where the next id goes. */
char *seen_append(struct seen *seen, char *text, struct span user);
/* Returns the same, for one more seen_release. */
struct seen *seen_hold(struct seen *seen);
/* NULL is fine. */
void seen_release(struct seen *seen);
/* The index of the first user behind this one, who need not be there. */
size_t seen_behind(const struct seen *seen, struct span user);

struct seen_lists {
    struct list all; /* the oldest first */
    size_t count, users;
};

void seen_lists_init(struct seen_lists *lists);
void seen_lists_finish(struct seen_lists *lists);
/* Keeps the list in the place of an older one of that key, and drops the oldest beyond 32 lists or 2,000,000 users. */
void seen_keep(struct seen_lists *lists, struct span key, struct seen *seen, int64_t now_ms);
/* The list of that key, for seen_release; NULL: there is none, or it is older than 10 s. */
struct seen *seen_recall(struct seen_lists *lists, struct span key, int64_t now_ms);

#endif
