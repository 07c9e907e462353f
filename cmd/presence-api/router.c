/* SPDX-License-Identifier: MIT */
/* Which request is whose: paths and methods, and the form of bodies (HTTP.md). */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/gate_query.h"
#include "server.h"

#include <stdlib.h>
#include <string.h>

static const struct route_row routes[] = {
#define ROUTE_ROW(id, label, path, method, reach, handler, ...) {path, ROUTE_##id, method, reach, handler},
    ROUTE_TABLE(ROUTE_ROW)};

static bool path_matches(const struct route_row *route, struct span path)
{
    size_t len = strlen(route->path);
    bool takes_id = len > 1 && route->path[len - 1] == '/';
    if (path.len < len || memcmp(path.data, route->path, len) != 0)
        return false;
    if (!takes_id)
        return path.len == len;
    return path.len > len && !memchr(path.data + len, '/', path.len - len);
}

static const struct route_row *find_route(struct span path)
{
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
        if (path_matches(&routes[i], path))
            return &routes[i];
    return NULL;
}

static bool method_fits(const struct route_row *route, enum http_method method)
{
    return method == route->method || (method == HTTP_HEAD && route->method == HTTP_GET);
}

static struct span allowed_methods(const struct route_row *route)
{
    return route->method == HTTP_POST ? SPAN("POST, OPTIONS") : SPAN("GET, HEAD, OPTIONS");
}

/* Parameters as charset are taken: JSON is UTF-8 whatever they say (RFC 8259, 8.1). */
static bool is_json(struct span content_type)
{
    struct span type = span_trim(span_split(&content_type, ';'));
    return span_equal_nocase(type, SPAN("application/json"));
}

static void check_body(struct call *c)
{
    const struct http_request *r = c->request;
    if (!is_json(r->content_type))
        call_refuse(c, 415, "Content-Type must be application/json");
    else if (r->content_encoding.len > 0 && !span_equal_nocase(r->content_encoding, SPAN("identity")))
        call_refuse(c, 415, "Content-Encoding is not supported");
    else if (r->too_large)
        call_refuse(c, 413, "Body too large");
}

/* All that can be judged without the body. */
static void judge(struct call *c, const struct route_row *route)
{
    const struct http_request *r = c->request;
    if (route->reach != REACH_NOBODY) {
        cors_add(c, allowed_methods(route));
        http_answer_header(c->answer, "Cache-Control", SPAN("no-store"));
    }
    if (r->method == HTTP_OPTIONS) {
        c->answer->status = 204;
        http_answer_header(c->answer, "Allow", allowed_methods(route));
    } else if (!method_fits(route, r->method)) {
        call_refuse(c, 405, "Method not allowed");
        http_answer_header(c->answer, "Allow", allowed_methods(route));
    } else if (route->reach == REACH_NOBODY || access_check(c, route->reach) < 0) {
        return;
    } else if (!c->server->config.policy.enabled) {
        call_refuse_for_now(c, "Presence is switched off (PRESENCE_ENABLED=false)");
    } else if (route->method == HTTP_POST) {
        check_body(c);
    }
}

static const struct scope everyone = {.bounded = false};

static void on_head(void *arg, struct http_request *request, struct http_answer *answer)
{
    struct call *c = mem_zalloc(sizeof(*c));
    *c = (struct call){.server = arg, .request = request, .answer = answer, .scope = &everyone};
    c->route = find_route(request->path);
    c->begun_us = clock_mono_us();
    request->call = c;
    if (c->route)
        judge(c, c->route);
    else
        call_refuse(c, 404, "No such path");
    http_answer_header(answer, "X-Content-Type-Options", SPAN("nosniff"));
    call_count(c);
}

/* The id that follows the route's path, decoded; without one it is empty. */
static int read_id(struct call *c)
{
    size_t len = strlen(c->route->path);
    struct span rest = {c->request->path.data + len, c->request->path.len - len};
    bytes_reserve(&c->text, rest.len);
    return gate_percent_decode(rest, false, &c->text, &c->id) < 0 ||
                   (rest.len > 0 && !identity_user_valid(c->id))
               ? -1
               : 0;
}

static void on_whole(void *arg, struct http_request *request, struct http_answer *answer)
{
    struct call *c = request->call;
    c->begun_us = clock_mono_us();
    if (request->too_large && c->route->method == HTTP_POST)
        call_refuse(c, 413, "Body too large");
    else if (read_id(c) < 0)
        call_refuse(c, 400, c->route->id == ROUTE_GROUP ? "Invalid group" : "Invalid userId");
    else if (c->route->reach != REACH_ALL ||
             access_check_user(c, c->route->id == ROUTE_USER ? c->id : SPAN_NONE) == 0)
        c->route->answer(c);
    call_count(c);
}

static void on_over(void *arg, struct http_request *request)
{
    struct call *c = request->call;
    if (!c)
        return;
    if (c->work)
        c->work_finish(c->work);
    walk_waiting_finish(&c->waiting);
    bytes_finish(&c->question.commands);
    bytes_finish(&c->text);
    scope_finish(&c->held);
    free(c);
}

const struct http_hooks router_hooks = {.head = on_head, .whole = on_whole, .over = on_over};
