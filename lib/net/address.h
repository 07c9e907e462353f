/* SPDX-License-Identifier: MIT */
/* Addresses of clients and proxies, as text in one form, so that one client has one key: as inet_ntop writes
 * them, without a zone, and IPv4 within IPv6 (::ffff:192.0.2.1) as IPv4. Pure. */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include "base/bytes.h"

#define ADDRESS_SIZE  46 /* of the text, with its NUL */
#define ADDRESS_BYTES 16 /* IPv4 as IPv6 has it */

/* "192.0.2.1", "2001:db8::1", "fe80::1%eth0": 0, or -1. */
int address_parse(struct span text, unsigned char ret[ADDRESS_BYTES]);
void address_format(const unsigned char address[ADDRESS_BYTES], char out[ADDRESS_SIZE]);
/* Under what name quotas count an address: a host has the whole /64 of its IPv6 address, so "2001:db8::/64"
 * for all of these; else, and for what is no address ("unix"), itself. */
void address_quota_name(const char *address, char out[ADDRESS_SIZE]);

/* A client's address as listeners and proxies tell it: of this machine's own network, or "unix". */
bool address_is_local(const char *peer);

/* As headers name a node (RFC 7239, 6, and what is seen in X-Forwarded-For): an address; one with a port, as
 * 192.0.2.1:80 or [2001:db8::1]:80, where the port may be obfuscated (_name); [2001:db8::1]; or "unix:", as
 * nginx says of a unix socket, which becomes "unix". 0; -1 for all else, as "unknown" and "_hidden". */
int address_of_node(struct span node, char out[ADDRESS_SIZE]);

#endif
