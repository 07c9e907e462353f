/* SPDX-License-Identifier: MIT */
/* The grammar of the headers in which proxies name the nodes that a request came from. Pure. */
#ifndef HTTP_FORWARDED_H
#define HTTP_FORWARDED_H

#include "base/bytes.h"

/* X-Forwarded-For: takes the last item off a list, without blanks and quotes around it. True: more stand
 * before it. */
bool forwarded_take_last(struct span *list, struct span *ret_item);

/* Forwarded: reads one element off the text, and the comma behind it. 1: more follow, 0: it was the last; -1:
 * no element of RFC 7239, 4 (unquoted values may hold ':', '[' and ']', as many write them). *ret_node is the
 * value of `for`, SPAN_NONE without; of a quoted one what stands between the quotes. */
int forwarded_take_first(struct span *text, struct span *ret_node);
/* Without the backslashes of a quoted value: 0, or -1 when it does not fit. */
int forwarded_unescape(struct span quoted, char *out, size_t size);

#endif
