/* A scanner for the first elements of a JSON array, for those who need the head of a text and not all of it
 * (RFC 8259). Borrows the text, allocates nothing, decodes no string. */
#ifndef WIRE_SCAN_H
#define WIRE_SCAN_H

#include "base/bytes.h"

struct scan {
    const char *at, *end;
};

enum scan_result {
    SCAN_OK = 0,
    SCAN_SHORT = -1, /* the text ends before it says */
    SCAN_BAD = -2,
};

void scan_init(struct scan *s, struct span text);
/* One of the characters [ ] { } , : behind optional white space. */
enum scan_result scan_char(struct scan *s, char expected);
/* An integer of at most 18 digits, without fraction or exponent. A text that ends behind a digit is
 * SCAN_SHORT. */
enum scan_result scan_int(struct scan *s, int64_t *ret);
/* A string as it stands between its quotes, escapes not resolved. */
enum scan_result scan_string(struct scan *s, struct span *ret);

#endif
