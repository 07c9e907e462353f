/* SPDX-License-Identifier: MIT */
#include "redis/redis_connector.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/rng.h"
#include "net/dial.h"
#include "redis/redis_adapter.h"
#include "redis/redis_fault.h"
#include "redis/redis_greeting.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define BACKOFF_MIN_MS 50
#define BACKOFF_MAX_MS 2000

enum state { STATE_DOWN, STATE_RESOLVING, STATE_CONNECTING, STATE_GREETING, STATE_UP };

/* Outlives its connector when that is destroyed meanwhile: the resolver can't be called off. */
struct resolution {
    uv_getaddrinfo_t request;
    struct redis_connector *connector; /* NULL: nobody waits any more */
};

struct redis_connector {
    struct loop *loop;
    const struct redis_config *config;
    const char *name;
    const struct redis_connector_hooks *hooks;
    void *arg;
    enum state state;
    struct loop_timer *timer; /* the next try, or what the present state may take */
    struct resolution *resolution;
    struct redis_endpoint target;     /* a sentinel, or Redis */
    struct redis_endpoint named_by;   /* the sentinel that named the target, when that is the master */
    bool asking;                      /* a sentinel for the master */
    size_t sentinel, sentinels_asked; /* the one asked, or that answered last; how many in this try */
    size_t answers;                   /* still to come from it */
    struct dial_addresses addresses;  /* one nameless for a unix socket */
    size_t at;
    int64_t connected_by_ms;
    struct redis_adapter *adapter;
    struct redis_greeting greeting;
    struct rng rng;
    unsigned tries; /* since the last connection that held */
    int64_t up_since_ms;
    char why[400]; /* the last address failed */
    bool refused;  /* user, password or database were, in this try */
    bool confirmed;
    bool unsteady; /* the last confirmed connection did not hold: that the next is up is said once it does */
    struct redis_fault_memory told;
};

/* The connection as the log names it. */
struct place {
    char at[300], sentinel[REDIS_ENDPOINT_TEXT_SIZE];
};
#define PLACE_FIELDS 4

/* Appends link and at; with sentinels also the master's name and the sentinel asked. Returns the count. */
static size_t put_place(const struct redis_connector *c, struct place *p,
                        struct log_field fields[PLACE_FIELDS])
{
    redis_config_describe(c->config, p->at);
    fields[0] = LOG_T("link", c->name);
    fields[1] = LOG_T("at", p->at);
    if (c->config->sentinels.count == 0)
        return 2;
    if (!c->asking) {
        redis_endpoint_describe(&c->target, p->at);
        snprintf(p->at + strlen(p->at), sizeof(p->at) - strlen(p->at), "/%" PRId64, c->config->db);
    }
    redis_endpoint_describe(c->asking ? &c->target : &c->named_by, p->sentinel);
    fields[2] = LOG_T("master", c->config->master);
    fields[3] = LOG_T("sentinel", p->sentinel);
    return PLACE_FIELDS;
}

void redis_connector_describe(const struct redis_connector *c, char *out, size_t size)
{
    struct place place;
    struct log_field fields[PLACE_FIELDS];
    if (put_place(c, &place, fields) < PLACE_FIELDS || c->asking) {
        redis_config_describe(c->config, place.at);
        snprintf(out, size, "%s", place.at);
    } else {
        snprintf(out, size, "%s (master %.200s by sentinel %s)", place.at, c->config->master, place.sentinel);
    }
}

static enum redis_fault fault_of(const struct redis_connector *c)
{
    if (c->asking)
        return REDIS_FAULT_SENTINELS;
    if (c->refused)
        return REDIS_FAULT_REFUSED;
    return c->config->sentinels.count > 0 ? REDIS_FAULT_MASTER : REDIS_FAULT_AWAY;
}

/* Which of sentinel and master it was stands in front. */
static void put_why(const struct redis_connector *c, const char *why, char *out, size_t size)
{
    char target[REDIS_ENDPOINT_TEXT_SIZE];
    redis_endpoint_describe(&c->target, target);
    if (c->config->sentinels.count == 0)
        snprintf(out, size, "%s", why);
    else
        snprintf(out, size, "%s %s: %s", c->asking ? "sentinel" : "master", target, why);
}

static void say_down(struct redis_connector *c, enum redis_fault fault, const char *why)
{
    struct place place;
    struct log_field fields[PLACE_FIELDS + 2];
    char text[700];
    if (!c->name)
        return;
    size_t n = put_place(c, &place, fields);
    put_why(c, why, text, sizeof(text));
    bool news = redis_fault_is_news(&c->told, text, loop_now_ms(c->loop));
    fields[n++] = LOG_T("why", text);
    if (fault != REDIS_FAULT_NONE && fault != REDIS_FAULT_AWAY)
        fields[n++] = LOG_T("hint", redis_fault_mend(fault));
    if (log_enabled(news ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG))
        log_write(news ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG, "redis_down", fields, n);
}

static void say_up(struct redis_connector *c)
{
    struct place place;
    struct log_field fields[PLACE_FIELDS + 1];
    if (!c->name)
        return;
    size_t n = put_place(c, &place, fields);
    fields[n++] = LOG_T("run_id", c->greeting.run_id);
    if (log_enabled(LOG_LEVEL_INFO))
        log_write(LOG_LEVEL_INFO, "redis_up", fields, n);
    redis_fault_forget(&c->told);
}

void redis_connector_confirm(struct redis_connector *c)
{
    c->confirmed = true;
    if (c->unsteady)
        loop_timer_start(c->timer, BACKOFF_MAX_MS, 0);
    else
        say_up(c);
}

/* Full jitter: any time up to the cap, so that many processes don't come back at once. */
static void plan_next_try(struct redis_connector *c)
{
    c->refused = false;
    int64_t cap_ms = c->tries < 6 ? BACKOFF_MIN_MS << c->tries : BACKOFF_MAX_MS;
    c->tries++;
    c->asking = c->config->sentinels.count > 0;
    c->sentinels_asked = 0;
    c->state = STATE_DOWN;
    loop_timer_start(c->timer, (int64_t)rng_below(&c->rng, (uint64_t)cap_ms + 1), 0);
}

static void drop_adapter(struct redis_connector *c)
{
    if (c->adapter)
        redis_adapter_close(c->adapter);
    c->adapter = NULL;
}

static void begin(struct redis_connector *c);

/* Of a sentinel: the next one is asked. When all have failed the next try begins where this one did, so that
 * it ends with the same fault. */
static void give_up(struct redis_connector *c, const char *why)
{
    drop_adapter(c);
    c->sentinel += c->asking;
    if (c->asking && ++c->sentinels_asked < c->config->sentinels.count) {
        begin(c);
        return;
    }
    enum redis_fault fault = fault_of(c);
    say_down(c, fault, why);
    if (c->hooks->failed) {
        char text[700];
        snprintf(text, sizeof(text), "%s", why);
        if (c->asking)
            put_why(c, why, text, sizeof(text));
        c->hooks->failed(c->arg, fault, text);
    }
    plan_next_try(c);
}

static int64_t time_ms(const struct redis_connector *c)
{
    return c->asking ? redis_sentinel_share_ms(c->config) : c->config->timeout_ms;
}

static void go_up(struct redis_connector *c)
{
    c->state = STATE_UP;
    c->up_since_ms = loop_now_ms(c->loop);
    loop_timer_stop(c->timer);
    c->hooks->up(c->arg, c->greeting.run_id);
}

static void go_down(struct redis_connector *c, const char *why)
{
    say_down(c, REDIS_FAULT_NONE, why);
    drop_adapter(c);
    bool held = loop_now_ms(c->loop) - c->up_since_ms >= BACKOFF_MAX_MS;
    if (held)
        c->tries = 0;
    c->unsteady = c->confirmed && !held;
    c->confirmed = false;
    plan_next_try(c);
    c->hooks->down(c->arg, why);
}

static void ask_sentinel(struct redis_connector *c)
{
    bytes_auto command = BYTES_INIT;
    for (c->answers = 0; redis_sentinel_ask(c->config, c->answers, &command); c->answers++) {
        redis_adapter_send(c->adapter, bytes_span(&command));
        bytes_reset(&command);
    }
}

static void on_sentinel(struct redis_connector *c, const struct redisReply *reply)
{
    const char *why;
    struct redis_endpoint master;
    if (--c->answers > 0)
        return;
    if (redis_sentinel_read(reply, &master, &why) < 0) {
        give_up(c, why);
        return;
    }
    drop_adapter(c);
    c->named_by = c->target;
    c->target = master;
    c->asking = false;
    begin(c);
}

static void on_opened(void *arg)
{
    struct redis_connector *c = arg;
    bytes_auto command = BYTES_INIT;
    c->state = STATE_GREETING;
    loop_timer_start(c->timer, time_ms(c), 0);
    if (c->asking) {
        ask_sentinel(c);
        return;
    }
    redis_greeting_begin(&c->greeting, c->config);
    while (redis_greeting_ask(&c->greeting, c->config, &command)) {
        redis_adapter_send(c->adapter, bytes_span(&command));
        bytes_reset(&command);
    }
}

static void on_greeted(struct redis_connector *c, const struct redisReply *reply)
{
    switch (redis_greeting_answer(&c->greeting, reply)) {
    case REDIS_GREETING_GOES_ON: break;
    case REDIS_GREETING_DONE: go_up(c); break;
    case REDIS_GREETING_REFUSED:
        c->refused = true;
        give_up(c, c->greeting.why);
        break;
    case REDIS_GREETING_NOT_YET: give_up(c, c->greeting.why); break;
    }
}

static bool on_reply(void *arg, const struct redisReply *reply)
{
    struct redis_connector *c = arg;
    if (c->state == STATE_UP)
        return c->hooks->reply(c->arg, reply);
    if (c->asking)
        on_sentinel(c, reply);
    else
        on_greeted(c, reply);
    return false;
}

static void open_next(struct redis_connector *c);

static void on_closed(void *arg, const char *why)
{
    struct redis_connector *c = arg;
    enum state state = c->state;
    c->adapter = NULL;
    snprintf(c->why, sizeof(c->why), "%s", why);
    if (state == STATE_UP)
        go_down(c, c->why);
    else if (state == STATE_CONNECTING)
        open_next(c);
    else
        give_up(c, c->why);
}

static const struct redis_adapter_hooks adapter_hooks = {on_opened, on_reply, on_closed};

static void open_one(struct redis_connector *c)
{
    struct redis_adapter_place place = {.unix_path = c->config->unix_path,
                                        .ip = c->addresses.ip[c->at++],
                                        .port = (int)c->target.port,
                                        .host = c->target.host};
    c->adapter = redis_adapter_open(c->loop, c->config, &place, &adapter_hooks, c, c->why, sizeof(c->why));
}

/* The addresses left share the time left; the first that takes the connection is the one. */
static void open_next(struct redis_connector *c)
{
    while (!c->adapter && c->at < c->addresses.count) {
        int64_t left_ms = c->connected_by_ms - loop_now_ms(c->loop);
        int64_t share_ms = left_ms / (int64_t)(c->addresses.count - c->at);
        loop_timer_start(c->timer, share_ms > 1 ? share_ms : 1, 0);
        open_one(c);
    }
    if (!c->adapter)
        give_up(c, c->why);
}

static void open_first(struct redis_connector *c)
{
    c->state = STATE_CONNECTING;
    c->at = 0;
    c->connected_by_ms = loop_now_ms(c->loop) + time_ms(c);
    snprintf(c->why, sizeof(c->why), "the host has no address");
    open_next(c);
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct resolution *resolution = request->data;
    struct redis_connector *c = resolution->connector;
    free(resolution);
    if (c) {
        c->resolution = NULL;
        dial_addresses_take(list, &c->addresses);
        if (status < 0)
            give_up(c, uv_strerror(status));
        else
            open_first(c);
    }
    uv_freeaddrinfo(list);
}

static void resolve(struct redis_connector *c)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct resolution *resolution = mem_zalloc(sizeof(*resolution));
    resolution->connector = c;
    resolution->request.data = resolution;
    int code =
        uv_getaddrinfo(loop_uv(c->loop), &resolution->request, on_resolved, c->target.host, NULL, &hints);
    if (code < 0) {
        free(resolution);
        give_up(c, uv_strerror(code));
        return;
    }
    c->resolution = resolution;
    c->state = STATE_RESOLVING;
    loop_timer_start(c->timer, c->config->timeout_ms, 0);
}

/* Whom to connect to: the next sentinel, the master it named (in place already), or the host of the settings.
 */
static void choose_target(struct redis_connector *c)
{
    const struct redis_sentinels *sentinels = &c->config->sentinels;
    if (c->asking)
        c->target = sentinels->at[c->sentinel % sentinels->count];
    if (sentinels->count > 0)
        return;
    snprintf(c->target.host, sizeof(c->target.host), "%s", c->config->host);
    c->target.port = c->config->port;
}

static void begin(struct redis_connector *c)
{
    if (!c->config->unix_path)
        choose_target(c);
    if (c->config->unix_path)
        c->addresses.count = 1;
    else if (!dial_addresses_known(c->target.host, &c->addresses)) {
        resolve(c);
        return;
    }
    open_first(c);
}

static void connect_late(struct redis_connector *c)
{
    snprintf(c->why, sizeof(c->why), "%s", redis_adapter_lateness(c->adapter));
    drop_adapter(c);
    open_next(c);
}

static void on_timer(void *arg)
{
    struct redis_connector *c = arg;
    switch (c->state) {
    case STATE_DOWN: begin(c); break;
    case STATE_RESOLVING: say_down(c, fault_of(c), "the host's name is not resolved yet"); break;
    case STATE_CONNECTING: connect_late(c); break;
    case STATE_GREETING: give_up(c, "no answer in time"); break;
    case STATE_UP: say_up(c); break;
    }
}

struct redis_connector *redis_connector_create(struct loop *loop, const struct redis_config *config,
                                               const char *name, const struct redis_connector_hooks *hooks,
                                               void *arg)
{
    struct redis_connector *c = mem_zalloc(sizeof(*c));
    c->loop = loop;
    c->config = config;
    c->name = name;
    c->hooks = hooks;
    c->arg = arg;
    c->asking = config->sentinels.count > 0;
    rng_init(&c->rng, random_u64());
    c->timer = loop_timer_create(loop, on_timer, c);
    loop_timer_start(c->timer, 0, 0);
    return c;
}

void redis_connector_destroy(struct redis_connector *c)
{
    drop_adapter(c);
    loop_timer_destroy(c->timer);
    if (c->resolution) {
        c->resolution->connector = NULL;
        uv_cancel((uv_req_t *)&c->resolution->request);
    }
    free(c);
}

void redis_connector_hurry(struct redis_connector *c)
{
    if (c->state == STATE_DOWN)
        loop_timer_start(c->timer, 0, 0);
}

int redis_connector_send(struct redis_connector *c, struct span command)
{
    if (c->state != STATE_UP)
        return -1;
    redis_adapter_send(c->adapter, command);
    return 0;
}

void redis_connector_reset(struct redis_connector *c, const char *why)
{
    if (c->state == STATE_UP)
        go_down(c, why);
}

size_t redis_connector_queued(const struct redis_connector *c)
{
    return c->adapter ? redis_adapter_queued(c->adapter) : 0;
}
