/* SPDX-License-Identifier: MIT */
/* Lists of names in settings: the claims that say who somebody is, the audiences and issuers that are
 * accepted. Separated by commas; blanks around a name are taken off. */
#ifndef AUTH_NAME_LIST_H
#define AUTH_NAME_LIST_H

#include "base/bytes.h"

#define NAME_LIST_MAX 16

/* All zero: empty. */
struct name_list {
    char *text; /* owns the names' bytes */
    struct span names[NAME_LIST_MAX];
    size_t count;
};

/* `text` NULL or "": an empty list. 0, or -1 and a static phrase in *ret_problem that goes on after the name
 * of the setting: more than NAME_LIST_MAX names, or an empty one. */
int name_list_read(const char *text, struct name_list *ret, const char **ret_problem);
void name_list_finish(struct name_list *list);
bool name_list_has(const struct name_list *list, struct span name);

#endif
