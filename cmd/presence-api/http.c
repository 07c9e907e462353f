/* SPDX-License-Identifier: MIT */
#include "http.h"

#include "base/clock.h"
#include "base/mem.h"
#include "framing.h"
#include "http/proxies.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTION_MEMORY 32768 /* head and library; a longer head is answered 431 */
#define DROPPED_BODY_MAX                                                                                     \
    (8 << 20)                /* read and dropped for the sake of the answer; beyond, the connection ends */
#define SPARE_CONNECTIONS 64 /* shut down, and not closed yet */

/* Of whole requests that are there at once, those behind the first so many milliseconds wait for the loop's next
 * turn. */
#define TURN_US 4000

/* What the library logs before it answers by itself. */
#define ERROR_ANSWER "Error processing request (HTTP response code is %u ('%s'))."

/* From 1.0 on the library takes folded headers and spaces in a target unless it is told to be strict; before,
 * it left them, and more, to framing.h. */
#if MHD_VERSION >= 0x00097701
#define STRICTNESS MHD_OPTION_CLIENT_DISCIPLINE_LVL, 1,
#define IN_PLACE   false
#else
#define STRICTNESS
#define IN_PLACE true
#endif

struct http {
    struct loop *loop;
    struct http_hooks hooks;
    void *arg;
    size_t max_connections;
    bool draining;
    struct connections connections;
    struct MHD_Daemon *daemon;
    struct loop_watch *watch;
    struct loop_task *task;
    int64_t turn_us;     /* when the present turn began */
    struct list reading; /* exchanges whose requests have begun and are not answered */
    struct list whole;   /* those of them that wait for the next turn */
};

/* One request and its answer. */
struct exchange {
    struct http_request request;
    struct http *http;
    struct list reading, whole;
    struct http_answer answer;
    struct framing framing;
    const char *target; /* in the library's buffer */
    struct connection *connection;
    struct MHD_Connection *library;
    bool head_seen, queued, suspended;
    uint64_t received; /* bytes of body, kept or dropped */
    char uri[];
};

void http_answer_header(struct http_answer *a, const char *name, struct span value)
{
    if (a->header_count == HTTP_HEADERS_MAX)
        return;
    a->headers[a->header_count].name = name;
    a->headers[a->header_count++].value = value;
}

static struct connection *connection_of(struct MHD_Connection *c)
{
    return MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* The library keeps an address for us; http_accept says by its family where the client is. */
static bool is_local(struct MHD_Connection *c)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return info && info->client_addr && info->client_addr->sa_family == AF_INET;
}

/* Absolute forms lose their scheme and authority (RFC 9112, 3.2.2). */
static void split_target(struct span target, struct http_request *r)
{
    const char *authority = target.len && target.data[0] != '/' ? strstr(target.data, "://") : NULL;
    if (authority) {
        const char *path = strchr(authority + 3, '/');
        target = span_of(path ? path : "/");
    }
    r->path = span_split(&target, '?');
    r->query = target;
}

/* The first line is there. */
static void *on_target(void *arg, const char *uri, struct MHD_Connection *c)
{
    struct http *h = arg;
    size_t len = uri ? strlen(uri) : 0;
    struct exchange *x = mem_zalloc(sizeof(*x) + len + 1);
    x->target = uri;
    if (len)
        memcpy(x->uri, uri, len);
    split_target((struct span){x->uri, len}, &x->request);
    x->http = h;
    x->connection = connection_of(c);
    x->library = c;
    x->request.local = is_local(c);
    list_init(&x->whole);
    list_append(&h->reading, &x->reading);
    connection_enter(x->connection, PHASE_BODY, clock_mono_ms());
    return x;
}

static enum MHD_Result take_header(void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct exchange *x = arg;
    struct http_request *r = &x->request;
    struct span text = span_of(value ? value : "");
    const struct {
        const char *name;
        struct span *value;
    } wanted[] = {
        {"Host", &r->host},
        {"Content-Type", &r->content_type},
        {"Authorization", &r->authorization},
        {"Origin", &r->origin},
        {"Content-Encoding", &r->content_encoding},
        {"If-None-Match", &r->if_none_match},
        {"Access-Control-Request-Headers", &r->asked_headers},
    };
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        if (strcasecmp(name, wanted[i].name) == 0)
            *wanted[i].value = text;
    r->forwarded |= proxies_header(span_of(name));
    framing_header(&x->framing, name, value);
    return MHD_YES;
}

/* The whole head was read. Why it is refused; NULL: it is not. */
static const char *read_head(struct exchange *x, struct MHD_Connection *c, const char *method,
                             const char *version)
{
    const union MHD_ConnectionInfo *size =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    x->framing.in_place = IN_PLACE && size;
    framing_begin(&x->framing, method, span_of(x->uri), x->target, version);
    MHD_get_connection_values(c, MHD_HEADER_KIND, take_header, x);
    return framing_end(&x->framing, size ? method + size->header_size : NULL);
}

static enum http_method method_of(const char *method)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "OPTIONS"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(method, names[i]) == 0)
            return (enum http_method)i;
    return HTTP_OTHER;
}

static void add_headers(const struct http_answer *a, struct MHD_Response *response)
{
    bytes_auto value = BYTES_INIT;
    for (size_t i = 0; i < a->header_count; i++) {
        bytes_reset(&value);
        bytes_append_span(&value, a->headers[i].value);
        MHD_add_response_header(response, a->headers[i].name, bytes_text(&value));
    }
}

static struct MHD_Response *make_response(struct http_answer *a)
{
    struct bytes body = a->body;
    a->body = BYTES_INIT;
    if (a->fixed.data || !body.data) {
        bytes_finish(&body);
        return MHD_create_response_from_buffer(a->fixed.len, (void *)(a->fixed.data ? a->fixed.data : ""),
                                               MHD_RESPMEM_PERSISTENT);
    }
    return MHD_create_response_from_buffer(body.len, body.data, MHD_RESPMEM_MUST_FREE);
}

static enum MHD_Result send_answer(struct exchange *x, struct MHD_Connection *c)
{
    struct MHD_Response *response = make_response(&x->answer);
    if (!response)
        return MHD_NO;
    add_headers(&x->answer, response);
    if (x->http->draining)
        MHD_add_response_header(response, "Connection", "close");
    x->queued = true;
    list_remove(&x->reading);
    connection_enter(x->connection, PHASE_ANSWER, clock_mono_ms());
    enum MHD_Result result = MHD_queue_response(c, (unsigned)x->answer.status, response);
    MHD_destroy_response(response);
    return result;
}

static void refuse_framing(struct exchange *x, const char *fault)
{
    x->answer.status = 400;
    bytes_printf(&x->answer.body, "{\"success\":false,\"error\":\"%s\"}", fault);
    http_answer_header(&x->answer, "Content-Type", SPAN("application/json"));
    http_answer_header(&x->answer, "Connection", SPAN("close"));
    counters_answered(ROUTE_NONE, 400, 0);
}

/* An answer queued now ends the connection: only where the rest of the stream can't be trusted, or the client
 * waits for a word before it sends a body nobody wants, or sends too much of it. */
static enum MHD_Result on_head(struct http *h, struct exchange *x, struct MHD_Connection *c,
                               const char *method, const char *version)
{
    x->head_seen = true;
    x->request.method = method_of(method);
    const char *fault = read_head(x, c, method, version);
    if (fault) {
        refuse_framing(x, fault);
        return send_answer(x, c);
    }
    x->request.too_large = x->framing.length > HTTP_BODY_MAX;
    h->hooks.head(h->arg, &x->request, &x->answer);
    bool has_body = x->framing.length > 0 || x->framing.chunked;
    if (x->answer.status && has_body && (x->framing.expects || x->framing.length > DROPPED_BODY_MAX))
        return send_answer(x, c);
    if (!x->request.too_large && !x->answer.status && x->framing.length > 0)
        bytes_reserve(&x->request.body, (size_t)x->framing.length);
    return MHD_YES;
}

static enum MHD_Result on_body(struct exchange *x, const char *data, size_t *len)
{
    struct http_request *r = &x->request;
    x->received += *len;
    if (x->received > HTTP_BODY_MAX && !r->too_large) {
        r->too_large = true;
        bytes_finish(&r->body);
    }
    if (!r->too_large && !x->answer.status)
        bytes_append(&r->body, data, *len);
    *len = 0;
    return x->received > DROPPED_BODY_MAX ? MHD_NO : MHD_YES;
}

/* Whoever answers later finds the connection suspended. */
static void serve_whole(struct exchange *x)
{
    x->http->hooks.whole(x->http->arg, &x->request, &x->answer);
    if (!x->answer.status && !x->suspended)
        MHD_suspend_connection(x->library);
    x->suspended = !x->answer.status;
}

static enum MHD_Result on_whole(struct http *h, struct exchange *x, struct MHD_Connection *c)
{
    connection_enter(x->connection, PHASE_OURS, clock_mono_ms());
    if (!x->answer.status && clock_mono_us() - h->turn_us < TURN_US) {
        serve_whole(x);
    } else if (!x->answer.status) {
        MHD_suspend_connection(c);
        x->suspended = true;
        list_append(&h->whole, &x->whole);
        loop_task_want(h->task);
    }
    return x->suspended ? MHD_YES : send_answer(x, c);
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url, const char *method,
                                  const char *version, const char *data, size_t *len, void **context)
{
    struct http *h = arg;
    struct exchange *x = *context;
    if (!x->head_seen)
        return on_head(h, x, c, method, version);
    if (*len > 0)
        return on_body(x, data, len);
    return on_whole(h, x, c);
}

void http_answered(struct http_request *request)
{
    struct exchange *x = (struct exchange *)((char *)request - offsetof(struct exchange, request));
    x->suspended = false;
    MHD_resume_connection(x->library);
    loop_task_want(x->http->task);
}

static void on_completed(void *arg, struct MHD_Connection *c, void **context,
                         enum MHD_RequestTerminationCode how)
{
    struct http *h = arg;
    struct exchange *x = *context;
    if (!x)
        return;
    if (!x->queued)
        metric_add(&counters.malformed, 1);
    list_remove(&x->reading);
    connection_enter(x->connection, PHASE_IDLE, clock_mono_ms());
    h->hooks.over(h->arg, &x->request);
    bytes_finish(&x->request.body);
    bytes_finish(&x->answer.body);
    bytes_finish(&x->answer.built);
    free(x);
    *context = NULL;
}

static void on_connection(void *arg, struct MHD_Connection *c, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct connections *all = &((struct http *)arg)->connections;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        int fd = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        *context = connections_add(all, fd, clock_mono_ms());
        return;
    }
    connections_remove(all, *context);
}

/* Says so on the socket of a client that is not served, and that nothing follows. Closing with unread bytes
 * would send a reset, and the client might never see it. */
static void say_last(int fd, const char *status, const char *headers, const char *error)
{
    char unread[4096];
    bytes_auto text = BYTES_INIT;
    bytes_printf(&text,
                 "HTTP/1.1 %s\r\nConnection: close\r\n%sContent-Type: application/json\r\n"
                 "Content-Length: %zu\r\n\r\n{\"success\":false,\"error\":\"%s\"}",
                 status, headers, strlen(error) + sizeof("{\"success\":false,\"error\":\"\"}") - 1, error);
    send(fd, text.data, text.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    shutdown(fd, SHUT_WR);
    while (recv(fd, unread, sizeof(unread), MSG_DONTWAIT) > 0)
        ;
}

/* The one exchange whose request is at that point; NULL: there is none, or more than one. */
static struct exchange *only_one(struct http *h, bool head_seen)
{
    struct exchange *found = NULL;
    for (struct list *at = h->reading.next; at != &h->reading; at = at->next) {
        struct exchange *x = list_entry(at, struct exchange, reading);
        if (x->head_seen != head_seen || (head_seen && !x->framing.chunked))
            continue;
        if (found)
            return NULL;
        found = x;
    }
    return found;
}

/* The library's word before it refuses by itself, as HTML, and 0.9.75 with its head twice, a Content-Length
 * that is none, or broken chunks. It does not say whose; where that is plain we answer first, and its own
 * answer finds the socket shut. */
static void on_log(void *arg, const char *format, va_list args)
{
    struct http *h = arg;
    if (strncmp(format, ERROR_ANSWER, strlen(ERROR_ANSWER)) != 0)
        return;
    unsigned status = va_arg(args, unsigned);
    const char *text = va_arg(args, const char *);
    bool length = strstr(text, "Content-Length"), chunk = !length && strstr(text, " chunk");
    struct exchange *x = length || chunk ? only_one(h, chunk) : NULL;
    if (!x || (status != 400 && status != 413))
        return;
    counters_answered(ROUTE_NONE, (int)status, 0);
    say_last(x->connection->fd, status == 400 ? "400 Bad Request" : "413 Content Too Large", "",
             length ? "A Content-Length that is none, or too large" : "Broken chunks");
    x->queued = true;
    list_remove(&x->reading);
}

/* Paths and queries stay as they were sent: the library would cut them at %00. */
static size_t leave_escaped(void *arg, struct MHD_Connection *c, char *text)
{
    return strlen(text);
}

static struct MHD_Daemon *start_daemon(struct http *h)
{
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL,
        NULL, on_request, h, MHD_OPTION_EXTERNAL_LOGGER, on_log, h, STRICTNESS MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)(h->max_connections + SPARE_CONNECTIONS), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY, MHD_OPTION_URI_LOG_CALLBACK, on_target, h, MHD_OPTION_UNESCAPE_CALLBACK,
        leave_escaped, h, MHD_OPTION_NOTIFY_COMPLETED, on_completed, h, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, h, MHD_OPTION_END);
}

/* The library has no deadlines of its own here: when it wants to be run without an event, it wants it at once.
 */
static void run(void *arg)
{
    struct http *h = arg;
    MHD_UNSIGNED_LONG_LONG timeout_ms;
    h->turn_us = clock_mono_us();
    while (!list_empty(&h->whole) && clock_mono_us() - h->turn_us < TURN_US) {
        struct exchange *x = list_entry(h->whole.next, struct exchange, whole);
        list_remove(&x->whole);
        serve_whole(x);
        if (!x->suspended)
            http_answered(&x->request);
    }
    MHD_run(h->daemon);
    if (!list_empty(&h->whole) || MHD_get_timeout(h->daemon, &timeout_ms) == MHD_YES)
        loop_task_want(h->task);
}

static void on_epoll(void *arg, int events)
{
    run(arg);
}

struct http *http_create(struct loop *loop, const struct http_config *config, const struct http_hooks *hooks,
                         void *arg)
{
    struct http *h = mem_zalloc(sizeof(*h));
    h->loop = loop;
    h->hooks = *hooks;
    h->arg = arg;
    h->max_connections = config->max_connections;
    list_init(&h->reading);
    list_init(&h->whole);
    connections_init(&h->connections, config->request_timeout_ms, config->idle_timeout_ms);
    h->task = loop_task_create(loop, run, h);
    h->daemon = start_daemon(h);
    if (h->daemon)
        h->watch = loop_watch_create(loop, MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
                                     on_epoll, h);
    if (h->watch)
        return h;
    http_destroy(h);
    return NULL;
}

/* As good as it gets without reading the request. */
static void turn_away(int fd)
{
    metric_add(&counters.turned_away, 1);
    say_last(fd, "503 Service Unavailable", "Retry-After: 1\r\n", "Too many connections");
    close(fd);
}

/* The library takes the socket at once, or when it is run next. */
void http_accept(struct http *h, int fd, bool local)
{
    struct sockaddr_in from = {.sin_family = local ? AF_INET : AF_UNSPEC};
    if (connections_count(&h->connections) >= h->max_connections)
        MHD_run(h->daemon); /* whose request has come in this turn no longer waits for one */
    if (connections_count(&h->connections) >= h->max_connections && !connections_displace(&h->connections)) {
        turn_away(fd);
        return;
    }
    h->connections.entering++;
    if (MHD_add_connection(h->daemon, fd, (struct sockaddr *)&from, sizeof(from)) == MHD_YES)
        loop_task_want(h->task);
    else
        h->connections.entering--;
}

void http_reap(struct http *h)
{
    connections_reap(&h->connections, clock_mono_ms());
}

void http_drain(struct http *h)
{
    h->draining = true;
}

void http_shut_idle(struct http *h, int64_t idle_ms)
{
    connections_shut_idle(&h->connections, clock_mono_ms() - idle_ms);
}

size_t http_connections(const struct http *h)
{
    return connections_count(&h->connections);
}

void http_destroy(struct http *h)
{
    if (!h)
        return;
    loop_watch_destroy(h->watch);
    while (!list_empty(&h->whole)) {
        struct exchange *x = list_entry(h->whole.next, struct exchange, whole);
        list_remove(&x->whole);
        MHD_resume_connection(x->library);
    }
    if (h->daemon)
        MHD_stop_daemon(h->daemon);
    loop_task_destroy(h->task);
    free(h);
}
