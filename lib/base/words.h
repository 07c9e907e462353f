/* A line of a small language taken apart into words, as a shell would, but with nothing it could execute.
 *
 * Words are separated by spaces and tabs. '…' takes everything as it stands; "…" keeps spaces; outside of '…'
 * $NAME and
 * ${NAME} are replaced (the value is never split again), and a backslash takes the next character as it
 * stands. A word that begins with # ends the line. */
#ifndef BASE_WORDS_H
#define BASE_WORDS_H

#include "base/bytes.h"

struct words {
    char **items;
    size_t count;
};

/* The value of a variable, or NULL when there is none. */
typedef const char *words_lookup(void *arg, const char *name);

/* 0; -1 with a sentence in error: a quote that does not end, a name that is none, a variable without a value.
 * With a NULL lookup variables are left as they stand. On success the caller calls words_finish. */
int words_split(struct span line, words_lookup *lookup, void *arg, struct words *ret, char *error,
                size_t size);
void words_finish(struct words *w);

#endif
