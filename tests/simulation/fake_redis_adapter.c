/* SPDX-License-Identifier: MIT */
/* net/redis_adapter.h over the simulated network: a connection to the model's Redis. */
#include "redis/redis_adapter.h"

#include "base/mem.h"
#include "cost.h"
#include "redis/reply.h"
#include "redis_host.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct connection {
    struct list link;              /* in redis_host.connections, while Redis has it */
    struct redis_adapter *adapter; /* NULL: closed at the client's side */
    struct redis_client *client;   /* NULL: not open, or closed at Redis's side */
    struct sim_process *owner;
    int64_t up_us, down_us; /* of the last message each way */
    size_t holders;         /* messages under way, and the sides that are open */
};

struct redis_adapter {
    struct connection *connection;
    const struct redis_adapter_hooks *hooks;
    void *arg;
    redisReader *reader;
    struct redisReply **replies; /* that the owner has not let go */
    size_t reply_count, reply_capacity;
};

/* A message under way. */
struct in_flight {
    struct connection *connection;
    int64_t sent_us;
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

static struct in_flight *in_flight_create(struct connection *c, struct span text)
{
    struct in_flight *l = mem_alloc(sizeof(*l) + text.len + 1);
    l->connection = c;
    l->sent_us = simulation.now_us;
    l->len = text.len;
    if (text.len > 0)
        memcpy(l->data, text.data, text.len);
    c->holders++;
    return l;
}

static void in_flight_destroy(struct in_flight *l)
{
    release(l->connection);
    free(l);
}

static void keep_reply(struct redis_adapter *a, struct redisReply *reply)
{
    if (a->reply_count == a->reply_capacity) {
        a->reply_capacity = a->reply_capacity * 2 + 16;
        a->replies = mem_realloc(a->replies, a->reply_capacity * sizeof(struct redisReply *));
    }
    a->replies[a->reply_count++] = reply;
}

static void free_replies(struct redis_adapter *a)
{
    while (a->reply_count > 0)
        reply_free(a->replies[--a->reply_count]);
}

static void adapter_free(struct redis_adapter *a)
{
    free_replies(a);
    free(a->replies);
    redisReaderFree(a->reader);
    a->connection->adapter = NULL;
    release(a->connection);
    free(a);
}

/* At the client's side. */
static void on_answer(void *arg)
{
    struct in_flight *l = arg;
    struct redis_adapter *a = l->connection->adapter;
    struct connection *c = l->connection;
    void *reply = NULL;
    if (a)
        redisReaderFeed(a->reader, l->data, l->len);
    while (c->adapter && redisReaderGetReply(c->adapter->reader, &reply) == REDIS_OK && reply) {
        keep_reply(a, reply);
        if (!a->hooks->reply(a->arg, reply) && c->adapter)
            free_replies(a);
    }
    in_flight_destroy(l);
}

static void on_opened(void *arg)
{
    struct in_flight *l = arg;
    struct redis_adapter *a = l->connection->adapter;
    if (a)
        a->hooks->opened(a->arg);
    in_flight_destroy(l);
}

static void on_reset(void *arg)
{
    struct in_flight *l = arg;
    struct redis_adapter *a = l->connection->adapter;
    if (a) {
        const struct redis_adapter_hooks *hooks = a->hooks;
        void *its_arg = a->arg;
        adapter_free(a);
        hooks->closed(its_arg, "connection reset");
    }
    in_flight_destroy(l);
}

static void send_down(struct connection *c, struct span text, void (*fire)(void *arg))
{
    if (redis_host.process)
        network_send(redis_host.process, c->owner, &c->down_us, fire, in_flight_create(c, text));
    else
        simulation_after(1000, c->owner, fire, in_flight_create(c, text));
}

static void on_published(void *arg, struct span channel, struct span payload)
{
    struct connection *c = arg;
    bytes_auto push = BYTES_INIT;
    /* What a revision tells of; all else is lost with its connection only. */
    if (span_equal(channel, SPAN("presence:updates")) && simulation_chance(redis_host.lose_per_mille))
        return;
    bytes_printf(&push, "*3\r\n$7\r\nmessage\r\n$%zu\r\n%.*s\r\n$%zu\r\n", channel.len, (int)channel.len,
                 channel.data, payload.len);
    bytes_append_span(&push, payload);
    bytes_append(&push, "\r\n", 2);
    send_down(c, bytes_span(&push), on_answer);
    if (simulation_chance(redis_host.repeat_per_mille))
        send_down(c, bytes_span(&push), on_answer);
}

static bool is_forbidden(const struct connection *c, struct span command)
{
    static const char info[] = "\r\n$4\r\nINFO\r\n";
    return c->owner->no_info && memmem(command.data, command.len, info, sizeof(info) - 1) != NULL;
}

/* At Redis's side. */
static void on_command(void *arg)
{
    struct in_flight *l = arg;
    struct connection *c = l->connection;
    struct span command = {l->data, l->len};
    bytes_auto answer = BYTES_INIT;
    cost_check_wait(c->owner->name, simulation.now_us - l->sent_us);
    if (c->client) {
        if (redis_host.before)
            redis_host.before(redis_host.arg, command);
        if (is_forbidden(c, command))
            bytes_append_text(&answer, "-NOPERM this user has no permissions to run the 'info' command\r\n");
        else
            redis_client_execute(c->client, command, &answer);
        bytes_text(&answer);
        if (redis_host.after)
            redis_host.after(redis_host.arg, command, bytes_span(&answer));
        send_down(c, bytes_span(&answer), on_answer);
    }
    in_flight_destroy(l);
}

static void on_connect(void *arg)
{
    struct in_flight *l = arg;
    struct connection *c = l->connection;
    c->client = redis_client_create(redis_host.model, on_published, c);
    c->holders++;
    list_append(&redis_host.connections, &c->link);
    send_down(c, SPAN_NONE, on_opened);
    in_flight_destroy(l);
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
    struct in_flight *l = arg;
    if (l->connection->client)
        close_server_side(l->connection);
    in_flight_destroy(l);
}

void redis_connections_reset(int per_mille)
{
    for (struct list *at = redis_host.connections.next, *next; at != &redis_host.connections; at = next) {
        struct connection *c = list_entry(at, struct connection, link);
        next = at->next;
        if (!simulation_chance(per_mille))
            continue;
        send_down(c, SPAN_NONE, on_reset);
        close_server_side(c);
    }
}

struct redis_adapter *redis_adapter_open(struct loop *loop, const struct redis_config *config,
                                         const struct redis_adapter_place *place,
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
    network_send(c->owner, redis_host.process, &c->up_us, on_connect, in_flight_create(c, SPAN_NONE));
    return a;
}

const char *redis_adapter_lateness(const struct redis_adapter *a)
{
    return "no connection in time";
}

void redis_adapter_close(struct redis_adapter *a)
{
    struct connection *c = a->connection;
    if (redis_host.process)
        network_send(c->owner, redis_host.process, &c->up_us, on_goodbye, in_flight_create(c, SPAN_NONE));
    adapter_free(a);
}

/* Cuts the first command off *rest. Commands come from lib/redis/resp.c alone. */
static struct span next_command(struct span *rest)
{
    struct span all = *rest, line = span_split(rest, '\n');
    uint64_t count = 0, len = 0;
    span_to_u64((struct span){line.data + 1, line.len - 2}, UINT32_MAX, &count);
    for (; count > 0; count--) {
        line = span_split(rest, '\n');
        span_to_u64((struct span){line.data + 1, line.len - 2}, rest->len, &len);
        rest->data += len + 2;
        rest->len -= len + 2;
    }
    return (struct span){all.data, all.len - rest->len};
}

/* Each by itself: others' commands may come between those that were sent together. */
void redis_adapter_send(struct redis_adapter *a, struct span commands)
{
    if (!redis_host.process || !a->connection->owner->alive)
        return; /* into a socket that nobody reads */
    while (commands.len > 0)
        network_send(a->connection->owner, redis_host.process, &a->connection->up_us, on_command,
                     in_flight_create(a->connection, next_command(&commands)));
}

size_t redis_adapter_queued(const struct redis_adapter *a)
{
    return 0;
}
