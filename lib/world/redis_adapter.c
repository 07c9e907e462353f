/* net/redis_adapter.h over the world's network: a connection to the model's Redis. */
#include "net/redis_adapter.h"

#include "base/mem.h"
#include "store/reply.h"
#include "world/redis_host.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct connection {
    struct list link;              /* in redis_host.connections, while Redis has it */
    struct redis_adapter *adapter; /* NULL: closed at the client's side */
    struct redis_client *client;   /* NULL: not open, or closed at Redis's side */
    struct process *owner;
    int64_t up_us, down_us; /* of the last message each way */
    size_t holders;         /* messages under way, and the sides that are open */
};

struct redis_adapter {
    struct connection *connection;
    const struct redis_adapter_hooks *hooks;
    void *arg;
    redisReader *reader;
};

/* A message under way. */
struct letter {
    struct connection *connection;
    size_t len;
    char data[];
};

static void release(struct connection *c)
{
    if (--c->holders > 0)
        return;
    list_remove(&c->link);
    free(c);
}

static struct letter *letter_create(struct connection *c, struct span text)
{
    struct letter *l = mem_alloc(sizeof(*l) + text.len + 1);
    l->connection = c;
    l->len = text.len;
    if (text.len > 0)
        memcpy(l->data, text.data, text.len);
    c->holders++;
    return l;
}

static void letter_destroy(struct letter *l)
{
    release(l->connection);
    free(l);
}

static void adapter_free(struct redis_adapter *a)
{
    redisReaderFree(a->reader);
    a->connection->adapter = NULL;
    release(a->connection);
    free(a);
}

/* At the client's side. */
static void on_answer(void *arg)
{
    struct letter *l = arg;
    struct redis_adapter *a = l->connection->adapter;
    struct connection *c = l->connection;
    void *reply = NULL;
    if (a)
        redisReaderFeed(a->reader, l->data, l->len);
    while (c->adapter && redisReaderGetReply(c->adapter->reader, &reply) == REDIS_OK && reply) {
        c->adapter->hooks->reply(c->adapter->arg, reply);
        reply_free(reply);
        reply = NULL;
    }
    letter_destroy(l);
}

static void on_opened(void *arg)
{
    struct letter *l = arg;
    struct redis_adapter *a = l->connection->adapter;
    if (a)
        a->hooks->opened(a->arg);
    letter_destroy(l);
}

static void on_reset(void *arg)
{
    struct letter *l = arg;
    struct redis_adapter *a = l->connection->adapter;
    if (a) {
        const struct redis_adapter_hooks *hooks = a->hooks;
        void *its_arg = a->arg;
        adapter_free(a);
        hooks->closed(its_arg, "connection reset");
    }
    letter_destroy(l);
}

static void send_down(struct connection *c, struct span text, void (*fire)(void *arg))
{
    if (redis_host.process)
        network_send(redis_host.process, c->owner, &c->down_us, fire, letter_create(c, text));
    else
        world_after(1000, c->owner, fire, letter_create(c, text));
}

static void on_published(void *arg, struct span channel, struct span payload)
{
    struct connection *c = arg;
    bytes_auto push = BYTES_INIT;
    /* What a revision tells of; all else is lost with its connection only. */
    if (span_equal(channel, SPAN("presence:updates")) && world_chance(redis_host.lose_per_mille))
        return;
    bytes_printf(&push, "*3\r\n$7\r\nmessage\r\n$%zu\r\n%.*s\r\n$%zu\r\n", channel.len, (int)channel.len,
                 channel.data, payload.len);
    bytes_append_span(&push, payload);
    bytes_append(&push, "\r\n", 2);
    send_down(c, bytes_span(&push), on_answer);
    if (world_chance(redis_host.repeat_per_mille))
        send_down(c, bytes_span(&push), on_answer);
}

/* At Redis's side. */
static void on_command(void *arg)
{
    struct letter *l = arg;
    struct connection *c = l->connection;
    struct span command = {l->data, l->len};
    bytes_auto answer = BYTES_INIT;
    if (c->client) {
        if (redis_host.before)
            redis_host.before(redis_host.arg, command);
        redis_client_execute(c->client, command, &answer);
        bytes_text(&answer);
        if (redis_host.after)
            redis_host.after(redis_host.arg, command, bytes_span(&answer));
        send_down(c, bytes_span(&answer), on_answer);
    }
    letter_destroy(l);
}

static void on_connect(void *arg)
{
    struct letter *l = arg;
    struct connection *c = l->connection;
    c->client = redis_client_create(redis_host.model, on_published, c);
    c->holders++;
    list_append(&redis_host.connections, &c->link);
    send_down(c, SPAN_NONE, on_opened);
    letter_destroy(l);
}

static void close_server_side(struct connection *c)
{
    redis_client_destroy(c->client);
    c->client = NULL;
    list_remove(&c->link);
    release(c);
}

static void on_goodbye(void *arg)
{
    struct letter *l = arg;
    if (l->connection->client)
        close_server_side(l->connection);
    letter_destroy(l);
}

void redis_connections_reset(int per_mille)
{
    for (struct list *at = redis_host.connections.next, *next; at != &redis_host.connections; at = next) {
        struct connection *c = list_entry(at, struct connection, link);
        next = at->next;
        if (!world_chance(per_mille))
            continue;
        send_down(c, SPAN_NONE, on_reset);
        close_server_side(c);
    }
}

struct redis_adapter *redis_adapter_open_unix(struct loop *loop, const char *path,
                                              const struct redis_adapter_hooks *hooks, void *arg, char *why,
                                              size_t size)
{
    if (!redis_host.process) {
        snprintf(why, size, "connection refused");
        return NULL;
    }
    struct redis_adapter *a = mem_zalloc(sizeof(*a));
    struct connection *c = mem_zalloc(sizeof(*c));
    list_init(&c->link);
    c->owner = loop_process(loop);
    c->adapter = a;
    c->holders = 1;
    a->connection = c;
    a->hooks = hooks;
    a->arg = arg;
    a->reader = redisReaderCreate();
    network_send(c->owner, redis_host.process, &c->up_us, on_connect, letter_create(c, SPAN_NONE));
    return a;
}

/* Only unix sockets are asked for here. */
struct redis_adapter *redis_adapter_open_tcp(struct loop *loop, const char *ip, int port,
                                             const struct redis_adapter_hooks *hooks, void *arg, char *why,
                                             size_t size)
{
    return redis_adapter_open_unix(loop, ip, hooks, arg, why, size);
}

void redis_adapter_close(struct redis_adapter *a)
{
    struct connection *c = a->connection;
    if (redis_host.process)
        network_send(c->owner, redis_host.process, &c->up_us, on_goodbye, letter_create(c, SPAN_NONE));
    adapter_free(a);
}

int redis_adapter_send(struct redis_adapter *a, struct span command)
{
    if (!redis_host.process || !a->connection->owner->alive)
        return 0; /* into a socket that nobody reads */
    network_send(a->connection->owner, redis_host.process, &a->connection->up_us, on_command,
                 letter_create(a->connection, command));
    return 0;
}

size_t redis_adapter_queued(const struct redis_adapter *a)
{
    return 0;
}
