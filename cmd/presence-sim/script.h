/* SPDX-License-Identifier: MIT */
/* A scenario file as numbered lines of words, not yet expanded: blank lines and comments are gone, a
 * backslash at the end of a line joins the next. `include FILE` stands for the lines of that file, which is
 * looked for beside the one that names it. */
#ifndef SIM_SCRIPT_H
#define SIM_SCRIPT_H

#include "shellwords.h"

#define SCRIPT_SIZE_MAX  (1 << 20)
#define SCRIPT_DEPTH_MAX 4

struct script_line {
    const char *file;
    int number; /* the first of the joined lines */
    char *text;
};

struct script {
    struct script_line *lines;
    size_t count;
    char **files; /* that were included; the lines borrow their names */
    size_t file_count;
};

/* "-" reads standard input. 0, or -1 with a sentence in error. */
int script_read(const char *file, struct script *ret, char *error, size_t size);
void script_finish(struct script *s);

#endif
