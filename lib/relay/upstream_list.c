/* SPDX-License-Identifier: MIT */
#include "relay/upstream_list.h"

#include "base/mem.h"
#include "net/authority.h"

#include <stdio.h>
#include <stdlib.h>

static int refuse(char *error, size_t size, struct span item, const char *why)
{
    snprintf(error, size, "upstream '%.*s': %s", item.len < 200 ? (int)item.len : 200, item.data, why);
    return -1;
}

static int parse_tcp(struct span item, struct span authority, struct upstream_address *a, char *error,
                     size_t size)
{
    struct span host, port;
    uint64_t number = 80;
    if (authority.len > 0 && authority.data[authority.len - 1] == '/')
        authority.len--;
    for (size_t i = 0; i < authority.len; i++)
        if (authority.data[i] <= ' ' || authority.data[i] > '~' || memchr("/?#@", authority.data[i], 4))
            return refuse(
                error, size, item,
                "a host and a port are expected, and no path: the clients' own paths are asked for");
    if (authority_parse(authority, &host, &port) < 0 || host.len == 0 ||
        span_copy(host, a->host, sizeof(a->host)))
        return refuse(error, size, item, "a host is expected, as in ws://127.0.0.1:9000 or ws://[::1]:9000");
    if (port.len > 0 && (span_to_u64(port, 65535, &number) || number == 0))
        return refuse(error, size, item, "the port is a number from 1 to 65535");
    a->port = (int)number;
    return 0;
}

static int parse_item(struct span item, struct upstream_address *a, char *error, size_t size)
{
    if (span_copy(item, a->text, sizeof(a->text)))
        return refuse(error, size, item, "it is too long");
    if (item.len >= 5 && !memcmp(item.data, "unix:", 5)) {
        struct span path = {item.data + 5, item.len - 5};
        if (path.len == 0 || path.data[0] != '/' || span_copy(path, a->path, sizeof(a->path)))
            return refuse(error, size, item, "a unix socket's path begins with / and has at most 107 bytes");
        return 0;
    }
    if (item.len >= 6 && !memcmp(item.data, "wss://", 6))
        return refuse(
            error, size, item,
            "TLS is not spoken to upstreams; put stunnel or nginx before it and name that with ws://");
    if (item.len < 5 || memcmp(item.data, "ws://", 5) != 0)
        return refuse(error, size, item, "ws://host:port or unix:/path is expected");
    return parse_tcp(item, (struct span){item.data + 5, item.len - 5}, a, error, size);
}

int upstream_list_parse(const char *text, struct upstream_list *ret, char *error, size_t size)
{
    struct span rest = span_of(text);
    struct upstream_list list = {0};
    while (rest.len > 0) {
        struct span item = span_trim(span_split(&rest, ','));
        list.at = mem_realloc(list.at, (list.count + 1) * sizeof(*list.at));
        memset(&list.at[list.count], 0, sizeof(*list.at));
        int code = list.count == UPSTREAMS_MAX ? refuse(error, size, item, "64 upstreams are the most")
                                               : parse_item(item, &list.at[list.count], error, size);
        if (code < 0) {
            upstream_list_finish(&list);
            return -1;
        }
        list.count++;
    }
    *ret = list;
    return 0;
}

void upstream_list_finish(struct upstream_list *list)
{
    free(list->at);
    *list = (struct upstream_list){0};
}

/* FNV-1a, whose last bits are then mixed (splitmix64): the same number everywhere. */
static uint64_t hash(struct span text, uint64_t seed)
{
    uint64_t h = seed;
    for (size_t i = 0; i < text.len; i++)
        h = (h ^ (unsigned char)text.data[i]) * 0x100000001b3;
    h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9;
    h = (h ^ h >> 27) * 0x94d049bb133111eb;
    return h ^ h >> 31;
}

size_t upstream_list_choose(const struct upstream_list *list, struct span user)
{
    size_t best = 0;
    uint64_t highest = 0;
    for (size_t i = 0; i < list->count; i++) {
        uint64_t weight = hash(user, hash(span_of(list->at[i].text), 0xcbf29ce484222325));
        if (i == 0 || weight > highest) {
            highest = weight;
            best = i;
        }
    }
    return best;
}
