/* SPDX-License-Identifier: MIT */
#include "auth/name_list.h"

#include "base/mem.h"

#include <stdlib.h>

static int names_split(struct name_list *list, const char **ret_problem)
{
    struct span rest = span_of(list->text);
    while (rest.len > 0) {
        struct span name = span_trim(span_split(&rest, ','));
        if (name.len == 0) {
            *ret_problem = "has an empty name between its commas";
            return -1;
        }
        if (list->count == NAME_LIST_MAX) {
            *ret_problem = "has more than 16 names";
            return -1;
        }
        list->names[list->count++] = name;
    }
    return 0;
}

int name_list_read(const char *text, struct name_list *ret, const char **ret_problem)
{
    struct name_list list = {0};
    if (text)
        list.text = mem_strdup(text);
    if (names_split(&list, ret_problem) < 0) {
        name_list_finish(&list);
        return -1;
    }
    *ret = list;
    return 0;
}

void name_list_finish(struct name_list *list)
{
    free(list->text);
    *list = (struct name_list){0};
}

bool name_list_has(const struct name_list *list, struct span name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (span_equal(list->names[i], name))
            return true;
    }
    return false;
}
