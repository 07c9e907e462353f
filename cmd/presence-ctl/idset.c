#include "idset.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

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

void idset_reset(struct idset *s)
{
    idset_finish(s);
    idset_init(s);
}

bool idset_add(struct idset *s, struct span id)
{
    if (idset_has(s, id))
        return false;
    struct id *added = mem_alloc(sizeof(*added) + id.len);
    added->len = id.len;
    memcpy(added->text, id.data ? id.data : "", id.len);
    map_put(&s->map, added);
    return true;
}

void idset_remove(struct idset *s, struct span id)
{
    free(map_remove(&s->map, id));
}

bool idset_has(const struct idset *s, struct span id)
{
    return map_get(&s->map, id) != NULL;
}

size_t idset_count(const struct idset *s)
{
    return s->map.count;
}
