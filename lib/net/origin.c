#include "net/origin.h"

#include <string.h>

struct parts {
    struct span scheme, host, port; /* an IPv6 host keeps its brackets */
};

/* "name:port", "[::1]:port" or without a port. */
static void split_port(struct span authority, struct span *host, struct span *port)
{
    *host = authority;
    *port = SPAN_NONE;
    for (size_t i = authority.len; i > 0 && authority.data[i - 1] != ']'; i--) {
        if (authority.data[i - 1] != ':')
            continue;
        *host = (struct span){authority.data, i - 1};
        *port = (struct span){authority.data + i, authority.len - i};
        return;
    }
}

static int split_origin(struct span origin, struct parts *ret)
{
    const char *mark = origin.len ? memmem(origin.data, origin.len, "://", 3) : NULL;

    if (!mark || mark == origin.data)
        return -1;
    ret->scheme = (struct span){origin.data, (size_t)(mark - origin.data)};
    split_port((struct span){mark + 3, origin.len - ret->scheme.len - 3}, &ret->host, &ret->port);
    if (ret->host.len == 0 || memchr(ret->host.data, '/', ret->host.len) ||
        memchr(ret->host.data, '@', ret->host.len))
        return -1;
    return 0;
}

static bool same_name(struct span origin, struct span host)
{
    struct parts parts;
    struct span name, port;

    if (split_origin(origin, &parts))
        return false;
    split_port(host, &name, &port);
    return name.len > 0 && span_equal_nocase(parts.host, name);
}

/* "*.example.org" stands for every name below example.org, not for itself. */
static bool host_matches(struct span pattern, struct span host)
{
    struct span tail = {pattern.data + 1, pattern.len - 1};

    if (pattern.len < 3 || memcmp(pattern.data, "*.", 2) != 0)
        return span_equal_nocase(pattern, host);
    if (host.len <= tail.len)
        return false;
    return span_equal_nocase(tail, (struct span){host.data + host.len - tail.len, tail.len});
}

static bool entry_matches(struct span entry, struct span origin)
{
    struct parts pattern, parts;

    if (span_equal(entry, SPAN("*")))
        return true;
    if (span_equal(entry, SPAN("null")))
        return span_equal(origin, entry);
    if (entry.len > 0 && entry.data[entry.len - 1] == '/')
        entry.len--;
    if (split_origin(entry, &pattern) || split_origin(origin, &parts))
        return false;
    return span_equal_nocase(pattern.scheme, parts.scheme) && span_equal(pattern.port, parts.port) &&
           host_matches(pattern.host, parts.host);
}

bool origin_allowed(const char *allowed, struct span origin, struct span host)
{
    struct span rest = span_of(allowed);

    if (origin.len == 0)
        return true;
    if (span_trim(rest).len == 0)
        return same_name(origin, host);
    while (rest.len > 0)
        if (entry_matches(span_trim(span_split(&rest, ',')), origin))
            return true;
    return false;
}
