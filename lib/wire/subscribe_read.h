/* What the two readers of type 33 share: lists of ids whose text the message owns. */
#ifndef WIRE_SUBSCRIBE_READ_H
#define WIRE_SUBSCRIBE_READ_H

#include "wire/message.h"

#define SUBSCRIBE_EPOCH_MAX 128

enum subscribe_list { SUBSCRIBE_GROUPS, SUBSCRIBE_USERS };

/* Makes room for `count` ids: 0, or -1 when the list was there already or is too long. */
int subscribe_open_list(struct subscribe *s, enum subscribe_list list, size_t count);
/* Adds one id: 0, or -1 when it is none. s->text has the room already, so that spans into it stay valid. */
int subscribe_add_text(struct subscribe *s, enum subscribe_list list, struct span id);
/* An id sent as an integer, as decimal text. */
int subscribe_add_number(struct subscribe *s, enum subscribe_list list, int64_t number);
int subscribe_set_epoch(struct subscribe *s, struct span epoch);

/* A whole message into a zeroed *s with room in its text: 0, or -1 with *s partly filled. */
int subscribe_read_msgpack(struct span message, struct subscribe *s);
int subscribe_read_json(struct span message, struct subscribe *s);

#endif
