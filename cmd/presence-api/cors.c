/* SPDX-License-Identifier: MIT */
/* CORS: what browsers tell pages of other origins (HTTP.md). */
#include "http/gate.h"
#include "http/origin.h"
#include "server.h"

#define ASKED_NAMES_MAX 32
#define ASKED_BYTES_MAX 1024

/* Tracing and the like add headers of their own to what pages send, so that those a browser asks for are
 * allowed, too. */
static const struct span fixed_headers = SPAN("Authorization, Content-Type");

static bool is_fixed(struct span name)
{
    return span_equal_nocase(name, SPAN("Authorization")) || span_equal_nocase(name, SPAN("Content-Type"));
}

/* Appends those asked for; -1: one is no header's name, or they are too many, and *out is of no use. */
static int append_asked(struct span asked, struct bytes *out)
{
    size_t count = 0;
    if (asked.len > ASKED_BYTES_MAX)
        return -1;
    while (asked.len > 0) {
        struct span name = span_trim(span_split(&asked, ','));
        if (name.len == 0 || is_fixed(name))
            continue;
        if (++count > ASKED_NAMES_MAX || !gate_token_valid(name))
            return -1;
        bytes_append_text(out, ", ");
        bytes_append_span(out, name);
    }
    return 0;
}

static struct span allowed_headers(struct call *c)
{
    struct bytes *list = &c->answer->built;
    bytes_append_span(list, fixed_headers);
    if (append_asked(c->request->asked_headers, list) < 0)
        return fixed_headers;
    return bytes_span(list);
}

static void add_preflight(struct call *c, struct span methods)
{
    http_answer_header(c->answer, "Access-Control-Allow-Methods", methods);
    http_answer_header(c->answer, "Access-Control-Allow-Headers", allowed_headers(c));
    http_answer_header(c->answer, "Access-Control-Max-Age", SPAN("600"));
}

void cors_add(struct call *c, struct span methods)
{
    const struct http_request *r = c->request;
    bool preflight = r->method == HTTP_OPTIONS;
    http_answer_header(c->answer, "Vary",
                       preflight
                           ? SPAN("Origin, Access-Control-Request-Headers, Access-Control-Request-Method")
                           : SPAN("Origin"));
    if (r->origin.len == 0 || !origin_allowed(c->server->config.allowed_origins, r->origin, r->host, false))
        return;
    http_answer_header(c->answer, "Access-Control-Allow-Origin", r->origin);
    http_answer_header(c->answer, "Access-Control-Expose-Headers",
                       SPAN("Retry-After, ETag, WWW-Authenticate"));
    if (preflight)
        add_preflight(c, methods);
}
