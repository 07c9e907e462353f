/* SPDX-License-Identifier: MIT */
#include "redis/redis_sentinel.h"

#include "net/authority.h"
#include "redis/redis_config.h"
#include "redis/reply.h"
#include "redis/resp.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SHARE_MIN_MS 50
#define PORT_MAX     65535

static int read_port(struct span text, int64_t *ret)
{
    uint64_t port;
    if (span_to_u64(text, PORT_MAX, &port) < 0 || port == 0)
        return -1;
    *ret = (int64_t)port;
    return 0;
}

static int read_host(struct span text, struct redis_endpoint *ret)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.data[i] <= ' ' || strchr("/@\x7f", text.data[i]))
            return -1;
    return text.len == 0 ? -1 : span_copy(text, ret->host, sizeof(ret->host));
}

int redis_endpoint_parse(struct span item, int64_t default_port, struct redis_endpoint *ret)
{
    struct span host, port;
    if (authority_parse(item, &host, &port) < 0)
        return -1;
    ret->port = default_port;
    if (read_host(host, ret) < 0 || (port.data && read_port(port, &ret->port) < 0))
        return -1;
    return ret->port > 0 ? 0 : -1;
}

int redis_sentinels_parse(const char *text, struct redis_sentinels *ret)
{
    struct redis_sentinels list = {0};
    struct span rest = span_of(text);
    bool ends_in_comma = rest.len > 0 && rest.data[rest.len - 1] == ',';
    while (rest.len > 0)
        if (list.count == SENTINELS_MAX ||
            redis_endpoint_parse(span_trim(span_split(&rest, ',')), SENTINEL_PORT_DEFAULT,
                                 &list.at[list.count++]) < 0)
            return -1;
    if (list.count == 0 || ends_in_comma)
        return -1;
    *ret = list;
    return 0;
}

void redis_endpoint_describe(const struct redis_endpoint *e, char *out)
{
    const char *format = strchr(e->host, ':') ? "[%s]:%" PRId64 : "%s:%" PRId64;
    snprintf(out, REDIS_ENDPOINT_TEXT_SIZE, format, e->host, e->port);
}

bool redis_sentinel_ask(const struct redis_config *config, size_t number, struct bytes *out)
{
    bool locked = config->sentinel_password && *config->sentinel_password;
    if (locked && number == 0)
        resp_command(out, "AUTH", config->sentinel_password, NULL);
    else if (number == locked)
        resp_command(out, "SENTINEL", "get-master-addr-by-name", config->master, NULL);
    else
        return false;
    return true;
}

int redis_sentinel_read(const struct redisReply *reply, struct redis_endpoint *ret, const char **why)
{
    if (reply_is_error(reply)) {
        *why = "it refuses to answer (REDIS_SENTINEL_PASSWORD)";
        return -1;
    }
    if (reply_count(reply) != 2) {
        *why = "it knows no master of that name (REDIS_MASTER)";
        return -1;
    }
    if (read_host(reply_text(reply_at(reply, 0)), ret) < 0 ||
        read_port(reply_text(reply_at(reply, 1)), &ret->port) < 0) {
        *why = "it names no address";
        return -1;
    }
    return 0;
}

int64_t redis_sentinel_share_ms(const struct redis_config *config)
{
    int64_t share_ms = config->timeout_ms / (int64_t)config->sentinels.count;
    return share_ms < SHARE_MIN_MS ? SHARE_MIN_MS : share_ms;
}
