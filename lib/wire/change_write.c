#include "wire/change_write.h"
#include "wire/jsonput.h"
#include "wire/put.h"

/* The literals and numbers below, with some air. */
#define FIXED_MAX 160

static char *put_status(char *at, bool online)
{
    return online ? PUT_TEXT(at, "\xa6status\xa6online") : PUT_TEXT(at, "\xa6status\xa7offline");
}

static void write_msgpack(const struct change *change, struct bytes *out)
{
    char *at = bytes_reserve(out, FIXED_MAX + change->user.len + change->device.len + change->reason.len);

    at = PUT_TEXT(at, "\x88\xa4type\xafpresence_update\xa6userId");
    at = put_str(at, change->user);
    at = put_status(at, change->online);
    at = PUT_TEXT(at, "\xa9timestamp");
    at = put_ms(at, change->timestamp_ms);
    at = PUT_TEXT(at, "\xa8lastSeen");
    at = put_ms(at, change->last_seen_ms);
    at = PUT_TEXT(at, "\xa8"
                      "deviceId");
    at = put_str_or_nil(at, change->device);
    at = PUT_TEXT(at, "\xa3rev");
    at = put_u64(at, change->rev);
    at = PUT_TEXT(at, "\xa6reason");
    at = put_str_or_nil(at, change->reason);
    out->len = (size_t)(at - out->data);
}

static void write_json(const struct change *change, struct bytes *out)
{
    bytes_append_text(out, "{\"type\":\"presence_update\",\"userId\":");
    bytes_append_json(out, change->user);
    bytes_append_text(out, change->online ? ",\"status\":\"online\"" : ",\"status\":\"offline\"");
    bytes_append_text(out, ",\"timestamp\":");
    jsonput_ms(out, change->timestamp_ms);
    bytes_append_text(out, ",\"lastSeen\":");
    jsonput_ms(out, change->last_seen_ms);
    bytes_append_text(out, ",\"deviceId\":");
    jsonput_text_or_null(out, change->device);
    bytes_append_text(out, ",\"rev\":");
    bytes_append_u64(out, change->rev);
    bytes_append_text(out, ",\"reason\":");
    jsonput_text_or_null(out, change->reason);
    bytes_append_char(out, '}');
}

void change_write(enum encoding encoding, const struct change *change, struct bytes *out)
{
    if (encoding == ENCODING_JSON)
        write_json(change, out);
    else
        write_msgpack(change, out);
}
