#include "net/redis_sync.h"

#include "base/clock.h"
#include "base/mem.h"
#include "net/redis_address.h"
#include "net/redis_greeting.h"
#include "net/redis_replies.h"
#include "store/reply.h"

#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct redis_sync {
    redisContext *context;
    struct bytes unsent;
    int64_t timeout_ms;
    struct redis_greeting greeting;
    char error[200];
};

static enum redis_sync_result fail(struct redis_sync *r, enum redis_sync_result result, const char *why)
{
    snprintf(r->error, sizeof(r->error), "%s", why);
    return result;
}

static enum redis_sync_result fail_by_context(struct redis_sync *r)
{
    return fail(r, REDIS_SYNC_UNREACHABLE, r->context->errstr);
}

/* Once connected, waiting is done by poll alone, so that an answer has one deadline, however many reads it
 * takes. */
static int make_unblocking(redisContext *c)
{
    int flags = fcntl(c->fd, F_GETFL);
    c->flags &= ~REDIS_BLOCK;
    return flags < 0 ? -1 : fcntl(c->fd, F_SETFL, flags | O_NONBLOCK);
}

/* ip NULL: the unix socket. */
static enum redis_sync_result connect_to(struct redis_sync *r, const struct redis_config *config,
                                         const char *ip, int64_t connect_ms)
{
    struct timeval limit = {.tv_sec = connect_ms / 1000, .tv_usec = connect_ms % 1000 * 1000};
    errno = 0;
    redisContext *c = ip ? redisConnectWithTimeout(ip, (int)config->port, limit)
                         : redisConnectUnixWithTimeout(config->unix_path, limit);
    bool late = errno == ETIMEDOUT;
    if (r->context)
        redisFree(r->context);
    r->context = c;
    if (!c)
        return fail(r, REDIS_SYNC_UNREACHABLE, "out of memory");
    if (c->err)
        return late ? fail(r, REDIS_SYNC_TIMEOUT, "no connection in time") : fail_by_context(r);
    if (ip)
        redisEnableKeepAlive(c);
    return make_unblocking(c) < 0 ? fail(r, REDIS_SYNC_UNREACHABLE, strerror(errno)) : REDIS_SYNC_OK;
}

static enum redis_sync_result greet(struct redis_sync *r, const struct redis_config *config)
{
    enum redis_greeting_result greeted = REDIS_GREETING_GOES_ON;
    redis_greeting_begin(&r->greeting, config);
    while (redis_greeting_ask(&r->greeting, config, &r->unsent))
        ;
    while (greeted == REDIS_GREETING_GOES_ON) {
        struct redisReply *reply;
        enum redis_sync_result result = redis_sync_reply(r, &reply);
        if (result != REDIS_SYNC_OK)
            return result;
        greeted = redis_greeting_answer(&r->greeting, reply);
        reply_free(reply);
    }
    if (greeted == REDIS_GREETING_DONE)
        return REDIS_SYNC_OK;
    return fail(r, greeted == REDIS_GREETING_REFUSED ? REDIS_SYNC_AUTH : REDIS_SYNC_UNREACHABLE,
                r->greeting.why);
}

static int resolve(struct redis_sync *r, const char *host, struct redis_addresses *ret)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    if (redis_addresses_known(host, ret))
        return 0;
    int code = getaddrinfo(host, NULL, &hints, &list);
    if (code != 0) {
        fail(r, REDIS_SYNC_UNREACHABLE, gai_strerror(code));
        return -1;
    }
    redis_addresses_take(list, ret);
    freeaddrinfo(list);
    return 0;
}

/* Each address has its share of the time; the first that takes the connection is the one. */
static enum redis_sync_result connect_any(struct redis_sync *r, const struct redis_config *config)
{
    struct redis_addresses addresses;
    if (resolve(r, config->host, &addresses) < 0)
        return REDIS_SYNC_UNREACHABLE;
    enum redis_sync_result result = fail(r, REDIS_SYNC_UNREACHABLE, "no address");
    int64_t deadline_ms = clock_mono_ms() + config->timeout_ms;
    for (size_t i = 0; i < addresses.count; i++) {
        int64_t share_ms = (deadline_ms - clock_mono_ms()) / (int64_t)(addresses.count - i);
        result = connect_to(r, config, addresses.ip[i], share_ms > 1 ? share_ms : 1);
        if (result == REDIS_SYNC_OK)
            return result;
    }
    return result;
}

/* What the last of the answers says. */
static enum redis_sync_result hear_sentinel(struct redis_sync *r, size_t answers,
                                            struct redis_endpoint *master)
{
    const char *why;
    while (answers-- > 0) {
        struct redisReply *reply = NULL;
        enum redis_sync_result result = redis_sync_reply(r, &reply);
        if (result == REDIS_SYNC_OK && answers == 0 && redis_sentinel_read(reply, master, &why) < 0)
            result = fail(r, REDIS_SYNC_UNREACHABLE, why);
        if (reply)
            reply_free(reply);
        if (result != REDIS_SYNC_OK)
            return result;
    }
    return REDIS_SYNC_OK;
}

static enum redis_sync_result ask_sentinel(struct redis_sync *r, const struct redis_config *config,
                                           struct redis_endpoint *sentinel, struct redis_endpoint *master)
{
    struct redis_config at = *config;
    size_t questions = 0;
    at.host = sentinel->host;
    at.port = sentinel->port;
    at.timeout_ms = r->timeout_ms = redis_sentinel_share_ms(config);
    enum redis_sync_result result = connect_any(r, &at);
    if (result != REDIS_SYNC_OK)
        return result;
    bytes_reset(&r->unsent);
    while (redis_sentinel_ask(config, questions, &r->unsent))
        questions++;
    return hear_sentinel(r, questions, master);
}

/* One after the other, until one names the master. */
static enum redis_sync_result ask_sentinels(struct redis_sync *r, struct redis_config *config,
                                            struct redis_endpoint *master)
{
    enum redis_sync_result result = REDIS_SYNC_UNREACHABLE;
    for (size_t i = 0; i < config->sentinels.count && result != REDIS_SYNC_OK; i++)
        result = ask_sentinel(r, config, &config->sentinels.at[i], master);
    r->timeout_ms = config->timeout_ms;
    bytes_reset(&r->unsent);
    return result;
}

/* config: a copy, whose host becomes the master that the sentinels name. */
static enum redis_sync_result reach(struct redis_sync *r, struct redis_config *config,
                                    struct redis_endpoint *master)
{
    enum redis_sync_result result = REDIS_SYNC_OK;
    if (config->unix_path)
        return connect_to(r, config, NULL, config->timeout_ms);
    if (config->sentinels.count > 0) {
        result = ask_sentinels(r, config, master);
        config->host = master->host;
        config->port = master->port;
    }
    return result == REDIS_SYNC_OK ? connect_any(r, config) : result;
}

enum redis_sync_result redis_sync_open(const struct redis_config *config, struct redis_sync **ret,
                                       char *error, size_t size)
{
    struct redis_sync *r = mem_zalloc(sizeof(*r));
    struct redis_config target = *config;
    struct redis_endpoint master;
    r->timeout_ms = config->timeout_ms;
    enum redis_sync_result result = reach(r, &target, &master);
    if (result == REDIS_SYNC_OK)
        result = greet(r, config);
    if (result == REDIS_SYNC_OK) {
        *ret = r;
        return result;
    }
    char where[300];
    redis_config_describe(config, where);
    snprintf(error, size, "Redis at %s: %s", where, r->error);
    redis_sync_close(r);
    return result;
}

void redis_sync_close(struct redis_sync *r)
{
    if (!r)
        return;
    if (r->context)
        redisFree(r->context);
    bytes_finish(&r->unsent);
    free(r);
}

const char *redis_sync_run_id(const struct redis_sync *r)
{
    return r->greeting.run_id;
}

void redis_sync_send(struct redis_sync *r, struct span command)
{
    bytes_append_span(&r->unsent, command);
}

static int poll_time(const struct redis_sync *r, int64_t deadline_ms)
{
    int64_t left_ms = deadline_ms - clock_mono_ms();
    if (r->timeout_ms < 0)
        return -1;
    return left_ms <= 0 ? 0 : left_ms > INT_MAX ? INT_MAX : (int)left_ms;
}

/* Not by hiredis, whose write(2) ends a process that has not ignored SIGPIPE. */
static int send_queued(struct redis_sync *r)
{
    if (!r->unsent.len)
        return 0;
    ssize_t n = send(r->context->fd, r->unsent.data, r->unsent.len, MSG_NOSIGNAL);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    bytes_consume(&r->unsent, (size_t)n);
    return 0;
}

/* Sends what is queued, and reads once something came. */
static enum redis_sync_result move_bytes(struct redis_sync *r, int64_t deadline_ms)
{
    redisContext *c = r->context;
    if (send_queued(r) < 0)
        return fail(r, REDIS_SYNC_UNREACHABLE, strerror(errno));
    struct pollfd wanted = {.fd = c->fd, .events = (short)(POLLIN | (r->unsent.len ? POLLOUT : 0))};
    int n = poll(&wanted, 1, poll_time(r, deadline_ms));
    if (n == 0)
        return fail(r, REDIS_SYNC_TIMEOUT, "no answer in time");
    if (n < 0)
        return errno == EINTR ? REDIS_SYNC_OK : fail(r, REDIS_SYNC_UNREACHABLE, strerror(errno));
    if (wanted.revents & ~POLLOUT && redisBufferRead(c) != REDIS_OK)
        return fail_by_context(r);
    return REDIS_SYNC_OK;
}

static enum redis_sync_result read_reply(struct redis_sync *r, int64_t deadline_ms, struct redisReply **ret)
{
    for (;;) {
        void *reply = NULL;
        if (redisGetReplyFromReader(r->context, &reply) != REDIS_OK)
            return fail_by_context(r);
        if (reply) {
            *ret = reply;
            return REDIS_SYNC_OK;
        }
        enum redis_sync_result result = move_bytes(r, deadline_ms);
        if (result != REDIS_SYNC_OK)
            return result;
    }
}

enum redis_sync_result redis_sync_reply(struct redis_sync *r, struct redisReply **ret)
{
    return read_reply(r, clock_mono_ms() + r->timeout_ms, ret);
}

enum redis_sync_result redis_sync_replies(struct redis_sync *r, struct arena *arena, struct redisReply **ret,
                                          size_t count)
{
    int64_t deadline_ms = clock_mono_ms() + r->timeout_ms;
    struct redis_replies before = redis_replies_begin(r->context, arena);
    for (size_t i = 0; i < count; i++) {
        enum redis_sync_result result = read_reply(r, deadline_ms, &ret[i]);
        if (result != REDIS_SYNC_OK)
            return result;
    }
    redis_replies_end(&before);
    return REDIS_SYNC_OK;
}

void redis_sync_set_timeout(struct redis_sync *r, int64_t timeout_ms)
{
    r->timeout_ms = timeout_ms;
}

const char *redis_sync_error(const struct redis_sync *r)
{
    return r->error;
}
