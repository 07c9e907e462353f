#include "wire/client_field.h"
#include "wire/scan.h"
#include "wire/shape.h"

#define SHAPE_ITEMS 6 /* the array and what stands before the payload */

static int peek_msgpack(struct span message, int64_t *ret_type, uint64_t *ret_message_id)
{
    struct cursor c;
    struct shape shape;
    struct client_message m = {0};

    cursor_init(&c, message, SHAPE_ITEMS);
    if (shape_msgpack(&c, &shape) < 0 || client_set_head(&m, shape.type, &shape.to, &shape.message_id) < 0)
        return -1;
    *ret_type = m.type;
    *ret_message_id = m.message_id;
    return 0;
}

/* fromId and toId: a number or a string. */
static enum scan_result skip_party(struct scan *s)
{
    const struct scan before = *s;
    int64_t number;
    struct span text;

    if (scan_int(s, &number) == SCAN_OK)
        return scan_char(s, ',');
    *s = before;
    return scan_string(s, &text) == SCAN_OK ? scan_char(s, ',') : SCAN_BAD;
}

static int peek_json(struct span message, int64_t *ret_type, uint64_t *ret_message_id)
{
    struct scan s;
    int64_t channel, type;
    struct span id;
    uint64_t number = 0;

    scan_init(&s, message);
    if (scan_char(&s, '[') != SCAN_OK || scan_int(&s, &channel) != SCAN_OK || scan_char(&s, ',') != SCAN_OK ||
        scan_int(&s, &type) != SCAN_OK || scan_char(&s, ',') != SCAN_OK || skip_party(&s) != SCAN_OK ||
        skip_party(&s) != SCAN_OK)
        return -1;
    if (scan_string(&s, &id) == SCAN_OK && span_to_u64(id, UINT64_MAX, &number) < 0)
        return -1;
    *ret_type = type;
    *ret_message_id = number;
    return 0;
}

enum message_result client_peek(enum encoding encoding, struct span message, int64_t *ret_type,
                                uint64_t *ret_message_id)
{
    int result = encoding == ENCODING_JSON ? peek_json(message, ret_type, ret_message_id)
                                           : peek_msgpack(message, ret_type, ret_message_id);

    return result < 0 ? MESSAGE_MALFORMED : MESSAGE_OK;
}
