/* SPDX-License-Identifier: MIT */
#include "router.h"

#include "base/mem.h"
#include "commands.h"
#include "fanout/websocket.h"
#include "wire/frame.h"
#include "wire/mp_reader.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define GROUP           0
#define USER_ADD        15
#define HEAD_TIMEOUT_MS 10000
#define PENDING_MAX     4096
#define MESSAGE_MAX     (1 << 20)

struct member {
    struct list link; /* in group.members, or in none */
    struct router *of;
    struct websocket *ws;
    struct bytes message; /* pieces of it */
};

struct group {
    char *name;
    struct list members;
};

struct router {
    struct loop *loop;
    struct token_keys *keys;
    struct listen_set listen;
    struct listener *listener;
    struct gate *gate;
    struct websocket_endpoint *endpoint;
    struct map groups;
};

static struct span group_key(const void *group)
{
    return span_of(((const struct group *)group)->name);
}

static struct group *group_of(struct router *r, struct span name)
{
    struct group *g = map_get(&r->groups, name);
    if (g)
        return g;
    g = mem_zalloc(sizeof(*g));
    g->name = mem_strndup(name.data, name.len);
    list_init(&g->members);
    map_put(&r->groups, g);
    return g;
}

/* [channel, type, from, to, …]: the type and the group; -1: it is for none. */
static int read_head(struct span message, int64_t *ret_type, struct span *ret_group)
{
    struct mp_reader reader;
    struct mp_reader_value array, channel, type, from, to;
    int64_t number;
    mp_reader_init(&reader, message, SIZE_MAX);
    if (mp_reader_head(&reader, &array) != MP_READER_OK || array.kind != MP_READER_ARRAY || array.count < 4 ||
        mp_reader_next(&reader, &channel) != MP_READER_OK || !mp_reader_integer(&channel, &number) ||
        number != GROUP || mp_reader_next(&reader, &type) != MP_READER_OK ||
        !mp_reader_integer(&type, ret_type) || mp_reader_next(&reader, &from) != MP_READER_OK ||
        mp_reader_next(&reader, &to) != MP_READER_OK || to.kind != MP_READER_STR)
        return -1;
    *ret_group = to.text;
    return 0;
}

static void pass_on(struct member *from, struct group *g, struct span message)
{
    bytes_auto frame = BYTES_INIT;
    frame_append_header(FRAME_FIN | FRAME_BINARY, message.len, &frame);
    bytes_append_span(&frame, message);
    for (struct list *at = g->members.next; at != &g->members; at = at->next) {
        struct member *m = list_entry(at, struct member, link);
        if (m != from)
            websocket_write(m->ws, bytes_span(&frame));
    }
}

static void take(struct member *m, struct span message)
{
    struct span name;
    int64_t type;
    if (read_head(message, &type, &name) < 0)
        return;
    struct group *g = group_of(m->of, name);
    if (type != USER_ADD) {
        pass_on(m, g, message);
        return;
    }
    list_remove(&m->link);
    list_append(&g->members, &m->link);
}

static void on_received(void *owner, struct span piece, bool first, bool final, uint64_t remaining,
                        bool binary)
{
    struct member *m = owner;
    if (first)
        bytes_reset(&m->message);
    if (m->message.len + piece.len > MESSAGE_MAX)
        return;
    bytes_append_span(&m->message, piece);
    if (!final)
        return;
    take(m, bytes_span(&m->message));
    bytes_finish(&m->message);
}

static void *on_opened(void *arg, struct websocket *ws, struct gate_request *request)
{
    struct member *m = mem_zalloc(sizeof(*m));
    list_init(&m->link);
    m->of = arg;
    m->ws = ws;
    return m;
}

static void on_closed(void *owner, enum websocket_end end)
{
    struct member *m = owner;
    list_remove(&m->link);
    bytes_finish(&m->message);
    free(m);
}

static void on_upgrade(void *arg, int fd, struct gate_request *request, struct span synthetic_request,
                       const char *protocol)
{
    struct router *r = arg;
    websocket_adopt(r->endpoint, fd, request, synthetic_request, protocol);
}

static void on_accepted(void *arg, int fd, const char *peer)
{
    struct router *r = arg;
    gate_accept(r->gate, fd, peer);
}

static int load_keys(struct router *r, const char *secret, char *error, size_t size)
{
    const struct token_config config = {.secret = secret, .leeway_s = 60};
    struct token_warnings warnings;
    return secret ? token_keys_load(&config, &r->keys, &warnings, error, size) : 0;
}

static void start(struct router *r, bool open)
{
    static const struct websocket_hooks hooks = {
        .opened = on_opened, .received = on_received, .closed = on_closed};
    static const struct gate_hooks gate_hooks = {.upgrade = on_upgrade};
    static const struct listener_hooks listener_hooks = {.accepted = on_accepted};
    const struct gate_config config = {.keys = r->keys,
                                       .auth_none = open,
                                       .allowed_origins = "*",
                                       .allowed_hosts = "*",
                                       .head_timeout_ms = HEAD_TIMEOUT_MS,
                                       .pending_max = PENDING_MAX,
                                       .upgrades = true};
    r->endpoint = websocket_endpoint_create(r->loop, &hooks, r);
    loop_rest_at_most(r->loop, 0); /* what it adds to a frame's way is not to be measured */
    r->gate = gate_create(r->loop, &config, &gate_hooks, r);
    r->listener = listener_create(r->loop, &r->listen, &listener_hooks, r);
}

struct router *router_open(struct loop *loop, const char *listen, const char *secret, char *error,
                           size_t size)
{
    struct router *r = mem_zalloc(sizeof(*r));
    r->loop = loop;
    map_init(&r->groups, group_key);
    if (load_keys(r, secret, error, size) == 0 &&
        listener_open(listen, false, &r->listen, error, size) == 0) {
        start(r, !secret);
        if (r->endpoint)
            return r;
        snprintf(error, size, "the WebSocket library can't start");
    }
    router_close(r);
    return NULL;
}

const char *router_address(const struct router *r)
{
    return r->listen.names[0];
}

void router_close(struct router *r)
{
    struct group *g;
    size_t at = 0;
    if (!r)
        return;
    listener_destroy(r->listener);
    listener_close_socket(&r->listen);
    gate_destroy(r->gate);
    websocket_endpoint_destroy(r->endpoint);
    while ((g = map_next(&r->groups, &at))) {
        free(g->name);
        free(g);
    }
    map_finish(&r->groups);
    token_keys_destroy(r->keys);
    free(r);
}

static void on_signal(void *arg, int signum)
{
    loop_stop(arg);
}

int command_router(const struct options *options)
{
    struct loop *loop = loop_create();
    char error[512];
    struct router *r =
        router_open(loop, options->listen, options->auth_none ? NULL : options->secret, error, sizeof(error));
    if (!r) {
        fprintf(stderr, "presence-sim: %s\n", error);
        loop_destroy(loop);
        return EXIT_USAGE;
    }
    loop_on_signal(loop, SIGTERM, on_signal, loop);
    loop_on_signal(loop, SIGINT, on_signal, loop);
    fprintf(stderr, "presence-sim: routing on %s\n", router_address(r));
    loop_run(loop);
    router_close(r);
    loop_destroy(loop);
    return EXIT_YES;
}
