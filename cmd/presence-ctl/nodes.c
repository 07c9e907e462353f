#include "base/plain.h"
#include "ctl.h"
#include "store/keys.h"
#include "store/resp.h"

#include <string.h>

int nodes_load(struct ctl *c, struct nodes *ret)
{
    bytes_auto command = BYTES_INIT, name = BYTES_INIT;
    struct redisReply *reply;
    int64_t now_ms;

    int code = ctl_now(c, &now_ms);
    if (code != 0)
        return code;
    keys_name(c->store.prefix, KEY_NODES, &name);
    resp_command(&command, "HGETALL", bytes_text(&name), NULL);
    code = ctl_ask(c, bytes_span(&command), &reply, 1);
    if (code != 0)
        return code;
    ret->reply = reply;
    ret->now_ms = now_ms;
    ret->count = 0;
    for (size_t i = 0; i < reply_count(reply) / 2 && ret->count < NODES_MAX; i++)
        ret->count += node_read(reply, i, &ret->items[ret->count]) == 0;
    return 0;
}

void nodes_finish(struct nodes *n)
{
    for (size_t i = 0; i < n->count; i++)
        node_finish(&n->items[i]);
    reply_free(n->reply);
    n->reply = NULL;
    n->count = 0;
}

bool node_alive(const struct nodes *n, const struct node *node)
{
    return n->now_ms - node->seen_ms < NODE_ALIVE_MS;
}

bool node_is(const struct node *node, const char *name)
{
    return span_equal(node->program, span_of(name));
}

size_t nodes_alive(const struct nodes *n, const char *name)
{
    size_t count = 0;

    for (size_t i = 0; i < n->count; i++)
        count += node_is(&n->items[i], name) && node_alive(n, &n->items[i]);
    return count;
}

void nodes_tell(const struct nodes *n, struct span name, struct bytes *out)
{
    for (size_t i = 0; i < n->count; i++) {
        const struct node *node = &n->items[i];
        if (!span_equal(node->name, name))
            continue;
        plain_append(out, node->program);
        bytes_append_char(out, ' ');
        plain_append(out, name);
        bytes_append_text(out, node_alive(n, node) ? " at " : ", silent, at ");
        plain_append(out, node->address);
        return;
    }
    if (span_equal(name, SPAN("ctl"))) {
        bytes_append_text(out, "presence-ctl");
        return;
    }
    bytes_append_text(out, "node ");
    plain_append(out, name);
    bytes_append_text(out, ", which is gone");
}
