#include "net/websocket_inner.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <uv.h>

#define FILES_MAX 1000000
/* What a connection holds for it; control frames need 125. */
#define RECEIVE_BUFFER 128
/* Never cut a write: the default is a send() for each receive buffer's size. */
#define TRANSMIT_MAX (1 << 30)
/* The answer to an upgrade is built there, with the subprotocol in it. */
#define SERVICE_BUFFER 16384
/* An adoption needs one, and is over before the next. */
#define HEADER_POOL   2
#define DESTROY_TURNS 64

static const struct lws_protocols protocols[] = {
    {"", websocket_event, sizeof(struct websocket), RECEIVE_BUFFER, 0, NULL, TRANSMIT_MAX},
    {NULL, NULL, 0, 0, 0, NULL, 0},
};

/* Its adoption of a socket with bytes is announced as an error, for each connection. */
static void on_log(int level, const char *line)
{
    struct span text = span_of(line);

    if (strstr(line, "calling service"))
        return;
    while (text.len > 0 && text.data[text.len - 1] == '\n')
        text.len--;
    if (level & LLL_ERR)
        log_warn("libwebsockets", LOG_S("text", text));
    else
        log_debug("libwebsockets", LOG_S("text", text));
}

static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit))
        return;
    /* Without a limit the library falls back to 2560. */
    limit.rlim_cur = limit.rlim_max < FILES_MAX ? limit.rlim_max : FILES_MAX;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static int start_library(struct websocket_endpoint *e)
{
    /* Its own pings stand in one sorted list, 57 us an insert at 15,000 connections: ours are the program's
     * business. */
    static const lws_retry_bo_t no_pings;
    struct lws_context_creation_info info = {0};
    void *loops[1] = {loop_uv(e->loop)};

    lws_set_log_level(LLL_ERR | LLL_WARN, on_log);
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.protocols = protocols;
    info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
    info.foreign_loops = loops;
    info.max_http_header_pool2 = HEADER_POOL;
    info.pt_serv_buf_size = SERVICE_BUFFER;
    info.retry_and_idle_policy = &no_pings;
    info.user = e;
    e->context = lws_create_context(&info);
    if (!e->context)
        return -1;
    info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
    e->vhost = lws_create_vhost(e->context, &info);
    return e->vhost ? 0 : -1;
}

struct websocket_endpoint *websocket_endpoint_create(struct loop *loop, const struct websocket_hooks *hooks,
                                                     void *arg)
{
    struct websocket_endpoint *e = mem_zalloc(sizeof(*e));

    e->loop = loop;
    e->hooks = *hooks;
    e->arg = arg;
    websocket_watch_start(e);
    raise_file_limit();
    if (start_library(e)) {
        websocket_endpoint_destroy(e);
        return NULL;
    }
    return e;
}

int websocket_adopt(struct websocket_endpoint *e, int fd, struct gate_request *request,
                    struct span synthetic_request, const char *protocol)
{
    e->pending.request = request;
    e->pending.protocol = protocol;
    e->pending.opened = false;
    /* NULL comes back also for a connection that opened and closed within the call. */
    lws_adopt_socket_vhost_readbuf(e->vhost, fd, synthetic_request.data, synthetic_request.len);
    e->pending.request = NULL;
    e->pending.protocol = NULL;
    return e->pending.opened ? 0 : -1;
}

size_t websocket_count(const struct websocket_endpoint *e)
{
    return e->count;
}

void websocket_endpoint_destroy(struct websocket_endpoint *e)
{
    if (!e)
        return;
    e->destroying = true;
    if (e->context) {
        lws_context_destroy(e->context);
        /* On a foreign loop the library needs turns to let go of its handles, and a second call. */
        for (int turn = 0; turn < DESTROY_TURNS && uv_run(loop_uv(e->loop), UV_RUN_NOWAIT); turn++)
            ;
        lws_context_destroy(e->context);
    }
    websocket_watch_stop(e);
    free(e);
}
