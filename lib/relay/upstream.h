/* SPDX-License-Identifier: MIT */
/* Upstreams: asking one of them for a client, with the client's own handshake, until it has agreed, refused,
 * or not answered in time. On the loop; hooks are called from there, never from within upstream_ask. */
#ifndef RELAY_UPSTREAM_H
#define RELAY_UPSTREAM_H

#include "net/loop.h"
#include "relay/upstream_list.h"

enum upstream_outcome {
    UPSTREAM_ACCEPTED,
    UPSTREAM_REFUSED,     /* it answered with another status than 101 */
    UPSTREAM_UNREACHABLE, /* no address of it takes a connection, or it ended one without an answer */
    UPSTREAM_LATE,        /* no whole answer came in time */
    UPSTREAM_INVALID,     /* it answered with something else than such an answer */
};

/* Spans are valid during the call only. */
struct upstream_answer {
    enum upstream_outcome outcome;
    const char *address;  /* of the upstream, as it is configured */
    int fd;               /* ACCEPTED: the callee's from now on; else -1 */
    struct span protocol; /* ACCEPTED: the subprotocol that it chose, or empty */
    struct span early;    /* ACCEPTED: bytes that came behind its answer */
    int status;           /* REFUSED: its status, */
    struct span refusal;  /* and a whole answer for the client */
    const char *why;      /* the other three, for the log */
};

struct upstreams;
struct upstream_call;

/* list: as PRESENCE_UPSTREAM has it, and upstream_list_parse has taken it. timeout_ms: from the question to the
 * whole answer. */
struct upstreams *upstreams_create(struct loop *loop, const char *list, int64_t timeout_ms);
/* After the last call was answered or cancelled. NULL is fine. */
void upstreams_destroy(struct upstreams *us);
/* The upstream of that user is sent `request` (upstream_request.h), whose Sec-WebSocket-Key is `key`. */
struct upstream_call *upstream_ask(struct upstreams *us, struct span user, struct span request,
                                   struct span key,
                                   void (*answered)(void *arg, const struct upstream_answer *answer),
                                   void *arg);
/* It is not answered any more. */
void upstream_cancel(struct upstream_call *call);

#endif
