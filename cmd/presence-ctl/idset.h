/* SPDX-License-Identifier: MIT */
/* A set of ids. */
#ifndef PRESENCE_CTL_IDSET_H
#define PRESENCE_CTL_IDSET_H

#include "base/map.h"

struct idset {
    struct map map;
};

void idset_init(struct idset *s);
/* Frees the ids; the set may be initialized again. */
void idset_finish(struct idset *s);
/* Nothing happens when it is there already. */
void idset_add(struct idset *s, struct span id);
void idset_remove(struct idset *s, struct span id);
bool idset_has(const struct idset *s, struct span id);
/* size_t at = 0; while (idset_next(&set, &at, &id)) …; in any order. */
bool idset_next(const struct idset *s, size_t *at, struct span *ret);

#endif
