/* SPDX-License-Identifier: MIT */
/* Connections of ours to others: the addresses behind a host, and sockets that connect. */
#ifndef NET_DIAL_H
#define NET_DIAL_H

#include <stdbool.h>
#include <stddef.h>

struct addrinfo;

#define DIAL_ADDRESSES_MAX 8
#define DIAL_ADDRESS_SIZE  64

/* As text, in the resolver's order, in which all are tried. */
struct dial_addresses {
    size_t count;
    char ip[DIAL_ADDRESSES_MAX][DIAL_ADDRESS_SIZE];
};

/* What needs no resolver: an address, and "localhost", which is ::1 and 127.0.0.1 (RFC 6761, 6.3). */
bool dial_addresses_known(const char *host, struct dial_addresses *ret);
/* The first eight of a resolver's answer. */
void dial_addresses_take(const struct addrinfo *list, struct dial_addresses *ret);

/* A socket that does not block and is being connected, the caller's; -1 with errno. One of TCP waits for no
 * more bytes before it sends, and notices after 30 s that its peer is dead. */
int dial_tcp(const char *ip, int port);
int dial_unix(const char *path);

#endif
