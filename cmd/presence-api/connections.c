#include "connections.h"

#include "base/mem.h"

#include <stdlib.h>
#include <sys/socket.h>

void connections_init(struct connections *c, int64_t request_timeout_ms, int64_t idle_timeout_ms)
{
    pthread_mutex_init(&c->lock, NULL);
    list_init(&c->all);
    c->count = c->entering = 0;
    for (int i = 0; i < REAPED; i++)
        c->limit_ms[i] = i == PHASE_IDLE ? idle_timeout_ms : request_timeout_ms;
}

void connections_finish(struct connections *c)
{
    pthread_mutex_destroy(&c->lock);
}

void connections_enter(struct connections *c)
{
    pthread_mutex_lock(&c->lock);
    c->entering++;
    pthread_mutex_unlock(&c->lock);
}

void connections_lost(struct connections *c)
{
    pthread_mutex_lock(&c->lock);
    c->entering--;
    pthread_mutex_unlock(&c->lock);
}

struct connection *connections_add(struct connections *c, int fd, int64_t now_ms)
{
    struct connection *connection = mem_zalloc(sizeof(*connection));
    connection->fd = fd;
    connection->phase = PHASE_HEAD;
    connection->since_ms = now_ms;
    pthread_mutex_lock(&c->lock);
    list_append(&c->all, &connection->link);
    c->count++;
    c->entering--;
    pthread_mutex_unlock(&c->lock);
    return connection;
}

void connections_remove(struct connections *c, struct connection *connection)
{
    pthread_mutex_lock(&c->lock);
    list_remove(&connection->link);
    c->count -= !connection->doomed;
    pthread_mutex_unlock(&c->lock);
    free(connection);
}

void connection_enter(struct connection *connection, enum phase phase, int64_t now_ms)
{
    __atomic_store_n(&connection->since_ms, now_ms, __ATOMIC_RELAXED);
    __atomic_store_n(&connection->phase, phase, __ATOMIC_RELEASE);
}

static enum phase phase_of(const struct connection *connection)
{
    return __atomic_load_n(&connection->phase, __ATOMIC_ACQUIRE);
}

static int64_t since(const struct connection *connection)
{
    return __atomic_load_n(&connection->since_ms, __ATOMIC_RELAXED);
}

static bool waits(const struct connection *connection)
{
    enum phase phase = phase_of(connection);
    return phase == PHASE_HEAD || phase == PHASE_IDLE;
}

size_t connections_count(struct connections *c)
{
    pthread_mutex_lock(&c->lock);
    size_t count = c->count + c->entering;
    pthread_mutex_unlock(&c->lock);
    return count;
}

/* With the lock held: the fd is open then. */
static void doom(struct connections *c, struct connection *connection)
{
    shutdown(connection->fd, SHUT_RDWR);
    connection->doomed = true;
    c->count--;
}

void connections_reap(struct connections *c, int64_t now_ms)
{
    pthread_mutex_lock(&c->lock);
    for (struct list *at = c->all.next; at != &c->all; at = at->next) {
        struct connection *connection = list_entry(at, struct connection, link);
        enum phase phase = phase_of(connection);
        if (connection->doomed || now_ms - since(connection) < c->limit_ms[phase])
            continue;
        metric_add(&counters.reaped[phase], 1);
        doom(c, connection);
    }
    pthread_mutex_unlock(&c->lock);
}

bool connections_displace(struct connections *c)
{
    struct connection *oldest = NULL;
    pthread_mutex_lock(&c->lock);
    for (struct list *at = c->all.next; at != &c->all; at = at->next) {
        struct connection *connection = list_entry(at, struct connection, link);
        if (!connection->doomed && waits(connection) && (!oldest || since(connection) < since(oldest)))
            oldest = connection;
    }
    if (oldest)
        doom(c, oldest);
    pthread_mutex_unlock(&c->lock);
    return oldest != NULL;
}

void connections_shut_idle(struct connections *c)
{
    pthread_mutex_lock(&c->lock);
    for (struct list *at = c->all.next; at != &c->all; at = at->next) {
        struct connection *connection = list_entry(at, struct connection, link);
        if (!connection->doomed && waits(connection))
            doom(c, connection);
    }
    pthread_mutex_unlock(&c->lock);
}
