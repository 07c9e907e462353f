/* HTTP/1.1 through libmicrohttpd, the only file that includes its header: sockets in, whole requests out.
 *
 * One single-threaded daemon of the library per thread; who accepts hands the sockets round. What the library
 * leaves open is settled here: requests framed in two ways at once (Content-Length twice or beside
 * Transfer-Encoding, RFC 9112 6.1 to 6.3), paths cut at %00 (they are handed on as sent), bodies without
 * bound, and an answer given before the body was read, which would cost the connection. Deadlines are those
 * of connections.h. */
#ifndef PRESENCE_API_HTTP_H
#define PRESENCE_API_HTTP_H

#include "connections.h"

#include "base/bytes.h"

#define HTTP_BODY_MAX 65536 /* bytes; of longer ones only the fact is kept */

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_OPTIONS, HTTP_OTHER };

/* Spans borrow from the request: valid until it is answered. Absent headers are empty. */
struct http_request {
    enum http_method method;
    struct span path, query; /* as sent, undecoded; without the '?' */
    struct span host, origin, authorization, content_type, content_encoding, if_none_match;
    struct bytes body; /* empty when too_large */
    bool too_large;
    unsigned thread;  /* which of the threads asks, from 0 */
    enum route route; /* the program's, for counting */
    void *held;       /* the program's, until over() */
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
    char built[64]; /* room for a value that is put together */
};

void http_answer_header(struct http_answer *a, const char *name, struct span value);

struct http_hooks {
    /* The head is there. Fills *answer when that is enough to answer; the body is then read and dropped. */
    void (*head)(void *arg, struct http_request *request, struct http_answer *answer);
    /* The whole request is there, and head() left the answer open. */
    void (*whole)(void *arg, struct http_request *request, struct http_answer *answer);
    /* Last call for a request, answered or not. */
    void (*over)(void *arg, struct http_request *request);
};

struct http_config {
    unsigned threads;
    size_t max_connections;
    int64_t request_timeout_ms, idle_timeout_ms;
};

struct http;
/* NULL: the library can't start. Hooks are called from the threads. */
struct http *http_create(const struct http_config *config, const struct http_hooks *hooks, void *arg);
/* Takes over an accepted socket. At the limit of connections another one gives way, or this one gets 503. */
void http_accept(struct http *h, int fd);
/* Closes who is too slow; call it a few times a second. */
void http_reap(struct http *h);
/* From now on every answer closes its connection, and those between requests are closed. */
void http_drain(struct http *h);
size_t http_connections(struct http *h);
/* Closes what is open and ends the threads. NULL is fine. */
void http_destroy(struct http *h);

#endif
