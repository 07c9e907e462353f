/* SPDX-License-Identifier: MIT */
/* What a phone or dashboard sends: any bytes, read as both encodings. */
#include "wire/json_reader.h"
#include "wire/message.h"

#include <msgpack.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static bool within(struct span part, struct span whole)
{
    return part.len == 0 ||
           (whole.len != 0 && part.data >= whole.data && part.data + part.len <= whole.data + whole.len);
}

/* msgpack-c is no judge of hostile sizes, but what was accepted here it must accept whole. */
static void require_msgpack(struct span message)
{
    msgpack_unpacked unpacked;
    size_t at = 0;

    msgpack_unpacked_init(&unpacked);
    require(msgpack_unpack_next(&unpacked, message.data, message.len, &at) == MSGPACK_UNPACK_SUCCESS);
    require(at == message.len);
    msgpack_unpacked_destroy(&unpacked);
}

static void require_type(enum encoding encoding, struct span message, int64_t expected)
{
    int64_t type = 0;
    require(message_peek(encoding, message, true, &type) == MESSAGE_OK && type == expected);
    if (encoding == ENCODING_MSGPACK)
        require_msgpack(message);
}

static void require_metadata(struct span metadata)
{
    json_t *value;
    if (metadata.len == 0)
        return;
    require(metadata.len <= METADATA_SIZE_MAX);
    value = json_reader_load(metadata);
    require(json_is_object(value));
    json_decref(value);
}

static void try_heartbeat(enum encoding encoding, struct span message)
{
    bytes_auto scratch = BYTES_INIT;
    struct heartbeat h;

    if (message_read_heartbeat(encoding, message, &scratch, &h) != MESSAGE_OK)
        return;
    require_type(encoding, message, MESSAGE_HEARTBEAT);
    require(within(h.from, message) || within(h.from, bytes_span(&scratch)) || h.from.data == h.from_text);
    require(h.timestamp_ms >= 0);
    require_metadata(h.metadata);
}

static void require_ids(const struct span *ids, size_t count, size_t max, struct span text)
{
    require(count <= max);
    for (size_t i = 0; i < count; i++)
        require(identity_user_valid(ids[i]) && within(ids[i], text));
}

static void try_subscribe(enum encoding encoding, struct span message)
{
    struct subscribe s;
    if (message_read_subscribe(encoding, message, &s) != MESSAGE_OK)
        return;
    /* JSON may hold its type behind more white space than a head may have. */
    if (encoding == ENCODING_MSGPACK || message.len <= MESSAGE_HEAD_MAX)
        require_type(encoding, message, MESSAGE_SUBSCRIBE);
    require_ids(s.groups, s.group_count, GROUPS_MAX, bytes_span(&s.text));
    require_ids(s.users, s.user_count, SUBSCRIBE_USERS_MAX, bytes_span(&s.text));
    require(!s.has_since || within(s.since_epoch, bytes_span(&s.text)));
    message_subscribe_finish(&s);
}

/* A whole message, or a head of MESSAGE_HEAD_MAX bytes, never asks for more. Each shorter head asks for more
 * or says what the whole says, but where only the whole shows that it is cut short or continued. */
static void try_peek(enum encoding encoding, struct span message)
{
    int64_t whole_type = 0, type = 0;
    enum message_result whole = message_peek(encoding, message, true, &whole_type);
    require(whole != MESSAGE_MORE);
    for (size_t len = 0; len <= message.len && len < 64; len++) {
        enum message_result part = message_peek(encoding, (struct span){message.data, len}, false, &type);

        require(part == MESSAGE_MORE || part == whole || whole == MESSAGE_MALFORMED);
        require(part != MESSAGE_OK || type == whole_type || whole != MESSAGE_OK);
    }
    require(message_peek(encoding, message, false, &type) != MESSAGE_MORE || message.len < MESSAGE_HEAD_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span message = {(const char *)data, size};
    for (int encoding = 0; encoding < ENCODINGS; encoding++) {
        try_peek(encoding, message);
        try_heartbeat(encoding, message);
        try_subscribe(encoding, message);
    }
    return 0;
}
