/* SPDX-License-Identifier: MIT */
/* Query strings: application/x-www-form-urlencoded pairs. Pure. */
#ifndef NET_GATE_QUERY_H
#define NET_GATE_QUERY_H

#include "base/bytes.h"

/* The first value of that name, decoded into scratch, which must have room for text.len more bytes. 0 found,
 * 1 not there
 * (*ret untouched), -1 a broken escape. */
int gate_query_get(struct span query, const char *name, struct bytes *scratch, struct span *ret);
/* Decodes %XX, and + as a space when `form`; scratch as above. 0, or -1 for a broken escape. */
int gate_percent_decode(struct span text, bool form, struct bytes *scratch, struct span *ret);

#endif
