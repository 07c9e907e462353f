/* SPDX-License-Identifier: MIT */
/* Proxies whose word on who the client is is taken (PRESENCE_TRUSTED_PROXIES): what X-Forwarded-For and
 * Forwarded (RFC 7239) say. Pure. */
#ifndef HTTP_PROXIES_H
#define HTTP_PROXIES_H

#include "base/settings.h"
#include "net/address.h"

#define PROXIES_HOPS_MAX 32 /* nodes that are looked at, from the last one backwards */

/* A list separated by commas: addresses, networks as 10.0.0.0/8 or fd00::/8, and "unix" for unix sockets. 0,
 * or -1 with the first word that is none of these. NULL or "": nobody is trusted. */
int proxies_check(const char *list, struct span *ret_wrong);
bool proxies_trust(const char *list, struct span address);
/* The two settings as they stand: 0, or -1 with what is wrong with them. */
int proxies_check_settings(const char *list, bool proxy_protocol, struct settings_error *error);

/* The values of all headers of a name, in the order in which they stand. */
struct proxies_values {
    const struct span *at;
    size_t count;
};

/* The client's address: that of the connection, and while it is a trusted proxy's the one that it was told,
 * from the last of the values backwards. What is no address ends the search (an empty item and a malformed
 * Forwarded, too): the one before it stands. Of a request with both headers, one may be the client's own,
 * which the proxy has only passed on: if they don't say the same, neither is believed, and -1 tells so; else
 * 0. */
int proxies_client(const char *list, struct span peer, const struct proxies_values *x_forwarded_for,
                   const struct proxies_values *forwarded, char out[ADDRESS_SIZE]);

/* Whether proxies, CDNs and tunnels alone send a header of that name (any case), so that the request came
 * through one. A client that lies may add one, too: they are a reason to trust less, never more. */
bool proxies_header(struct span name);

#endif
