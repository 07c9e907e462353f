/* SPDX-License-Identifier: MIT */
/* Writes MessagePack (by msgpack-c) or JSON, so that each message is described once.
 *
 *     struct encoder e = encoder_begin(encoding, out);
 *     encoder_map(&e, NULL, 2);
 *     encoder_str(&e, "userId", user);
 *     encoder_ms(&e, "lastSeen", last_seen_ms);
 *     encoder_end_map(&e);
 *     encoder_finish(&e);
 *
 * `key` is NULL in an array and for the outermost value. Counts of maps and arrays must be true in
 * MessagePack; JSON does not look at them. Values are appended to `out`, which nobody else may touch before
 * encoder_finish. Growing never fails (bytes.h), and each call makes the room it needs.
 *
 * All is inlined: called with a constant encoding from a function that is `flatten`, the compiler leaves the
 * stores of that encoding alone. An update of eight fields takes 53 ns so, as fixed bytes written by hand did,
 * and msgpack-c's calls through its callback cost nothing. */
#ifndef WIRE_ENCODER_H
#define WIRE_ENCODER_H

#include "wire/message.h"

#include <msgpack.h>

#define encoder_inline static inline __attribute__((always_inline))

struct encoder {
    enum encoding encoding;
    bool comma; /* JSON: a value stands before the next one */
    struct bytes *out;
    char *at, *end; /* where the next byte goes, and the end of the room */
};

#define ENCODER_ROOM 32 /* bytes: a number and all signs around a key and a value */

/* Not the encoder itself, so that its encoding stays a constant to the compiler. */
struct encoder_place {
    char *at, *end;
};

/* Each takes what was written up to `at` into `out`; the second appends a JSON string. Returns a place with
 * `room` bytes. */
struct encoder_place encoder_grow(struct bytes *out, const char *at, size_t room);
struct encoder_place encoder_json_text(struct bytes *out, const char *at, struct span text);

encoder_inline void encoder_go_on(struct encoder *e, struct encoder_place place)
{
    e->at = place.at;
    e->end = place.end;
}

/* Room for `len` bytes and ENCODER_ROOM more. */
encoder_inline void encoder_need(struct encoder *e, size_t len)
{
    if (__builtin_expect((size_t)(e->end - e->at) < len + ENCODER_ROOM, 0))
        encoder_go_on(e, encoder_grow(e->out, e->at, len + ENCODER_ROOM));
}

encoder_inline struct encoder encoder_begin(enum encoding encoding, struct bytes *out)
{
    char *at = bytes_reserve(out, 8 * ENCODER_ROOM);
    return (struct encoder){encoding, false, out, at, out->data + out->cap};
}

encoder_inline void encoder_finish(struct encoder *e)
{
    e->out->len = (size_t)(e->at - e->out->data);
}

/* The room is there. */
encoder_inline void encoder_raw(struct encoder *e, const void *data, size_t len)
{
    memcpy(e->at, data, len);
    e->at += len;
}

/* msgpack-c's callback. */
encoder_inline int encoder_append(void *e, const char *data, size_t len)
{
    encoder_raw(e, data, len);
    return 0;
}

encoder_inline msgpack_packer encoder_packer(struct encoder *e)
{
    return (msgpack_packer){.data = e, .callback = encoder_append};
}

/* The room is there, likewise. */
encoder_inline void encoder_pack_str(struct encoder *e, const char *data, size_t len)
{
    msgpack_packer p = encoder_packer(e);
    msgpack_pack_str(&p, len);
    if (len)
        msgpack_pack_str_body(&p, data, len);
}

/* A value stands before the next one, which this encoder has not written itself. */
encoder_inline void encoder_comma(struct encoder *e)
{
    if (e->encoding == ENCODING_JSON)
        encoder_raw(e, ",", 1);
    e->comma = false;
}

/* What stands before each value; makes room for it too: `text_len` bytes of text, or a number. */
encoder_inline void encoder_key(struct encoder *e, const char *key, size_t text_len)
{
    size_t len = key ? __builtin_strlen(key) : 0;
    encoder_need(e, len + text_len);
    if (e->encoding == ENCODING_JSON) {
        if (e->comma)
            encoder_raw(e, ",", 1);
        e->comma = true;
        if (key) {
            encoder_raw(e, "\"", 1);
            encoder_raw(e, key, len);
            encoder_raw(e, "\":", 2);
        }
    } else if (key) {
        encoder_pack_str(e, key, len);
    }
}

/* A literal, without anything that JSON escapes. */
encoder_inline void encoder_text(struct encoder *e, const char *key, const char *text)
{
    size_t len = __builtin_strlen(text);
    encoder_key(e, key, len);
    if (e->encoding == ENCODING_JSON) {
        encoder_raw(e, "\"", 1);
        encoder_raw(e, text, len);
        encoder_raw(e, "\"", 1);
    } else {
        encoder_pack_str(e, text, len);
    }
}

/* Bytes that are no UTF-8 become U+FFFD in JSON (bytes_append_json). */
encoder_inline void encoder_str(struct encoder *e, const char *key, struct span text)
{
    encoder_key(e, key, e->encoding == ENCODING_JSON ? 0 : text.len);
    if (e->encoding == ENCODING_JSON)
        encoder_go_on(e, encoder_json_text(e->out, e->at, text));
    else
        encoder_pack_str(e, text.data, text.len);
}

/* A text that is JSON already; for JSON alone. */
encoder_inline void encoder_json_verbatim(struct encoder *e, const char *key, struct span text)
{
    encoder_key(e, key, text.len);
    encoder_raw(e, text.data, text.len);
}

encoder_inline void encoder_nil(struct encoder *e, const char *key)
{
    msgpack_packer p = encoder_packer(e);
    encoder_key(e, key, 0);
    if (e->encoding == ENCODING_JSON)
        encoder_raw(e, "null", 4);
    else
        msgpack_pack_nil(&p);
}

/* nil for an empty one. */
encoder_inline void encoder_str_or_nil(struct encoder *e, const char *key, struct span text)
{
    if (text.len)
        encoder_str(e, key, text);
    else
        encoder_nil(e, key);
}

encoder_inline void encoder_bool(struct encoder *e, const char *key, bool value)
{
    msgpack_packer p = encoder_packer(e);
    encoder_key(e, key, 0);
    if (e->encoding == ENCODING_JSON)
        encoder_raw(e, value ? "true" : "false", value ? 4 : 5);
    else if (value)
        msgpack_pack_true(&p);
    else
        msgpack_pack_false(&p);
}

#define ENCODER_DIGITS_MAX 20

/* The decimal digits of a number: returns how many. */
size_t encoder_digits(uint64_t number, char out[ENCODER_DIGITS_MAX]);

encoder_inline void encoder_json_number(struct encoder *e, uint64_t number)
{
    e->at += encoder_digits(number, e->at);
}

/* In MessagePack uint64 (0xcf) whatever the value, as times and revisions are sent (PROTOCOL.md). */
encoder_inline void encoder_u64(struct encoder *e, const char *key, uint64_t number)
{
    msgpack_packer p = encoder_packer(e);
    encoder_key(e, key, 0);
    if (e->encoding == ENCODING_JSON)
        encoder_json_number(e, number);
    else
        msgpack_pack_fix_uint64(&p, number);
}

/* A time; negative ones become 0. */
encoder_inline void encoder_ms(struct encoder *e, const char *key, int64_t ms)
{
    encoder_u64(e, key, ms < 0 ? 0 : (uint64_t)ms);
}

/* In MessagePack the shortest form. */
encoder_inline void encoder_uint(struct encoder *e, const char *key, uint64_t number)
{
    msgpack_packer p = encoder_packer(e);
    encoder_key(e, key, 0);
    if (e->encoding == ENCODING_JSON)
        encoder_json_number(e, number);
    else
        msgpack_pack_uint64(&p, number);
}

/* A number as decimal text, as message ids are sent. What stands before it has one byte in both encodings. */
encoder_inline void encoder_decimal(struct encoder *e, const char *key, uint64_t number)
{
    msgpack_packer p = encoder_packer(e);
    encoder_key(e, key, 0);
    size_t len = encoder_digits(number, e->at + 1);
    if (e->encoding == ENCODING_JSON)
        encoder_raw(e, "\"", 1);
    else
        msgpack_pack_str(&p, len);
    e->at += len;
    if (e->encoding == ENCODING_JSON)
        encoder_raw(e, "\"", 1);
}

encoder_inline void encoder_map(struct encoder *e, const char *key, size_t count)
{
    msgpack_packer p = encoder_packer(e);
    encoder_key(e, key, 0);
    if (e->encoding == ENCODING_JSON)
        encoder_raw(e, "{", 1);
    else
        msgpack_pack_map(&p, count);
    e->comma = false;
}

encoder_inline void encoder_array(struct encoder *e, const char *key, size_t count)
{
    msgpack_packer p = encoder_packer(e);
    encoder_key(e, key, 0);
    if (e->encoding == ENCODING_JSON)
        encoder_raw(e, "[", 1);
    else
        msgpack_pack_array(&p, count);
    e->comma = false;
}

encoder_inline void encoder_end_map(struct encoder *e)
{
    if (e->encoding == ENCODING_JSON) {
        encoder_need(e, 0);
        encoder_raw(e, "}", 1);
    }
    e->comma = true;
}

encoder_inline void encoder_end_array(struct encoder *e)
{
    if (e->encoding == ENCODING_JSON) {
        encoder_need(e, 0);
        encoder_raw(e, "]", 1);
    }
    e->comma = true;
}

#endif
