/* SPDX-License-Identifier: MIT */
/* What a listed proxy, or whoever has its address, may send first: a header of the PROXY protocol. */
#include "http/proxy_protocol.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool held)
{
    if (!held)
        abort();
}

/* The client is named in the one form that an address has. */
static void check_client(const char *client)
{
    unsigned char parsed[ADDRESS_BYTES];
    char again[ADDRESS_SIZE];
    if (!*client || !strcmp(client, "unix"))
        return;
    need(address_parse(span_of(client), parsed) == 0);
    address_format(parsed, again);
    need(strcmp(client, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span text = {(const char *)data, size};
    struct proxy_header header, again;
    int rc = proxy_header_read(text, &header);
    need(rc == 1 || rc == -1 || (rc == 0 && size < PROXY_HEADER_MAX));
    if (rc < 1)
        return 0;
    need(header.length > 0 && header.length <= size && header.length <= PROXY_HEADER_MAX);
    check_client(header.client);
    /* It ends where it ends, whatever stands behind it, and not before. */
    need(proxy_header_read((struct span){text.data, header.length}, &again) == 1);
    need(again.length == header.length && !strcmp(again.client, header.client));
    need(proxy_header_read((struct span){text.data, header.length - 1}, &again) == 0);
    return 0;
}
