/* SPDX-License-Identifier: MIT */
/* Public keys as people and providers hand them out: PEM text (pem.h), or JSON (jwks.h). */
#ifndef AUTH_KEY_TEXT_H
#define AUTH_KEY_TEXT_H

#include "auth/public_key.h"

#define KEY_TEXT_MAX 262144 /* bytes of a file, or of an answer */

/* Adds the keys: 0, or -1 and a static phrase in *ret_problem that goes on after the name of a setting ("has
 * no key …"); some keys may have been added then. A byte order mark at the front is passed over. */
int key_text_read(struct span text, struct public_keys *keys, const char **ret_problem);

#endif
