/* A set of ids. */
#ifndef PRESENCE_CTL_IDSET_H
#define PRESENCE_CTL_IDSET_H

#include "base/map.h"

struct idset {
    struct map map;
};

void idset_init(struct idset *s);
void idset_finish(struct idset *s);
/* Empty again. */
void idset_reset(struct idset *s);
/* False when it was there already. */
bool idset_add(struct idset *s, struct span id);
void idset_remove(struct idset *s, struct span id);
bool idset_has(const struct idset *s, struct span id);
size_t idset_count(const struct idset *s);

#endif
