/* SPDX-License-Identifier: MIT */
/* The client's side of the messages, for presence-sim and tests: what phones and dashboards send, and reading
 * what the server sends. Payloads without frame: the simulator masks and frames them itself. */
#ifndef SIM_CLIENT_H
#define SIM_CLIENT_H

#include "wire/message.h"

/* Five elements, as the guide's phone does it; metadata: a JSON object or SPAN_NONE. */
void client_write_heartbeat(enum encoding encoding, struct span user, int64_t timestamp_ms,
                            struct span metadata, struct bytes *out);
struct client_interest {
    const struct span *groups, *users; /* NULL: not said */
    size_t group_count, user_count;
    bool batch;
    struct span since_epoch; /* empty: no since */
    uint64_t since_rev;
};
void client_write_subscribe(enum encoding encoding, const struct client_interest *interest,
                            struct bytes *out);

/* One state of one user, from an update, a batch or a snapshot. */
struct client_state {
    struct span user;
    bool online;
    int64_t timestamp_ms, last_seen_ms;
    struct span device;
    uint64_t rev; /* a snapshot's users carry the snapshot's */
    struct span reason;
};

struct client_message {
    int64_t type;
    uint64_t message_id;
    uint64_t rev;
    int64_t timestamp_ms;
    struct span epoch; /* snapshots */
    struct span to;
    int64_t heartbeat_interval_ms, ttl_ms; /* hello */
    struct span store;                     /* hello: "up", "lost", "off"; of older servers: empty */
    int64_t store_since_ms;
    size_t total_online;
    bool answers_since, resumed; /* says whether a `since` could be served */
    struct span refusal;         /* a snapshot's reason why not */
    struct client_state *states; /* owned; spans borrow from the message or from text */
    size_t state_count;
    struct bytes text;
};

/* Accepts 31, 32, 34, 35; other types give MESSAGE_OK with no states. */
enum message_result client_read(enum encoding encoding, struct span message, struct client_message *ret);
void client_message_finish(struct client_message *m);
/* Cheap: type and messageId only, for load measurements. */
enum message_result client_peek(enum encoding encoding, struct span message, int64_t *ret_type,
                                uint64_t *ret_message_id);

#endif
