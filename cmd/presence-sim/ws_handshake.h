/* SPDX-License-Identifier: MIT */
/* The opening handshake of RFC 6455, 4, from the client's side: where to, and what is asked. Pure, but for
 * ws_target_parse, which resolves names (it blocks; call it before the loop runs). */
#ifndef SIM_WS_HANDSHAKE_H
#define SIM_WS_HANDSHAKE_H

#include "base/bytes.h"

#include <sys/socket.h>

struct ws_target {
    struct sockaddr_storage addr;
    socklen_t addr_len;
    char host[264]; /* the Host header */
    char path[512]; /* with the query, if the URL has one */
};

/* `ws://host[:port][/path]` (port 80 without), `host:port`, or `unix:/path/of/socket`. 0, or -1 with a
 * sentence in error: wss:// is refused, naming the way out. */
int ws_target_parse(const char *url, struct ws_target *ret, char *error, size_t size);

struct ws_request {
    const char *token, *device; /* headers `token` and `device_id`; NULL: not sent */
    const char *protocols;      /* Sec-WebSocket-Protocol, "a, b"; NULL: not sent */
    const char *query;          /* appended to the path, encoded; NULL: none */
    const char *origin;         /* NULL: not sent, as phones do */
};

#define WS_KEY_LEN 24

/* `key`: the base64 of 16 random bytes, with its NUL. */
void ws_request_write(const struct ws_target *target, const struct ws_request *request,
                      const char key[WS_KEY_LEN + 1], struct bytes *out);

#endif
