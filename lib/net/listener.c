#include "net/listener.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <uv.h>

#define ACCEPTS_PER_TURN 64
#define PAUSE_MS         100

/* One per listening descriptor; it outlives the listener until libuv has let go of the handle. */
struct port {
    uv_poll_t poll;
    struct listener *listener;
    int fd;
};

struct listener {
    struct loop *loop;
    struct listener_hooks hooks;
    void *arg;
    struct loop_timer *pause;
    struct port *ports[LISTEN_MAX];
    size_t count;
};

static void on_readable(uv_poll_t *poll, int status, int events);

static void listener_start(struct listener *l)
{
    for (size_t i = 0; i < l->count; i++) {
        uv_poll_start(&l->ports[i]->poll, UV_READABLE, on_readable);
        loop_attend(l->loop, l->ports[i]->fd, POLLIN);
    }
}

static void listener_stop(struct listener *l)
{
    for (size_t i = 0; i < l->count; i++) {
        uv_poll_stop(&l->ports[i]->poll);
        loop_attend(l->loop, l->ports[i]->fd, 0);
    }
}

static void on_pause_over(void *arg)
{
    listener_start(arg);
}

static void listener_pause(struct listener *l)
{
    listener_stop(l);
    loop_timer_start(l->pause, PAUSE_MS, 0);
    if (l->hooks.exhausted)
        l->hooks.exhausted(l->arg);
}

static const char *peer_name(const struct sockaddr_storage *peer, char *out, socklen_t size)
{
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)peer;
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)peer;

    if (peer->ss_family == AF_INET)
        return inet_ntop(AF_INET, &v4->sin_addr, out, size);
    if (peer->ss_family != AF_INET6)
        return "unix";
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        return inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], out, size);
    return inet_ntop(AF_INET6, &v6->sin6_addr, out, size);
}

static bool out_of_resources(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* 0, or -1 when there is nothing more to accept now. */
static int accept_one(struct port *port)
{
    static const int on = 1;
    struct listener *l = port->listener;
    struct sockaddr_storage peer = {0};
    socklen_t len = sizeof(peer);
    char name[INET6_ADDRSTRLEN];
    int fd = accept4(port->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0) {
        if (out_of_resources(errno))
            listener_pause(l);
        return errno == ECONNABORTED || errno == EINTR ? 0 : -1;
    }
    if (peer.ss_family == AF_INET || peer.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    l->hooks.accepted(l->arg, fd, peer_name(&peer, name, sizeof(name)));
    return 0;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct port *port = poll->data;

    /* `accepted` may destroy the listener, which clears the port's pointer. */
    for (int i = 0; i < ACCEPTS_PER_TURN && port->listener; i++)
        if (accept_one(port))
            return;
}

static void on_port_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static struct port *port_create(struct listener *l, struct loop *loop, int fd)
{
    struct port *port = mem_zalloc(sizeof(*port));

    if (uv_poll_init(loop_uv(loop), &port->poll, fd)) {
        free(port);
        return NULL;
    }
    port->poll.data = port;
    port->listener = l;
    port->fd = fd;
    return port;
}

struct listener *listener_create(struct loop *loop, const struct listen_set *set,
                                 const struct listener_hooks *hooks, void *arg)
{
    struct listener *l = mem_zalloc(sizeof(*l));

    l->loop = loop;
    l->hooks = *hooks;
    l->arg = arg;
    l->pause = loop_timer_create(loop, on_pause_over, l);
    for (size_t i = 0; i < set->count; i++) {
        struct port *port = port_create(l, loop, set->fds[i]);
        if (port)
            l->ports[l->count++] = port;
    }
    listener_start(l);
    return l;
}

void listener_destroy(struct listener *l)
{
    if (!l)
        return;
    loop_timer_destroy(l->pause);
    listener_stop(l);
    for (size_t i = 0; i < l->count; i++) {
        l->ports[i]->listener = NULL;
        uv_close((uv_handle_t *)&l->ports[i]->poll, on_port_closed);
    }
    free(l);
}
