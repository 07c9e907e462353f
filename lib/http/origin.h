/* SPDX-License-Identifier: MIT */
/* Which browsers may speak to us (PROTOCOL.md, PRESENCE_ALLOWED_ORIGINS). Pure. */
#ifndef HTTP_ORIGIN_H
#define HTTP_ORIGIN_H

#include "base/bytes.h"

/* `allowed`: NULL or "" for the default (the Host's own name and port); else entries separated by commas:
 *   "*"                      every origin
 *   "null"                   the origin of pages without one: from files, data: and sandboxed frames
 *   "scheme://host[:port]"   for http, https, ws and wss the scheme's own port is the same as none
 *   likewise with "*." before the host, for every name below it, not for itself
 *   "scheme://"              a scheme of a shell that names no host, as file://
 * Scheme and host are compared without regard to case, IPv6 addresses by value. No Origin (empty) is no
 * browser: allowed. `other_ports`: by the default pages on other ports of the Host's name may speak to us,
 * too: where a token is needed, which such a page has none of by itself. */
bool origin_allowed(const char *allowed, struct span origin, struct span host, bool other_ports);

/* Whether an entry of such a list is about pages of that host (a name or address without a port). */
bool origin_names_host(const char *allowed, struct span host);

/* Whether each entry of such a list can match what a browser sends: 0; -1 with a sentence in error that names
 * the first entry that can't, says why, and how it is written where that is plain. */
int origin_check(const char *allowed, char *error, size_t size);

#endif
