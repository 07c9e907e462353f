/* Which request is whose: paths and methods, CORS, tokens, the form of bodies (contract section 6). */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/gate_query.h"
#include "net/origin.h"
#include "server.h"
#include "wire/status.h"

#include <stdlib.h>
#include <string.h>

struct route_info {
    const char *path; /* with a '/' at the end: an id follows */
    enum route route;
    enum http_method method;
    bool presence; /* asks the store: needs a token where tokens are wanted, and is told to browsers' pages */
    void (*answer)(struct call *c, struct span id);
};

static const struct route_info routes[] = {
    {"/api/presence/status", ROUTE_STATUS, HTTP_POST, true, status_answer},
    {"/api/presence/users/", ROUTE_USER, HTTP_GET, true, user_answer},
    {"/api/presence/online", ROUTE_ONLINE, HTTP_GET, true, online_answer},
    {"/api/presence/count", ROUTE_COUNT, HTTP_GET, true, count_answer},
    {"/api/presence/groups/", ROUTE_GROUP, HTTP_GET, true, group_answer},
    {"/healthz", ROUTE_HEALTH, HTTP_GET, false, health_answer},
    {"/readyz", ROUTE_READY, HTTP_GET, false, ready_answer},
    {"/metrics", ROUTE_METRICS, HTTP_GET, false, metrics_answer},
    {"/", ROUTE_PAGE, HTTP_GET, false, page_answer},
};

void refuse(struct call *c, int status, const char *error)
{
    c->answer->status = status;
    bytes_reset(&c->answer->body);
    status_write_error(error, &c->answer->body);
    http_answer_header(c->answer, "Content-Type", SPAN("application/json"));
    if (status == 401)
        http_answer_header(c->answer, "WWW-Authenticate", SPAN("Bearer"));
}

void refuse_for_now(struct call *c, const char *error)
{
    refuse(c, 503, error);
    http_answer_header(c->answer, "Retry-After", SPAN("1"));
}

struct bytes *answer_json(struct call *c)
{
    c->answer->status = 200;
    http_answer_header(c->answer, "Content-Type", SPAN("application/json"));
    return &c->answer->body;
}

static bool path_matches(const struct route_info *info, struct span path)
{
    size_t len = strlen(info->path);
    bool takes_id = len > 1 && info->path[len - 1] == '/';
    if (path.len < len || memcmp(path.data, info->path, len) != 0)
        return false;
    if (!takes_id)
        return path.len == len;
    return path.len > len && !memchr(path.data + len, '/', path.len - len);
}

static const struct route_info *find_route(struct span path)
{
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
        if (path_matches(&routes[i], path))
            return &routes[i];
    return NULL;
}

static bool method_fits(const struct route_info *info, enum http_method method)
{
    return method == info->method || (method == HTTP_HEAD && info->method == HTTP_GET);
}

static struct span allowed_methods(const struct route_info *info)
{
    return info->method == HTTP_POST ? SPAN("POST, OPTIONS") : SPAN("GET, HEAD, OPTIONS");
}

/* Pages of other origins may read what they are allowed to. Without a word to them browsers keep it from
 * them. */
static void add_cors(struct call *c)
{
    const struct http_request *r = c->request;
    http_answer_header(c->answer, "Vary", SPAN("Origin"));
    if (r->origin.len == 0 || !origin_allowed(c->server->config.allowed_origins, r->origin, r->host))
        return;
    http_answer_header(c->answer, "Access-Control-Allow-Origin", r->origin);
    http_answer_header(c->answer, "Access-Control-Expose-Headers", SPAN("Retry-After, WWW-Authenticate"));
    if (r->method != HTTP_OPTIONS)
        return;
    http_answer_header(c->answer, "Access-Control-Allow-Methods", SPAN("GET, HEAD, POST, OPTIONS"));
    http_answer_header(c->answer, "Access-Control-Allow-Headers", SPAN("Authorization, Content-Type"));
    http_answer_header(c->answer, "Access-Control-Max-Age", SPAN("600"));
}

static struct span bearer_of(struct span header)
{
    struct span rest = span_trim(header);
    if (!span_equal_nocase(span_split(&rest, ' '), SPAN("Bearer")))
        return SPAN_NONE;
    return span_trim(rest);
}

static int check_token(struct call *c)
{
    struct server *s = c->server;
    if (s->config.auth != AUTH_JWT)
        return 0;
    pthread_rwlock_rdlock(&s->keys_lock);
    struct token token;
    enum token_result result =
        token_verify(s->keys, bearer_of(c->request->authorization), clock_wall_ms() / 1000, &token);
    pthread_rwlock_unlock(&s->keys_lock);
    if (result != TOKEN_OK) {
        refuse(c, result == TOKEN_ROLE ? 403 : 401, token_result_text(result));
        return -1;
    }
    struct scope *scope = mem_zalloc(sizeof(*scope));
    *scope = (struct scope){.bounded = token.has_groups, .token = token};
    c->request->held = scope;
    return 0;
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
        refuse(c, 415, "Content-Type must be application/json");
    else if (r->content_encoding.len > 0 && !span_equal_nocase(r->content_encoding, SPAN("identity")))
        refuse(c, 415, "Content-Encoding is not supported");
    else if (r->too_large)
        refuse(c, 413, "Body too large");
}

static void answer_options(struct call *c, const struct route_info *info)
{
    c->answer->status = 204;
    http_answer_header(c->answer, "Allow", allowed_methods(info));
}

/* All that can be judged without the body. */
static void judge(struct call *c, const struct route_info *info)
{
    const struct http_request *r = c->request;
    if (info->presence) {
        add_cors(c);
        http_answer_header(c->answer, "Cache-Control", SPAN("no-store"));
    }
    if (r->method == HTTP_OPTIONS) {
        answer_options(c, info);
        return;
    }
    if (!method_fits(info, r->method)) {
        refuse(c, 405, "Method not allowed");
        http_answer_header(c->answer, "Allow", allowed_methods(info));
        return;
    }
    if (!info->presence || check_token(c) < 0)
        return;
    if (!c->server->config.policy.enabled)
        refuse_for_now(c, "Presence is switched off (PRESENCE_ENABLED=false)");
    else if (info->method == HTTP_POST)
        check_body(c);
}

static void count(const struct http_request *r, const struct http_answer *a, int64_t begun_us)
{
    counters_answered(r->route, a->status, clock_mono_us() - begun_us);
    log_debug("answered", LOG_S("path", r->path), LOG_N("status", a->status));
}

static void on_head(void *arg, struct http_request *request, struct http_answer *answer)
{
    struct call c = {.server = arg, .request = request, .answer = answer};
    int64_t begun_us = clock_mono_us();
    const struct route_info *info = find_route(request->path);
    if (info) {
        request->route = info->route;
        judge(&c, info);
    } else {
        refuse(&c, 404, "No such path");
    }
    http_answer_header(answer, "X-Content-Type-Options", SPAN("nosniff"));
    if (answer->status)
        count(request, answer, begun_us);
}

static void answer_with_id(struct call *c, const struct route_info *info)
{
    size_t len = strlen(info->path);
    struct span rest = {c->request->path.data + len, c->request->path.len - len}, id;
    bytes_auto scratch = BYTES_INIT;
    if (rest.len == 0) {
        info->answer(c, SPAN_NONE);
        return;
    }
    bytes_reserve(&scratch, rest.len);
    if (percent_decode(rest, false, &scratch, &id) < 0 || !user_id_valid(id))
        refuse(c, 400, info->route == ROUTE_GROUP ? "Invalid group" : "Invalid userId");
    else
        info->answer(c, id);
}

static const struct scope everyone = {.bounded = false};

static void on_whole(void *arg, struct http_request *request, struct http_answer *answer)
{
    struct call c = {.server = arg, .request = request, .answer = answer};
    int64_t begun_us = clock_mono_us();
    const struct route_info *info = find_route(request->path);
    c.scope = request->held ? request->held : &everyone;
    if (request->too_large && info->method == HTTP_POST)
        refuse(&c, 413, "Body too large");
    else
        answer_with_id(&c, info);
    count(request, answer, begun_us);
}

static void on_over(void *arg, struct http_request *request)
{
    struct scope *scope = request->held;
    if (!scope)
        return;
    scope_finish(scope);
    free(scope);
}

const struct http_hooks router_hooks = {.head = on_head, .whole = on_whole, .over = on_over};
