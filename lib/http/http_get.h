/* SPDX-License-Identifier: MIT */
/* One GET of a daemon's /metrics or /readyz, blocking; for presence-ctl. By libcurl: plain HTTP/1.1, no redirects, no
 * proxy, at most HTTP_GET_BODY_MAX bytes, and no longer than timeout_ms in all. */
#ifndef HTTP_HTTP_GET_H
#define HTTP_HTTP_GET_H

#include "base/bytes.h"

#define HTTP_GET_BODY_MAX (1 << 20)

/* `address` as daemons name themselves: "127.0.0.1:3000", "[::1]:3000", "unix:/run/x.sock", or a host's name. An
 * address that means all of a machine's is taken as this machine's. 0 with the status, and the body in the empty
 * `ret_body`; -1 with a sentence in error that names the address. */
int http_get(const char *address, const char *path, int64_t timeout_ms, int *ret_status,
             struct bytes *ret_body, char *error, size_t size);

#endif
