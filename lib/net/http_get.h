/* One GET of a daemon's /metrics or /readyz, blocking; for presence-ctl.
 *
 * Speaks what our daemons speak: HTTP/1.1, one answer on a connection, its length said or ended by the close.
 * No redirects, no TLS, no chunks. Never blocks longer than timeout_ms in all. */
#ifndef NET_HTTP_GET_H
#define NET_HTTP_GET_H

#include "base/bytes.h"

#define HTTP_GET_BODY_MAX (1 << 20)

/* `address` as daemons name themselves: "127.0.0.1:3000", "[::1]:3000", "unix:/run/x.sock", or a host's name.
 * An address that means all of a machine's is taken as this machine's. 0 with the status, and the body in the
 * empty `ret_body`; -1 with a sentence in error that names the address. */
int http_get(const char *address, const char *path, int64_t timeout_ms, int *ret_status,
             struct bytes *ret_body, char *error, size_t size);

/* The pure part: whether `text` is a whole answer. 1 with *ret_status and *ret_body set (a view into it), 0
 * when more must come, -1 when it is none. `ended`: nothing more comes. */
int http_get_parse(struct span text, bool ended, int *ret_status, struct span *ret_body);

#endif
