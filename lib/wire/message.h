/* SPDX-License-Identifier: MIT */
/* Messages: what goes over a WebSocket, as MessagePack or JSON (PROTOCOL.md).
 *
 *     [channelType, messageType, fromId, toId, payload]
 *     [channelType, messageType, fromId, toId, messageId, payload]
 *
 * Both forms are accepted; the server sends the second.
 * Reading takes hostile bytes: no allocation by declared sizes, an item budget, nesting to 16, no recursion
 * without bound. MessagePack is read by a bounded cursor of our own, since msgpack-c's unpacker trusts
 * declared sizes; it is written by msgpack-c (encoder.h). The
 * server writes only nil, bool, unsigned integers, strings, arrays and maps with string keys; times are
 * MessagePack uint64 (0xcf). Pure: no I/O, no clock. */
#ifndef WIRE_MESSAGE_H
#define WIRE_MESSAGE_H

#include "presence/change.h"
#include "presence/identity.h"

enum encoding { ENCODING_MSGPACK, ENCODING_JSON };
#define ENCODINGS 2

enum message_type {
    MESSAGE_HEARTBEAT = 30,
    MESSAGE_UPDATE = 31,
    MESSAGE_SNAPSHOT = 32,
    MESSAGE_SUBSCRIBE = 33,
    MESSAGE_BATCH = 34,
    MESSAGE_HELLO = 35,
};

#define HEARTBEAT_SIZE_MAX 4096  /* bytes of a whole message of type 30; more: close 1009 */
#define SUBSCRIBE_SIZE_MAX 65536 /* likewise type 33 */
#define METADATA_SIZE_MAX  1024  /* as JSON */

enum message_result {
    MESSAGE_OK = 0,
    MESSAGE_MORE = -1,      /* peek only: the bytes so far do not say */
    MESSAGE_MALFORMED = -2, /* no valid encoding, or the wrong shape: close 1007 */
    MESSAGE_OTHER = -3,     /* peek only: none of ours, to be skipped */
};

/* The bytes in which a message shows whether it is ours: no heartbeat has more, and a type 33 that does not
 * say so in them is skipped. */
#define MESSAGE_HEAD_MAX HEARTBEAT_SIZE_MAX

/* What a message is, from its first bytes; `whole`: they are all. OK: an array whose second element is 30 or
 * 33, and *ret_type which; what is wrong with it otherwise is the reader's to say. OTHER: no bytes at all, an
 * array with anything else in the second place or without one, any other value, or a head that does not tell
 * within MESSAGE_HEAD_MAX. MALFORMED: what was looked at is no MessagePack or JSON, cut within the first two
 * elements, or a 30 or 33 behind no integer or, in MessagePack, in an array of neither five nor six. Looks at
 * nothing behind the second element, unless there is none. */
enum message_result message_peek(enum encoding encoding, struct span head, bool whole, int64_t *ret_type);

/* The types 30 to 35, which are presence's own. */
bool message_is_presence(int64_t type);
/* The type of any message, from its first bytes. OK: an array that begins with two integers, and *ret_type the
 * second. MORE: they have not come, within MESSAGE_TYPE_MAX bytes. OTHER: anything else. */
#define MESSAGE_TYPE_MAX 64
enum message_result message_peek_type(enum encoding encoding, struct span head, bool whole,
                                      int64_t *ret_type);

struct heartbeat {
    struct span from; /* the fromId; an integer's decimal text stands in from_text */
    char from_text[24];
    int64_t timestamp_ms;  /* the phone's own clock, 0: not given; for diagnosis only */
    struct span metadata;  /* JSON object text in the caller's buffer, empty: none */
    bool metadata_dropped; /* there was some that can't be kept */
};

/* A whole message of type 30. `scratch` is emptied and takes the metadata as compact JSON; it must live as
 * long as *ret, whose spans borrow from `message`, `scratch` and *ret itself: don't copy the struct. A
 * payload that is neither map nor nil, or a message over HEARTBEAT_SIZE_MAX is MALFORMED. A timestamp that is
 * no number counts as not given. Metadata that is no map, over METADATA_SIZE_MAX or not to be written as JSON
 * is dropped, and the heartbeat counts. */
enum message_result message_read_heartbeat(enum encoding encoding, struct span message, struct bytes *scratch,
                                           struct heartbeat *ret);

struct subscribe {
    bool has_groups, has_users; /* the key was there (an empty array is an interest in nobody) */
    struct span *groups; /* at most GROUPS_MAX, each a valid id; ids as integers come as decimal text */
    struct span *users;  /* at most SUBSCRIBE_USERS_MAX */
    size_t group_count, user_count;
    bool has_batch, batch;
    bool has_since;
    struct span since_epoch;
    uint64_t since_rev;
    struct bytes text; /* owns what the spans point at */
};

#define SUBSCRIBE_USERS_MAX 4096

/* A whole message of type 33; on success the caller owns *ret and calls message_subscribe_finish. The payload must be
 * a map; a key that is nil counts as absent; too many ids or one that is none makes it MALFORMED. since.rev
 * is a number or, as in messageId, its decimal text. */
enum message_result message_read_subscribe(enum encoding encoding, struct span message,
                                           struct subscribe *ret);
void message_subscribe_finish(struct subscribe *s);

/* What a HELLO says: first on a connection, and again whenever `store` has changed. */
struct hello {
    int64_t heartbeat_interval_ms, ttl_ms;
    int64_t server_time_ms;
    struct span node;
    struct span store; /* "up"; "lost": what viewers know is from before; "off": PRESENCE_ENABLED=false */
    int64_t store_since_ms; /* since 1970: when that began, as far as the server knows */
};

/* What the server sends. Each call appends one complete, unmasked WebSocket frame (RFC 6455, 5.2) to `out`:
 * binary for MessagePack, text for JSON. messageId is the revision as a decimal string. */
void message_write_update(enum encoding encoding, const struct change *change, struct bytes *out);
void message_write_batch(enum encoding encoding, const struct change *const *changes, size_t count,
                         uint64_t rev, struct bytes *out);
/* Message 34 without updates, and with resumed: true. The viewer has been told all changes up to `rev`. */
void message_write_resumed(enum encoding encoding, uint64_t rev, struct bytes *out);
void message_write_hello(enum encoding encoding, const struct hello *hello, struct bytes *out);

/* A snapshot in two parts without frames, so that viewers share the large one: the tail is the same for all,
 * the head (the elements with the viewer's id and the beginning of the payload) is each viewer's own.
 * Together they are one message, which may go in several fragments. */
void message_write_snapshot_tail_begin(enum encoding encoding, size_t users, int64_t timestamp_ms,
                                       uint64_t rev, struct span epoch, struct bytes *tail);
/* Exactly `users` times; status is "online" unless said otherwise (a watcher by user ids is told of offline
 * ones too). */
void message_write_snapshot_user(enum encoding encoding, struct span user, bool online, int64_t last_seen_ms,
                                 struct span device, bool first, struct bytes *tail);
/* total_online: how many of them are online. */
void message_write_snapshot_tail_end(enum encoding encoding, size_t total_online, struct bytes *tail);
/* rev: the tail's. refusal: why the viewer could not resume (resumed: false, reason); SPAN_NONE: neither is
 * said. */
void message_write_snapshot_head(enum encoding encoding, struct span viewer, uint64_t rev,
                                 struct span refusal, struct bytes *out);

/* A close frame; of the reason at most 123 bytes. */
void frame_write_close(unsigned code, const char *reason, struct bytes *out);
/* The same of a payload that stands already, of at most 125 bytes. */
void frame_append_close(struct span payload, struct bytes *out);
/* The header of an unmasked frame: returns its length, 2–10. */
size_t frame_header(uint8_t first_byte, uint64_t payload_len, uint8_t out[10]);

#endif
