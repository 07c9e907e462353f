/* A scenario file as numbered lines of words, not yet expanded: blank lines and comments are gone, a
 * backslash at the end of a line joins the next. */
#ifndef SIM_SCRIPT_H
#define SIM_SCRIPT_H

#include "base/words.h"

#define SCRIPT_SIZE_MAX (1 << 20)

struct script_line {
    int number; /* the first of the joined lines */
    char *text;
};

struct script {
    struct script_line *lines;
    size_t count;
};

/* "-" reads standard input. 0, or -1 with a sentence in error. */
int script_read(const char *file, struct script *ret, char *error, size_t size);
void script_finish(struct script *s);

#endif
