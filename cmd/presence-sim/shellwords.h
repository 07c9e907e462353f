/* SPDX-License-Identifier: MIT */
/* A line of a small language taken apart into words, as a shell would, but with nothing it could execute.
 *
 * Words are separated by spaces and tabs. '…' takes everything as it stands; "…" keeps spaces. Outside of '…'
 * $NAME and ${NAME} are replaced (the value is never split again), and a backslash takes the next character
 * as it stands. A word that begins with # ends the line. */
#ifndef SIM_SHELLWORDS_H
#define SIM_SHELLWORDS_H

#include "base/bytes.h"

struct shellwords {
    char **items;
    size_t count;
};

/* The value of a variable, or NULL when there is none. */
typedef const char *shellwords_lookup(void *arg, const char *name);

/* 0; -1 with a sentence in error: a quote that does not end, a name that is none, a variable without a value.
 * With a NULL lookup variables are left as they stand. On success the caller calls shellwords_finish. */
int shellwords_split(struct span line, shellwords_lookup *lookup, void *arg, struct shellwords *ret,
                     char *error, size_t size);
void shellwords_finish(struct shellwords *w);

#endif
