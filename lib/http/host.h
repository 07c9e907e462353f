/* SPDX-License-Identifier: MIT */
/* By which names a server that asks for no token answers (PRESENCE_ALLOWED_HOSTS). Pure.
 *
 * Against DNS rebinding: a page of evil.example whose name comes to mean 127.0.0.1 is of the same origin as
 * this server for its browser, which lets it read all answers. But the browser says that name as Host. An
 * address in it can't have been made to mean another one. */
#ifndef HTTP_HOST_H
#define HTTP_HOST_H

#include "base/bytes.h"

/* Whether a request with that Host is answered: localhost and every address, whatever its port; those of
 * `hosts`, entries "name", "name:port", likewise with "*." before the name, or "*" for all, separated by
 * commas; and the hosts of `origins` (origin.h). Either may be NULL. No Host (empty) is no browser's. */
bool host_allowed(const char *hosts, const char *origins, struct span host);

/* Whether each entry of `hosts` can match: 0; -1 with a sentence in error that names the first that can't. */
int host_check(const char *hosts, char *error, size_t size);
/* The same of both settings, PRESENCE_ALLOWED_ORIGINS and PRESENCE_ALLOWED_HOSTS: the sentence names the one. */
int host_check_settings(const char *origins, const char *hosts, char *error, size_t size);

#endif
