/* SPDX-License-Identifier: MIT */
#include "nodes.h"

#include "base/printable.h"

int nodes_load(struct ctl *c, struct nodes *ret)
{
    bytes_auto command = BYTES_INIT;
    int code = ctl_now(c, &ret->now_ms);
    if (code != 0)
        return code;
    store_nodes(&c->store, &command);
    code = ctl_ask(c, bytes_span(&command), &ret->reply, 1);
    ret->count = 0;
    for (size_t i = 0; code == 0 && i < reply_count(ret->reply) / 2 && ret->count < NODES_MAX; i++)
        ret->count += store_node_read(ret->reply, i, &ret->items[ret->count]) == 0;
    return code;
}

void nodes_finish(struct nodes *n)
{
    for (size_t i = 0; i < n->count; i++)
        store_node_finish(&n->items[i]);
    reply_free(n->reply);
    n->reply = NULL;
    n->count = 0;
}

bool nodes_is_alive(const struct nodes *n, const struct node *node)
{
    return n->now_ms - node->seen_ms < NODES_ALIVE_MS;
}

size_t nodes_alive(const struct nodes *n, const char *program)
{
    size_t count = 0;
    for (size_t i = 0; i < n->count; i++)
        count += span_equal(n->items[i].program, span_of(program)) && nodes_is_alive(n, &n->items[i]);
    return count;
}

void nodes_describe(const struct nodes *n, struct span name, struct bytes *out)
{
    for (size_t i = 0; i < n->count; i++) {
        const struct node *node = &n->items[i];
        if (!span_equal(node->name, name))
            continue;
        printable_append(out, node->program);
        bytes_append_char(out, ' ');
        printable_append(out, name);
        bytes_append_text(out, nodes_is_alive(n, node) ? " at " : ", silent, at ");
        printable_append(out, node->address);
        return;
    }
    if (span_equal(name, SPAN("ctl"))) {
        bytes_append_text(out, "presence-ctl");
        return;
    }
    bytes_append_text(out, "node ");
    printable_append(out, name);
    bytes_append_text(out, ", which is gone");
}
