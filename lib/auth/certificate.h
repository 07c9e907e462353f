/* SPDX-License-Identifier: MIT */
/* Public keys out of X.509 certificates (RFC 5280). What a certificate says beyond its key proves nothing
 * here: who may sign is whoever's key the operator names, so issuer, signature and usage are not looked at.
 * One whose validity is over still serves, since a token's signature has its own times, and is counted. */
#ifndef AUTH_CERTIFICATE_H
#define AUTH_CERTIFICATE_H

#include "auth/public_key.h"

/* Adds the key of a certificate in DER as public_keys_add does: 0, or -1 and a static phrase in *ret_problem.
 * Counts it in keys->outdated when it is not valid now. */
int certificate_add(struct public_keys *keys, struct span der, struct span kid, const char **ret_problem);

#endif
