#include "wire/packer.h"

#include <inttypes.h>
#include <stdio.h>

static int append(void *out, const char *data, size_t len)
{
    bytes_append(out, data, len);
    return 0;
}

void packer_init(msgpack_packer *p, struct bytes *out)
{
    msgpack_packer_init(p, out, append);
}

void packer_str(msgpack_packer *p, struct span text)
{
    msgpack_pack_str(p, text.len);
    msgpack_pack_str_body(p, text.data, text.len);
}

void packer_ms(msgpack_packer *p, int64_t ms)
{
    msgpack_pack_fix_uint64(p, ms < 0 ? 0 : (uint64_t)ms);
}

void packer_decimal(msgpack_packer *p, uint64_t number)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "%" PRIu64, number);

    packer_str(p, (struct span){text, (size_t)len});
}
