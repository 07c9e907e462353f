/* SPDX-License-Identifier: MIT */
/* "host" or "host:port", as Host headers and URLs have it. Pure. */
#ifndef NET_AUTHORITY_H
#define NET_AUTHORITY_H

#include "base/bytes.h"

/* "name:port", "[::1]:port" or without a port; an IPv6 host keeps its brackets. Whether a colon stands there,
 * with or without digits behind it. */
bool authority_split(struct span authority, struct span *host, struct span *port);
/* The same of what people write, with the host without its brackets: 0; -1 when they are not closed, something else
 * than a port is behind them, or an IPv6 address has none. Without a colon *port is SPAN_NONE. */
int authority_parse(struct span authority, struct span *host, struct span *port);
/* "[::1]": 0, or -1. */
int authority_ipv6(struct span host, unsigned char ret[16]);
/* An IPv4 address, or an IPv6 address in brackets. */
bool authority_is_address(struct span host);
/* Names without regard to case, IPv6 addresses by value. */
bool authority_same_host(struct span a, struct span b);
/* Likewise; "*.name" stands for every name below it, not for itself. */
bool authority_host_matches(struct span pattern, struct span host);

#endif
