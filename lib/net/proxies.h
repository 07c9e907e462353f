/* Proxies whose word on who the client is is taken (PRESENCE_TRUSTED_PROXIES, X-Forwarded-For). Pure. */
#ifndef NET_PROXIES_H
#define NET_PROXIES_H

#include "base/bytes.h"

#include <stdbool.h>

/* A list separated by commas: addresses, networks as 10.0.0.0/8 or fd00::/8, and "unix" for unix sockets. 0,
 * or -1 with the first word that is none of these. NULL or "": nobody is trusted. */
int proxies_check(const char *list, struct span *ret_wrong);
bool proxies_trust(const char *list, struct span address);
/* The client's address: that of the connection, and while it is a trusted proxy's the one that it was told,
 * from the last of the headers' values backwards. What is no address ends the search: the one before it
 * stands. Borrows from peer or the values. */
struct span proxies_client(const char *list, struct span peer, const struct span *forwarded, size_t count);

#endif
