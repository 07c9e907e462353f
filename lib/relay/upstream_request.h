/* SPDX-License-Identifier: MIT */
/* The opening handshake that an upstream is asked for a client, and a refusal on its way back. Pure. */
#ifndef RELAY_UPSTREAM_REQUEST_H
#define RELAY_UPSTREAM_REQUEST_H

#include "http/gate.h"
#include "http/handshake.h"

/* The client's own request: its target, and all its headers but those of its hop (RFC 9110, 7.6.1) and its
 * extensions. via: the address that the request came from, appended to X-Forwarded-For, and to Forwarded where
 * that is there; "unix" is none. */
void upstream_request_write(const struct gate_head *head, const char *via, struct bytes *out);

#define UPSTREAM_REFUSAL_MAX 16384 /* bytes of a body that are passed on */

/* Whether the body behind the head is complete, as far as it says how long it is. ended: nothing follows. */
bool upstream_refusal_complete(const struct handshake_answer *answer, struct span body, bool ended);
/* The upstream's refusal as a whole answer that ends its connection: status, reason, headers but those of its
 * hop, and the body, up to UPSTREAM_REFUSAL_MAX. */
void upstream_refusal_write(const struct handshake_answer *answer, struct span body, struct bytes *out);

#endif
