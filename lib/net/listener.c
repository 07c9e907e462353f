/* SPDX-License-Identifier: MIT */
#include "net/listener.h"

#include "base/mem.h"
#include "net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <uv.h>

#define ACCEPTS_PER_TURN 64
#define PAUSE_MS         100
#define EACH_MS          (1000 / LISTENER_MANY)
#define BURST_MS         20    /* the time of so many connections is not counted */
#define LAST_ACCEPTS_MAX 10000 /* more than a backlog holds: they may come faster than they are accepted */

/* One per listening descriptor; it outlives the listener until libuv has let go of the handle. */
struct port {
    uv_poll_t poll;
    struct listener *listener;
    int fd;
    bool inherited, left;
};

struct listener {
    struct loop *loop;
    struct listener_hooks hooks;
    void *arg;
    struct loop_timer *pause;
    struct port *ports[LISTEN_MAX];
    size_t count;
    int64_t paced_ms; /* with EACH_MS for each connection, those so far last until then */
    bool gathering;   /* a new connection ends no rest of the loop */
};

static void attend(struct listener *l, const struct port *port)
{
    loop_wake_on(l->loop, port->fd, l->gathering ? 0 : POLLIN);
}

static void on_readable(uv_poll_t *poll, int status, int events);

static void listener_start(struct listener *l)
{
    for (size_t i = 0; i < l->count; i++) {
        if (l->ports[i]->left)
            continue;
        uv_poll_start(&l->ports[i]->poll, UV_READABLE, on_readable);
        attend(l, l->ports[i]);
    }
}

static void port_stop(struct listener *l, struct port *port)
{
    uv_poll_stop(&port->poll);
    loop_wake_on(l->loop, port->fd, 0);
}

static void listener_stop(struct listener *l)
{
    for (size_t i = 0; i < l->count; i++)
        port_stop(l, l->ports[i]);
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

static const char *peer_name(const struct sockaddr_storage *peer, char out[ADDRESS_SIZE])
{
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)peer;
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)peer;
    if (peer->ss_family == AF_INET)
        return inet_ntop(AF_INET, &v4->sin_addr, out, ADDRESS_SIZE);
    if (peer->ss_family != AF_INET6)
        return "unix";
    address_format(v6->sin6_addr.s6_addr, out);
    return out;
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
    char name[ADDRESS_SIZE];
    int fd = accept4(port->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (out_of_resources(errno))
            listener_pause(l);
        return errno == ECONNABORTED || errno == EINTR ? 0 : -1;
    }
    if (peer.ss_family == AF_INET || peer.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    l->paced_ms += EACH_MS;
    l->hooks.accepted(l->arg, fd, peer_name(&peer, name));
    return 0;
}

static void gather(struct listener *l)
{
    int64_t now_ms = loop_now_ms(l->loop), most_ms = now_ms + 2 * BURST_MS;
    bool many = l->paced_ms > now_ms + BURST_MS;
    l->paced_ms = l->paced_ms < now_ms ? now_ms : l->paced_ms < most_ms ? l->paced_ms : most_ms;
    if (many)
        loop_coalesce(l->loop);
    if (many == l->gathering)
        return;
    l->gathering = many;
    for (size_t i = 0; i < l->count; i++)
        if (uv_is_active((uv_handle_t *)&l->ports[i]->poll))
            attend(l, l->ports[i]);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct port *port = poll->data;
    /* `accepted` may destroy the listener, which clears the port's pointer. */
    for (int i = 0; i < ACCEPTS_PER_TURN && port->listener; i++)
        if (accept_one(port))
            break;
    if (port->listener && port->listener->hooks.gathers)
        gather(port->listener);
}

static void on_port_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static struct port *port_create(struct listener *l, struct loop *loop, int fd, bool inherited)
{
    struct port *port = mem_zalloc(sizeof(*port));
    if (uv_poll_init(loop_uv(loop), &port->poll, fd)) {
        free(port);
        return NULL;
    }
    port->poll.data = port;
    port->listener = l;
    port->fd = fd;
    port->inherited = inherited;
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
        struct port *port = port_create(l, loop, set->fds[i], set->inherited[i]);
        if (port)
            l->ports[l->count++] = port;
    }
    listener_start(l);
    return l;
}

void listener_drain(struct listener *l)
{
    for (size_t i = 0; i < l->count; i++) {
        if (!l->ports[i]->inherited)
            continue;
        l->ports[i]->left = true;
        port_stop(l, l->ports[i]);
    }
}

/* A handshake that begins between the last accept and the close would be reset. Its SYN is dropped instead:
 * the client repeats it a second later, and finds the port closed or another process there. Unix sockets have
 * no handshake, and nobody reaches one whose file is gone. */
static void drop_handshakes(int fd)
{
    static struct sock_filter drop_syn[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, offsetof(struct tcphdr, th_flags)),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, TH_SYN, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    struct sock_fprog program = {sizeof(drop_syn) / sizeof(drop_syn[0]), drop_syn};
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);

    if (getsockname(fd, (struct sockaddr *)&address, &len) == 0 && address.ss_family != AF_UNIX)
        setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

void listener_shut(struct listener *l)
{
    for (size_t i = 0; i < l->count; i++)
        if (!l->ports[i]->left)
            drop_handshakes(l->ports[i]->fd);
}

void listener_empty(struct listener *l)
{
    for (size_t i = 0; i < l->count; i++)
        for (int n = 0; n < LAST_ACCEPTS_MAX && !l->ports[i]->left; n++)
            if (accept_one(l->ports[i]))
                break;
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
