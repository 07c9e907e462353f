/* SPDX-License-Identifier: MIT */
#include "connections.h"

#include "base/mem.h"

#include <stdlib.h>
#include <sys/socket.h>

void connections_init(struct connections *c, int64_t request_timeout_ms, int64_t idle_timeout_ms)
{
    list_init(&c->all);
    c->count = c->entering = 0;
    for (int i = 0; i < REAPED; i++)
        c->limit_ms[i] = i == PHASE_IDLE ? idle_timeout_ms : request_timeout_ms;
}

struct connection *connections_add(struct connections *c, int fd, int64_t now_ms)
{
    struct connection *connection = mem_zalloc(sizeof(*connection));
    connection->fd = fd;
    connection_enter(connection, PHASE_HEAD, now_ms);
    list_append(&c->all, &connection->link);
    c->count++;
    c->entering--;
    return connection;
}

void connections_remove(struct connections *c, struct connection *connection)
{
    list_remove(&connection->link);
    c->count -= !connection->doomed;
    free(connection);
}

void connection_enter(struct connection *connection, enum phase phase, int64_t now_ms)
{
    connection->phase = phase;
    connection->since_ms = now_ms;
}

static void doom(struct connections *c, struct connection *connection)
{
    shutdown(connection->fd, SHUT_RDWR);
    connection->doomed = true;
    c->count--;
}

void connections_reap(struct connections *c, int64_t now_ms)
{
    for (struct list *at = c->all.next; at != &c->all; at = at->next) {
        struct connection *connection = list_entry(at, struct connection, link);
        if (connection->doomed || connection->phase == PHASE_OURS ||
            now_ms - connection->since_ms < c->limit_ms[connection->phase])
            continue;
        metric_add(&counters.reaped[connection->phase], 1);
        doom(c, connection);
    }
}

static bool waits(const struct connection *connection)
{
    return !connection->doomed && (connection->phase == PHASE_HEAD || connection->phase == PHASE_IDLE);
}

bool connections_displace(struct connections *c)
{
    struct connection *oldest = NULL;
    for (struct list *at = c->all.next; at != &c->all; at = at->next) {
        struct connection *connection = list_entry(at, struct connection, link);
        if (waits(connection) && (!oldest || connection->since_ms < oldest->since_ms))
            oldest = connection;
    }
    if (!oldest)
        return false;
    metric_add(&counters.displaced, 1);
    doom(c, oldest);
    return true;
}

void connections_shut_idle(struct connections *c, int64_t since_ms)
{
    for (struct list *at = c->all.next; at != &c->all; at = at->next) {
        struct connection *connection = list_entry(at, struct connection, link);
        if (waits(connection) && connection->since_ms <= since_ms)
            doom(c, connection);
    }
}
