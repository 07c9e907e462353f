/* The keys of the server's payloads and where they go in what a client reads, the same for both encodings. */
#ifndef WIRE_CLIENT_FIELD_H
#define WIRE_CLIENT_FIELD_H

#include "wire/client.h"
#include "wire/cursor.h"

/* Which keys were met; a second one is refused. Starts at 0. */
typedef uint32_t client_seen;

/* Sets what `key` names to a scalar: 0, also for an unknown key; -1: a wrong type or the second of its name.
 * Texts are borrowed from the value. */
int client_set_state(struct client_state *s, client_seen *seen, struct span key,
                     const struct cursor_value *value);
int client_set_payload(struct client_message *m, client_seen *seen, struct span key,
                       const struct cursor_value *value);
/* userId and status, without which nothing is said. */
bool client_state_complete(const struct client_state *s, client_seen seen);
/* The message's next state, zeroed; moves the earlier ones. */
struct client_state *client_add_state(struct client_message *m);
/* The key under which states stand in a message of this type; SPAN_NONE: under none. */
struct span client_list_key(int64_t type);
/* messageId is decimal text, a number, or nil for none; toId is kept when it is a text: 0, else -1. */
int client_set_head(struct client_message *m, int64_t type, const struct cursor_value *to,
                    const struct cursor_value *message_id);
/* What the server sends: 31, 32, 34, 35. */
bool client_type_known(int64_t type);

#endif
