/* SPDX-License-Identifier: MIT */
#include "http/proxies.h"

#include "http/forwarded.h"

#include <stdio.h>
#include <string.h>

struct network {
    unsigned char address[ADDRESS_BYTES];
    int bits;
};

static int read_network(struct span text, struct network *ret)
{
    bool whole = text.len == 0 || !memchr(text.data, '/', text.len);
    struct span address = span_split(&text, '/');
    uint64_t bits;
    if (address_parse(address, ret->address) < 0 || memchr(address.data, '%', address.len))
        return -1;
    int width = memchr(address.data, ':', address.len) ? 128 : 32;
    ret->bits = 128;
    if (whole)
        return 0;
    if (span_to_u64(text, (uint64_t)width, &bits) < 0)
        return -1;
    ret->bits = 128 - width + (int)bits;
    return 0;
}

static bool contains(const struct network *n, const unsigned char address[ADDRESS_BYTES])
{
    int whole = n->bits / 8, rest = n->bits % 8;
    if (memcmp(n->address, address, (size_t)whole) != 0)
        return false;
    return rest == 0 || (n->address[whole] ^ address[whole]) >> (8 - rest) == 0;
}

int proxies_check(const char *list, struct span *ret_wrong)
{
    struct span rest = span_of(list);
    struct network network;
    while (rest.len > 0) {
        *ret_wrong = span_trim(span_split(&rest, ','));
        if (!span_equal(*ret_wrong, SPAN("unix")) && read_network(*ret_wrong, &network) < 0)
            return -1;
    }
    return 0;
}

int proxies_check_settings(const char *list, bool proxy_protocol, struct settings_error *error)
{
    struct span wrong;
    if (proxies_check(list, &wrong) < 0)
        snprintf(error->text, sizeof(error->text),
                 "PRESENCE_TRUSTED_PROXIES: '%.*s' is no address, no network as 10.0.0.0/8, and not unix",
                 wrong.len < 60 ? (int)wrong.len : 60, wrong.data);
    else if (proxy_protocol && !list)
        snprintf(error->text, sizeof(error->text),
                 "PRESENCE_PROXY_PROTOCOL: PRESENCE_TRUSTED_PROXIES must name the proxies that speak it");
    else
        return 0;
    return -1;
}

bool proxies_trust(const char *list, struct span address)
{
    struct span rest = span_of(list);
    unsigned char binary[ADDRESS_BYTES];
    bool is_unix = span_equal(address, SPAN("unix"));
    if (rest.len == 0 || (!is_unix && address_parse(address, binary) < 0))
        return false;
    while (rest.len > 0) {
        struct span word = span_trim(span_split(&rest, ','));
        struct network network;
        if (span_equal(word, SPAN("unix"))
                ? is_unix
                : !is_unix && read_network(word, &network) == 0 && contains(&network, binary))
            return true;
    }
    return false;
}

/* The nodes that were named, from the last one backwards, up to the first that is no address. */
struct hops {
    char at[PROXIES_HOPS_MAX][ADDRESS_SIZE];
    size_t count;
};

/* 0: go on with the node before. */
static int add_hop(struct hops *hops, struct span node)
{
    if (hops->count == PROXIES_HOPS_MAX || address_of_node(node, hops->at[hops->count]) < 0)
        return -1;
    hops->count++;
    return 0;
}

static void read_x_forwarded_for(const struct proxies_values *values, struct hops *hops)
{
    for (size_t i = values->count; i > 0; i--) {
        struct span list = values->at[i - 1], item;
        bool more = true;
        while (more) {
            more = forwarded_take_last(&list, &item);
            if (add_hop(hops, item) < 0)
                return;
        }
    }
}

/* A quoted value can hold commas, so that a Forwarded is read from its front; of its nodes the last ones are
 * kept. A malformed one names nobody: where it is broken can't be told from what a proxy has added. 0, or -1.
 */
static int read_forwarded(struct span text, struct span nodes[PROXIES_HOPS_MAX], size_t *ret_count)
{
    size_t count = 0;
    int more = 1;
    while (more > 0) {
        more = forwarded_take_first(&text, &nodes[count % PROXIES_HOPS_MAX]);
        count++;
    }
    *ret_count = count;
    return more;
}

static void read_all_forwarded(const struct proxies_values *values, struct hops *hops)
{
    struct span nodes[PROXIES_HOPS_MAX];
    char node[2 * ADDRESS_SIZE];
    size_t count;
    for (size_t i = values->count; i > 0; i--) {
        if (read_forwarded(values->at[i - 1], nodes, &count) < 0)
            return;
        for (; count > 0 && hops->count < PROXIES_HOPS_MAX; count--)
            if (forwarded_unescape(nodes[(count - 1) % PROXIES_HOPS_MAX], node, sizeof(node)) < 0 ||
                add_hop(hops, span_of(node)) < 0)
                return;
    }
}

/* From the connection's own address over those that trusted proxies name. */
static const char *follow(const char *list, const char *peer, const struct hops *hops)
{
    const char *client = peer;
    for (size_t i = 0; i < hops->count && proxies_trust(list, span_of(client)); i++)
        client = hops->at[i];
    return client;
}

int proxies_client(const char *list, struct span peer, const struct proxies_values *x_forwarded_for,
                   const struct proxies_values *forwarded, char out[ADDRESS_SIZE])
{
    struct hops by_list = {.count = 0}, by_elements = {.count = 0};
    const char *client;
    if (span_copy(peer, out, ADDRESS_SIZE) < 0)
        out[0] = '\0';
    if (!proxies_trust(list, peer))
        return 0;
    read_x_forwarded_for(x_forwarded_for, &by_list);
    read_all_forwarded(forwarded, &by_elements);
    client = follow(list, out, x_forwarded_for->count > 0 ? &by_list : &by_elements);
    if (x_forwarded_for->count > 0 && forwarded->count > 0 &&
        strcmp(client, follow(list, out, &by_elements)) != 0)
        return -1;
    memmove(out, client, strlen(client) + 1);
    return 0;
}

static const char *const header_names[] = {
    "Forwarded", /* RFC 7239 */
    "Via",       /* RFC 9110, 7.6.3 */
    "CDN-Loop",  /* RFC 8586 */
    "X-Real-IP",
    "X-Client-IP",
    "X-Cluster-Client-IP",
    "X-Original-Forwarded-For",
    "X-Original-Host",
    "X-ProxyUser-Ip",
    "Client-IP",
    "True-Client-IP",
    "Proxy-Client-IP",
    "WL-Proxy-Client-IP",
    "CF-Connecting-IP",
    "CF-Connecting-IPv6",
    "CF-Ray",
    "CF-Visitor",
    "Fastly-Client-IP",
    "Fly-Client-IP",
    "X-Amzn-Trace-Id",
    "X-Appengine-User-Ip",
    "X-ARR-LOG-ID",
    "X-Azure-ClientIP",
    "X-Azure-SocketIP",
    "X-Envoy-External-Address",
    "X-Envoy-Original-Path",
};

/* X-Forwarded-For, -Host, -Proto, -Port, -Server, -Prefix, and whatever comes next. */
static const struct span family = SPAN("X-Forwarded-");

bool proxies_header(struct span name)
{
    if (name.len > family.len && span_equal_nocase((struct span){name.data, family.len}, family))
        return true;
    for (size_t i = 0; i < sizeof(header_names) / sizeof(header_names[0]); i++)
        if (span_equal_nocase(name, span_of(header_names[i])))
            return true;
    return false;
}
