#include "http.h"

#include "base/clock.h"
#include "base/mem.h"

#include <microhttpd.h>
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

struct worker {
    struct http *http;
    struct MHD_Daemon *daemon;
    unsigned index;
    size_t load; /* connections; atomic */
};

struct http {
    struct http_hooks hooks;
    void *arg;
    size_t max_connections;
    bool draining; /* atomic */
    struct connections connections;
    unsigned count;
    struct worker workers[];
};

/* What the headers say of the request's framing. */
struct framing {
    unsigned hosts, lengths, codings;
    bool chunked, http_1_0, expects, odd_name;
    uint64_t length;
};

/* One request and its answer. */
struct exchange {
    struct http_request request;
    struct http_answer answer;
    struct framing framing;
    struct connection *connection;
    bool head_seen, queued;
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
    size_t len = uri ? strlen(uri) : 0;
    struct exchange *x = mem_zalloc(sizeof(*x) + len + 1);
    if (len)
        memcpy(x->uri, uri, len);
    split_target((struct span){x->uri, len}, &x->request);
    x->request.route = ROUTE_NONE;
    x->connection = connection_of(c);
    connection_enter(x->connection, PHASE_BODY, clock_mono_ms());
    return x;
}

/* The library appends the further lines of a folded header to its name. */
static bool is_folded(const char *name, const char *wanted)
{
    size_t len = strlen(wanted);
    return strncasecmp(name, wanted, len) == 0 && name[len] != '\0';
}

static enum MHD_Result take_header(void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct exchange *x = arg;
    struct http_request *r = &x->request;
    struct framing *f = &x->framing;
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
    };
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        if (strcasecmp(name, wanted[i].name) == 0)
            *wanted[i].value = text;
    f->hosts += strcasecmp(name, "Host") == 0;
    f->odd_name |= strpbrk(name, " \t") || is_folded(name, "Host") || is_folded(name, "Content-Length") ||
                   is_folded(name, "Transfer-Encoding");
    if (strcasecmp(name, "Content-Length") == 0) {
        f->lengths++;
        span_to_u64(text, UINT64_MAX, &f->length);
    } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
        f->codings++;
        f->chunked = span_equal_nocase(text, SPAN("chunked"));
    } else if (strcasecmp(name, "Expect") == 0) {
        f->expects = true;
    }
    return MHD_YES;
}

static const char *framing_fault(const struct framing *f)
{
    if (f->odd_name)
        return "A space in a header's name, or a folded header";
    if (f->hosts > 1 || (f->hosts == 0 && !f->http_1_0))
        return "One Host is needed";
    if (f->lengths > 1)
        return "More than one Content-Length";
    if (f->codings > 0 && f->lengths > 0)
        return "Content-Length beside Transfer-Encoding";
    if (f->codings > 1 || (f->codings == 1 && (!f->chunked || f->http_1_0)))
        return "Transfer-Encoding other than chunked";
    return NULL;
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
    char value[512];
    for (size_t i = 0; i < a->header_count; i++)
        if (span_copy(a->headers[i].value, value, sizeof(value)) == 0)
            MHD_add_response_header(response, a->headers[i].name, value);
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

static enum MHD_Result send_answer(struct worker *w, struct exchange *x, struct MHD_Connection *c)
{
    struct MHD_Response *response = make_response(&x->answer);
    if (!response)
        return MHD_NO;
    add_headers(&x->answer, response);
    if (__atomic_load_n(&w->http->draining, __ATOMIC_RELAXED))
        MHD_add_response_header(response, "Connection", "close");
    x->queued = true;
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
static enum MHD_Result on_head(struct worker *w, struct exchange *x, struct MHD_Connection *c,
                               const char *method, const char *version)
{
    struct http *h = w->http;
    x->head_seen = true;
    x->request.method = method_of(method);
    x->request.thread = w->index;
    x->framing.http_1_0 = strcmp(version, "HTTP/1.0") == 0;
    MHD_get_connection_values(c, MHD_HEADER_KIND, take_header, x);
    const char *fault = strchr(x->uri, ' ') ? "A space in the target" : framing_fault(&x->framing);
    if (fault) {
        refuse_framing(x, fault);
        return send_answer(w, x, c);
    }
    x->request.too_large = x->framing.length > HTTP_BODY_MAX;
    h->hooks.head(h->arg, &x->request, &x->answer);
    bool has_body = x->framing.length > 0 || x->framing.chunked;
    if (x->answer.status && has_body && (x->framing.expects || x->framing.length > DROPPED_BODY_MAX))
        return send_answer(w, x, c);
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

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url, const char *method,
                                  const char *version, const char *data, size_t *len, void **context)
{
    struct worker *w = arg;
    struct exchange *x = *context;
    if (!x->head_seen)
        return on_head(w, x, c, method, version);
    if (*len > 0)
        return on_body(x, data, len);
    if (!x->answer.status)
        w->http->hooks.whole(w->http->arg, &x->request, &x->answer);
    return send_answer(w, x, c);
}

static void on_completed(void *arg, struct MHD_Connection *c, void **context,
                         enum MHD_RequestTerminationCode how)
{
    struct worker *w = arg;
    struct exchange *x = *context;
    if (!x)
        return;
    if (!x->queued)
        metric_add(&counters.malformed, 1);
    connection_enter(x->connection, PHASE_IDLE, clock_mono_ms());
    w->http->hooks.over(w->http->arg, &x->request);
    bytes_finish(&x->request.body);
    bytes_finish(&x->answer.body);
    free(x);
    *context = NULL;
}

static void on_connection(void *arg, struct MHD_Connection *c, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct worker *w = arg;
    struct connections *all = &w->http->connections;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        int fd = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        *context = connections_add(all, fd, clock_mono_ms());
        return;
    }
    connections_remove(all, *context);
    __atomic_fetch_sub(&w->load, 1, __ATOMIC_RELAXED);
}

/* Paths and queries stay as they were sent: the library would cut them at %00. */
static size_t leave_escaped(void *arg, struct MHD_Connection *c, char *text)
{
    return strlen(text);
}

static struct MHD_Daemon *start_daemon(struct worker *w, size_t max_connections)
{
    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC, 0, NULL, NULL, on_request, w,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)(max_connections + SPARE_CONNECTIONS),
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_URI_LOG_CALLBACK, on_target,
        w, MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, w, MHD_OPTION_NOTIFY_COMPLETED, on_completed, w,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, w, MHD_OPTION_END);
}

struct http *http_create(const struct http_config *config, const struct http_hooks *hooks, void *arg)
{
    struct http *h = mem_zalloc(sizeof(*h) + config->threads * sizeof(h->workers[0]));
    h->hooks = *hooks;
    h->arg = arg;
    h->max_connections = config->max_connections;
    connections_init(&h->connections, config->request_timeout_ms, config->idle_timeout_ms);
    for (unsigned i = 0; i < config->threads; i++) {
        struct worker *w = &h->workers[i];
        w->http = h;
        w->index = i;
        w->daemon = start_daemon(w, config->max_connections);
        if (!w->daemon) {
            http_destroy(h);
            return NULL;
        }
        h->count++;
    }
    return h;
}

/* As good as it gets without reading the request. */
static void turn_away(int fd)
{
    static const char body[] = "{\"success\":false,\"error\":\"Too many connections\"}";
    char unread[4096];
    bytes_auto text = BYTES_INIT;
    bytes_printf(&text,
                 "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\n"
                 "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                 sizeof(body) - 1, body);
    metric_add(&counters.turned_away, 1);
    send(fd, text.data, text.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    shutdown(fd, SHUT_WR);
    while (recv(fd, unread, sizeof(unread), MSG_DONTWAIT) > 0)
        ;
    close(fd);
}

static struct worker *least_loaded(struct http *h)
{
    struct worker *best = &h->workers[0];
    for (unsigned i = 1; i < h->count; i++)
        if (__atomic_load_n(&h->workers[i].load, __ATOMIC_RELAXED) <
            __atomic_load_n(&best->load, __ATOMIC_RELAXED))
            best = &h->workers[i];
    return best;
}

void http_accept(struct http *h, int fd)
{
    static const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
    if (connections_count(&h->connections) >= h->max_connections && !connections_displace(&h->connections)) {
        turn_away(fd);
        return;
    }
    struct worker *w = least_loaded(h);
    connections_enter(&h->connections);
    __atomic_fetch_add(&w->load, 1, __ATOMIC_RELAXED);
    if (MHD_add_connection(w->daemon, fd, &nowhere, sizeof(nowhere)) == MHD_YES)
        return;
    __atomic_fetch_sub(&w->load, 1, __ATOMIC_RELAXED);
    connections_lost(&h->connections);
}

void http_reap(struct http *h)
{
    connections_reap(&h->connections, clock_mono_ms());
}

void http_drain(struct http *h)
{
    __atomic_store_n(&h->draining, true, __ATOMIC_RELAXED);
    connections_shut_idle(&h->connections);
}

size_t http_connections(struct http *h)
{
    return connections_count(&h->connections);
}

void http_destroy(struct http *h)
{
    if (!h)
        return;
    for (unsigned i = 0; i < h->count; i++)
        MHD_stop_daemon(h->workers[i].daemon);
    connections_finish(&h->connections);
    free(h);
}
