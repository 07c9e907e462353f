/* SPDX-License-Identifier: MIT */
/* Text from outside shown to a person: nothing in it can move a terminal's cursor, change its colours or pass
 * for something else. */
#ifndef BASE_PRINTABLE_H
#define BASE_PRINTABLE_H

#include "base/bytes.h"

/* Appends the text; control characters and bytes that are no UTF-8 stand as \xNN, direction marks and other
 * characters that deceive as \u{202e}. */
void printable_append(struct bytes *out, struct span text);
/* Columns on a terminal, of text that printable_append made. Wide characters count as two where the process's
 * locale knows them (setlocale). */
size_t printable_width(struct span text);
/* "250 ms", "3 s", "2 min 5 s", "1 h 3 min", "2 d 4 h": rounded down, and the sign is dropped. */
void printable_duration(struct bytes *out, int64_t ms);

#endif
