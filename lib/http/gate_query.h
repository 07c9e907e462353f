/* SPDX-License-Identifier: MIT */
/* What requests give by text: pairs of query strings (application/x-www-form-urlencoded), bearer tokens. Pure. */
#ifndef HTTP_GATE_QUERY_H
#define HTTP_GATE_QUERY_H

#include "base/bytes.h"

/* The first value of that name, decoded into scratch, which must have room for text.len more bytes. 0 found,
 * 1 not there
 * (*ret untouched), -1 a broken escape. */
int gate_query_get(struct span query, const char *name, struct bytes *scratch, struct span *ret);
/* Decodes %XX, and + as a space when `form`; scratch as above. 0, or -1 for a broken escape. */
int gate_percent_decode(struct span text, bool form, struct bytes *scratch, struct span *ret);
/* The token of an Authorization header, perhaps empty: whether its scheme is Bearer (RFC 6750, 2.1). */
bool gate_bearer(struct span header, struct span *ret);

#endif
