/* SPDX-License-Identifier: MIT */
#include "idset.h"

#include "base/mem.h"

#include <stdlib.h>

struct id {
    size_t len;
    char text[];
};

static struct span key_of(const void *object)
{
    const struct id *id = object;
    return (struct span){id->text, id->len};
}

void idset_init(struct idset *s)
{
    map_init(&s->map, key_of);
}

void idset_finish(struct idset *s)
{
    size_t at = 0;
    void *id;
    while ((id = map_next(&s->map, &at)))
        free(id);
    map_finish(&s->map);
}

void idset_add(struct idset *s, struct span id)
{
    if (idset_has(s, id))
        return;
    struct id *added = mem_alloc(sizeof(*added) + id.len);
    added->len = id.len;
    memcpy(added->text, id.data ? id.data : "", id.len);
    map_put(&s->map, added);
}

void idset_remove(struct idset *s, struct span id)
{
    free(map_remove(&s->map, id));
}

bool idset_has(const struct idset *s, struct span id)
{
    return map_get(&s->map, id);
}

bool idset_next(const struct idset *s, size_t *at, struct span *ret)
{
    const void *id = map_next(&s->map, at);
    if (id)
        *ret = key_of(id);
    return id;
}
