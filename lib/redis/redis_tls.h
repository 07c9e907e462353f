/* SPDX-License-Identifier: MIT */
/* TLS of one connection to Redis or a sentinel, without its socket: bytes of the socket in, bytes of Redis out,
 * and the other way (OpenSSL with memory BIOs). TLS 1.2 at least; the server's certificate and its name are
 * always verified. The files are read anew for each connection, so a renewed certificate needs no restart. */
#ifndef REDIS_REDIS_TLS_H
#define REDIS_REDIS_TLS_H

#include "base/bytes.h"

struct redis_config;
struct redis_tls;

/* What to set where the server speaks TLS and this side does not, and the other way. */
#define REDIS_TLS_ASKED_BY     "rediss:// in REDIS_URL, or REDIS_TLS=true"
#define REDIS_TLS_NOT_ASKED_BY "redis:// in REDIS_URL, and no REDIS_TLS"

/* `host`: whom the certificate must name unless config->tls_files.server_name says another: a name or an address.
 * NULL: one of the files can't be used, and `why` (of `size` bytes) says which and how. */
struct redis_tls *redis_tls_create(const struct redis_config *config, const char *host, char *why,
                                   size_t size);
/* NULL is fine. */
void redis_tls_destroy(struct redis_tls *t);
bool redis_tls_established(const struct redis_tls *t);
/* Bytes of the socket, SPAN_NONE to begin the handshake. What Redis said is appended to *plain, what must go
 * out to *out, also on failure (an alert). 0, or -1: redis_tls_error. */
int redis_tls_receive(struct redis_tls *t, struct span received, struct bytes *plain, struct bytes *out);
/* Once established: appends what must go out: 0, or -1. */
int redis_tls_send(struct redis_tls *t, struct span plain, struct bytes *out);
/* Why it failed, in words that name the setting to look at; never a secret. */
const char *redis_tls_error(const struct redis_tls *t);

#endif
