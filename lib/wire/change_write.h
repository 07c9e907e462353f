/* One change as the map that stands in types 31 and 34 (contract section 3):
 *     {type:"presence_update", userId, status, timestamp, lastSeen, deviceId, rev, reason} */
#ifndef WIRE_CHANGE_WRITE_H
#define WIRE_CHANGE_WRITE_H

#include "wire/message.h"

/* deviceId and reason are nil when empty. */
void change_write(enum encoding encoding, const struct change *change, struct bytes *out);

#endif
