/* SPDX-License-Identifier: MIT */
/* HTTP/1.1 through libmicrohttpd, the only file that includes its header: sockets in, whole requests out.
 *
 * One daemon of the library, in external epoll mode on the process's loop; who accepts hands it the sockets. A
 * request that is not answered at once is suspended, at no cost, until http_answered. What the library leaves
 * open is settled here: requests framed in two ways at once (Content-Length twice or beside
 * Transfer-Encoding, RFC 9112 6.1 to 6.3), paths cut at %00 (they are handed on as sent), bodies without
 * bound, and an answer given before the body was read, which would cost the connection. Deadlines are those
 * of connections.h. */
#ifndef PRESENCE_API_HTTP_H
#define PRESENCE_API_HTTP_H

#include "connections.h"

#include "base/bytes.h"
#include "net/loop.h"

#define HTTP_BODY_MAX 65536 /* bytes; of longer ones only the fact is kept */

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_OPTIONS, HTTP_OTHER };

/* Spans borrow from the request: valid until it is answered. Absent headers are empty. */
struct http_request {
    enum http_method method;
    struct span path, query; /* as sent, undecoded; without the '?' */
    struct span host, origin, authorization, content_type, content_encoding, if_none_match;
    struct span asked_headers; /* Access-Control-Request-Headers */
    bool local;                /* from this machine: by the socket, or a trusted proxy's PROXY header */
    bool forwarded;            /* a proxy has left a header of its kind (proxies.h) */
    struct bytes body;         /* empty when too_large */
    bool too_large;
    void *call; /* the program's, until over() */
};

#define HTTP_HEADERS_MAX 10

struct http_answer {
    int status;        /* 0: none yet */
    struct bytes body; /* taken over */
    struct span fixed; /* instead of body: lives as long as the program */
    size_t header_count;
    struct {
        const char *name;
        struct span value; /* copied once the answer is sent */
    } headers[HTTP_HEADERS_MAX];
    struct bytes built; /* a header's value that is put together: one for each answer */
};

void http_answer_header(struct http_answer *a, const char *name, struct span value);

struct http_hooks {
    /* The head is there. Fills *answer when that is enough to answer; the body is then read and dropped. */
    void (*head)(void *arg, struct http_request *request, struct http_answer *answer);
    /* The whole request is there, and head() left the answer open. Fills *answer; or leaves it open, and calls
     * http_answered once it is filled, which it must be before http_destroy. */
    void (*whole)(void *arg, struct http_request *request, struct http_answer *answer);
    /* Last call for a request, answered or not; never while whole() has left the answer open. */
    void (*over)(void *arg, struct http_request *request);
};

struct http_config {
    size_t max_connections;
    int64_t request_timeout_ms, idle_timeout_ms;
};

struct http;
/* NULL: the library can't start. */
struct http *http_create(struct loop *loop, const struct http_config *config, const struct http_hooks *hooks,
                         void *arg);
/* Takes over an accepted socket; `local`: of this machine. At the limit of connections another one gives way,
 * or this one gets 503. */
void http_accept(struct http *h, int fd, bool local);
/* The answer that whole() left open is there. */
void http_answered(struct http_request *request);
/* Closes who is too slow; call it a few times a second. */
void http_reap(struct http *h);
/* From now on every answer closes its connection. */
void http_drain(struct http *h);
/* While it drains: closes connections that have waited for a request for so long. */
void http_shut_idle(struct http *h, int64_t idle_ms);
size_t http_connections(const struct http *h);
/* Closes what is open. NULL is fine. */
void http_destroy(struct http *h);

#endif
