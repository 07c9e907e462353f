/* SPDX-License-Identifier: MIT */
/* The PROXY protocol, versions 1 and 2: the header in which a proxy says whom a connection comes from, before
 * the connection's own first byte. Pure. */
#ifndef HTTP_PROXY_PROTOCOL_H
#define HTTP_PROXY_PROTOCOL_H

#include "net/address.h"

#define PROXY_HEADER_MAX    4096 /* bytes of a header of version 2 with all that stands behind the addresses */
#define PROXY_HEADER_V1_MAX 107

struct proxy_header {
    size_t length; /* what stands behind it is the connection's own */
    /* "unix" for a unix socket. Empty: the connection comes from the proxy itself, as its health checks do
     * (LOCAL, UNKNOWN), or from somebody it can't name: the address of the socket stands. */
    char client[ADDRESS_SIZE];
};

/* 1: *ret is filled; 0: more bytes are needed, and all these belong to the header; -1: no header, or one that
 * breaks the specification or PROXY_HEADER_MAX. What a header of version 2 says beyond the addresses is
 * skipped, its checksum with it. */
int proxy_header_read(struct span data, struct proxy_header *ret);

#endif
