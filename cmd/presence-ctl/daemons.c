/* SPDX-License-Identifier: MIT */
#include "daemons.h"

#include "base/mem.h"
#include "http/http_get.h"

#include <stdlib.h>

static void add(struct daemons *d, struct span address, struct span name)
{
    d->items = mem_realloc(d->items, (d->count + 1) * sizeof(*d->items));
    d->items[d->count++] = (struct daemon){
        .address = mem_strndup(address.data ? address.data : "", address.len),
        .program = mem_strndup(name.data ? name.data : "", name.len),
    };
}

void daemons_init(struct daemons *d, const struct config *config, const struct nodes *nodes)
{
    struct span rest = span_of(config->addresses);
    *d = (struct daemons){0};
    while (rest.len)
        add(d, span_trim(span_split(&rest, ',')), SPAN_NONE);
    for (size_t i = 0; i < nodes->count && !config->addresses; i++)
        if (nodes_is_alive(nodes, &nodes->items[i]))
            add(d, nodes->items[i].address, nodes->items[i].program);
}

void daemons_finish(struct daemons *d)
{
    for (size_t i = 0; i < d->count; i++) {
        free(d->items[i].address);
        free(d->items[i].program);
        bytes_finish(&d->items[i].body);
    }
    free(d->items);
    *d = (struct daemons){0};
}

size_t daemons_ask(struct daemons *d, const char *path, int64_t timeout_ms)
{
    size_t answered = 0;
    for (size_t i = 0; i < d->count; i++) {
        struct daemon *it = &d->items[i];
        bytes_reset(&it->body);
        it->status = 0;
        http_get(it->address, path, timeout_ms, &it->status, &it->body, it->error, sizeof(it->error));
        answered += it->status == 200;
    }
    return answered;
}
