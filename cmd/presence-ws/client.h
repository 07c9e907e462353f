/* A connection as client.c and inbox.c see it; everybody else has it as a pointer (server.h). */
#ifndef PRESENCE_WS_CLIENT_H
#define PRESENCE_WS_CLIENT_H

#include "presence/rate.h"
#include "server.h"

struct client {
    struct list link; /* in server.clients */
    struct wheel_timer timer;
    struct server *server;
    struct websocket *ws;
    struct session *session; /* of a phone, while it may end by this connection */
    struct watcher *watcher;
    struct bytes *part; /* a message that arrives in pieces; NULL: none */
    char *token_id;     /* NULL: it has none */
    int64_t heard_ms;
    int64_t ponged_ms;  /* the last pong, or the beginning */
    int64_t pinged_ms;  /* a ping waits for its answer since; 0: none */
    int64_t expires_ms; /* of the token; 0: never */
    int64_t release_ms; /* a kept beat goes then; 0: none */
    struct rate rate;
    uint32_t issued_s; /* of the token; 0: not said */
    uint8_t role, encoding;
    bool speaks_v1;
    bool closing;
    bool skipping; /* the rest of this message is none of ours */
};

static inline enum encoding client_encoding(const struct client *c)
{
    return (enum encoding)c->encoding;
}

/* Whether its pongs count as heartbeats (PRESENCE_REFRESH_ON_PONG). */
bool client_beats_by_pong(const struct client *c);
/* A sign of life that counts. */
void client_beat(struct client *c, struct span metadata);

/* inbox.c: websocket_hooks.received, and what is left of a message in pieces. */
void inbox_received(void *owner, struct span piece, bool first, bool final, uint64_t remaining, bool binary);
void inbox_drop(struct client *c);

#endif
