/* How much a client may send (contract section 3): more than 10 messages of types 30 and 33 a second for 5 s
 * ends it; all other bytes go at any rate up to a byte rate. Pure; 12 bytes a connection. */
#ifndef PRESENCE_RATE_H
#define PRESENCE_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RATE_MESSAGES 10
#define RATE_SECONDS  5

struct rate {
    uint32_t second; /* of the monotonic clock, that the counts are of */
    uint32_t bytes;  /* of the last seconds, decaying by half each second */
    uint16_t messages;
    uint8_t over; /* seconds in a row with more than RATE_MESSAGES */
};

/* A message of type 30 or 33. Returns false when the client has gone too far. */
bool rate_message(struct rate *r, int64_t now_ms);
/* Bytes of other messages; limit in bytes a second, 0: none. A burst of twice the limit is let through. */
bool rate_bytes(struct rate *r, size_t bytes, int64_t limit, int64_t now_ms);

#endif
