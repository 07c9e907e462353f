/* SPDX-License-Identifier: MIT */
#include "net/authority.h"

#include <arpa/inet.h>
#include <string.h>

bool authority_split(struct span authority, struct span *host, struct span *port)
{
    *host = authority;
    *port = SPAN_NONE;
    for (size_t i = authority.len; i > 0 && authority.data[i - 1] != ']'; i--) {
        if (authority.data[i - 1] != ':')
            continue;
        *host = (struct span){authority.data, i - 1};
        *port = (struct span){authority.data + i, authority.len - i};
        return true;
    }
    return false;
}

int authority_parse(struct span authority, struct span *host, struct span *port)
{
    authority_split(authority, host, port);
    if (host->len == 0 || host->data[0] != '[')
        return host->len > 0 && memchr(host->data, ':', host->len) ? -1 : 0;
    if (host->len < 2 || host->data[host->len - 1] != ']')
        return -1;
    *host = (struct span){host->data + 1, host->len - 2};
    return 0;
}

int authority_ipv6(struct span host, unsigned char ret[16])
{
    char text[INET6_ADDRSTRLEN];
    struct span inner = {host.data + 1, host.len - 2};
    if (host.len < 2 || host.data[0] != '[' || host.data[host.len - 1] != ']' ||
        span_copy(inner, text, sizeof(text)) < 0)
        return -1;
    return inet_pton(AF_INET6, text, ret) == 1 ? 0 : -1;
}

bool authority_is_address(struct span host)
{
    char text[INET_ADDRSTRLEN];
    unsigned char address[16];
    if (authority_ipv6(host, address) == 0)
        return true;
    return span_copy(host, text, sizeof(text)) == 0 && inet_pton(AF_INET, text, address) == 1;
}

bool authority_same_host(struct span a, struct span b)
{
    unsigned char x[16], y[16];
    if (span_equal_nocase(a, b))
        return true;
    return authority_ipv6(a, x) == 0 && authority_ipv6(b, y) == 0 && memcmp(x, y, sizeof(x)) == 0;
}

bool authority_host_matches(struct span pattern, struct span host)
{
    struct span tail = {pattern.data + 1, pattern.len - 1};
    if (pattern.len < 3 || memcmp(pattern.data, "*.", 2) != 0)
        return authority_same_host(pattern, host);
    if (host.len <= tail.len)
        return false;
    return span_equal_nocase(tail, (struct span){host.data + host.len - tail.len, tail.len});
}
