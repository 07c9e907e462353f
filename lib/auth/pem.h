/* SPDX-License-Identifier: MIT */
/* Public keys from PEM text (RFC 7468): any number of PUBLIC KEY, RSA PUBLIC KEY and CERTIFICATE blocks. Text
 * between the blocks is skipped. */
#ifndef AUTH_PEM_H
#define AUTH_PEM_H

#include "auth/public_key.h"

/* Adds the keys, without kid: 0, or -1 and a static phrase in *ret_problem; some keys may have been added
 * then. A private key or a block of any other kind is refused. */
int pem_keys_read(struct span text, struct public_keys *keys, const char **ret_problem);
/* Likewise, all with this kid. */
int pem_named_keys_read(struct span text, struct span kid, struct public_keys *keys,
                        const char **ret_problem);

#endif
