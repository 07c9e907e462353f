/* SPDX-License-Identifier: MIT */
/* The addresses behind REDIS_HOST, as text: all are tried, in the resolver's order. */
#ifndef REDIS_REDIS_ADDRESS_H
#define REDIS_REDIS_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

struct addrinfo;

#define REDIS_ADDRESSES_MAX 8
#define REDIS_ADDRESS_SIZE  64

struct redis_addresses {
    size_t count;
    char ip[REDIS_ADDRESSES_MAX][REDIS_ADDRESS_SIZE];
};

/* What needs no resolver: an address, and "localhost", which is ::1 and 127.0.0.1 (RFC 6761, 6.3). */
bool redis_addresses_known(const char *host, struct redis_addresses *ret);
/* The first eight of a resolver's answer. */
void redis_addresses_take(const struct addrinfo *list, struct redis_addresses *ret);

#endif
