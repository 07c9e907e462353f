/* msgpack-c's packer over a buffer of ours: the one place that includes its header. */
#ifndef WIRE_PACKER_H
#define WIRE_PACKER_H

#include "base/bytes.h"

#include <msgpack.h>

void packer_init(msgpack_packer *p, struct bytes *out);
void packer_str(msgpack_packer *p, struct span text);
/* uint64 (0xcf) whatever the value; negative ones become 0. */
void packer_ms(msgpack_packer *p, int64_t ms);
/* A number as decimal text, as message ids are sent. */
void packer_decimal(msgpack_packer *p, uint64_t number);

#endif
