/* Which browsers may speak to us (contract section 2, PRESENCE_ALLOWED_ORIGINS). Pure. */
#ifndef NET_ORIGIN_H
#define NET_ORIGIN_H

#include "base/bytes.h"

/* `allowed`: NULL or "" for the default (the Host's own name, any port); "*" for all; else origins separated
 * by commas, as "https://example.org" (a port other than the scheme's own is part of it), with "*." before
 * the name for every name below it, or "null". No Origin (empty) is no browser: allowed. */
bool origin_allowed(const char *allowed, struct span origin, struct span host);

#endif
