#include "wire/cursor.h"
#include "wire/message.h"
#include "wire/scan.h"

#define HEAD_MAX                                                                                             \
    64 /* a well-formed head is 23 bytes at most as MessagePack; JSON may add spaces up to here */

static enum cursor_result peek_msgpack(struct span head, int64_t *ret_type)
{
    struct cursor c;
    struct cursor_value array, channel, type;
    enum cursor_result result;

    cursor_init(&c, head, 3);
    if ((result = cursor_next(&c, &array)) != CURSOR_OK)
        return result;
    if (array.kind != CURSOR_ARRAY || array.count < 5 || array.count > 6)
        return CURSOR_BAD;
    if ((result = cursor_next(&c, &channel)) != CURSOR_OK)
        return result;
    if (channel.kind != CURSOR_INT)
        return CURSOR_BAD;
    if ((result = cursor_next(&c, &type)) != CURSOR_OK)
        return result;
    if (type.kind != CURSOR_INT)
        return CURSOR_BAD;
    *ret_type = type.number;
    return CURSOR_OK;
}

static enum scan_result peek_json(struct span head, int64_t *ret_type)
{
    struct scan s;
    int64_t channel, type;
    enum scan_result result;

    scan_init(&s, head);
    if ((result = scan_char(&s, '[')) != SCAN_OK || (result = scan_int(&s, &channel)) != SCAN_OK ||
        (result = scan_char(&s, ',')) != SCAN_OK || (result = scan_int(&s, &type)) != SCAN_OK ||
        (result = scan_char(&s, ',')) != SCAN_OK)
        return result;
    *ret_type = type;
    return SCAN_OK;
}

enum message_result message_peek(enum encoding encoding, struct span head, int64_t *ret_type)
{
    bool is_short, is_ok;

    if (encoding == ENCODING_JSON) {
        enum scan_result result = peek_json(head, ret_type);

        is_ok = result == SCAN_OK;
        is_short = result == SCAN_SHORT;
    } else {
        enum cursor_result result = peek_msgpack(head, ret_type);

        is_ok = result == CURSOR_OK;
        is_short = result == CURSOR_SHORT;
    }
    if (is_ok)
        return MESSAGE_OK;
    return is_short && head.len < HEAD_MAX ? MESSAGE_MORE : MESSAGE_MALFORMED;
}
