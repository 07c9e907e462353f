/* SPDX-License-Identifier: MIT */
/* Base64 in the forms that tokens, headers and people use. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/bytes.h"

/* base64url without padding (RFC 4648, 5). Both append. Decode: 0, or -1 for a wrong
 * character, length or non-zero spare bits; out is as before then. */
int base64url_decode(struct span text, struct bytes *out);
void base64url_encode(struct span data, struct bytes *out);
/* Standard base64 with padding, for Sec-WebSocket-Accept. */
void base64_encode(struct span data, struct bytes *out);
/* Base64 as people and tools write it: either alphabet (not both), with padding or without, blanks and line
 * ends anywhere. Appends: 0, or -1 as base64url_decode. */
int base64_decode(struct span text, struct bytes *out);

#endif
