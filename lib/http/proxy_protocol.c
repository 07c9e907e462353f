/* SPDX-License-Identifier: MIT */
#include "http/proxy_protocol.h"

#include <string.h>

#define V1_PREFIX    SPAN("PROXY ")
#define V2_SIGNATURE SPAN("\r\n\r\n\0\r\nQUIT\n")
#define V2_FIXED     16

enum command { COMMAND_LOCAL, COMMAND_PROXY, COMMANDS };
enum family { FAMILY_UNSPEC, FAMILY_INET, FAMILY_INET6, FAMILY_UNIX, FAMILIES };
enum transport { TRANSPORT_UNSPEC, TRANSPORT_STREAM, TRANSPORT_DGRAM, TRANSPORTS };

/* Both addresses and ports, by family. */
static const size_t v2_lengths[FAMILIES] = {0, 2 * (4 + 2), 2 * (16 + 2), 2 * 108};

/* Whether the text is one that begins so, as far as it goes. */
static bool may_begin_with(struct span text, struct span prefix)
{
    size_t len = text.len < prefix.len ? text.len : prefix.len;
    return len == 0 || memcmp(text.data, prefix.data, len) == 0;
}

static int read_address(struct span text, bool v6, unsigned char ret[ADDRESS_BYTES])
{
    if (text.len == 0 || !memchr(text.data, ':', text.len) == v6 || memchr(text.data, '%', text.len))
        return -1;
    return address_parse(text, ret);
}

static bool is_port(struct span text)
{
    uint64_t port;
    return span_to_u64(text, 65535, &port) == 0 && (text.len == 1 || text.data[0] != '0');
}

/* "TCP4 192.0.2.1 192.0.2.2 56324 443" */
static int read_v1_line(struct span line, struct proxy_header *ret)
{
    unsigned char source[ADDRESS_BYTES], destination[ADDRESS_BYTES];
    struct span protocol = span_split(&line, ' '), from, to, from_port;
    bool v6 = span_equal(protocol, SPAN("TCP6"));
    if (span_equal(protocol, SPAN("UNKNOWN")))
        return 0;
    if (!v6 && !span_equal(protocol, SPAN("TCP4")))
        return -1;
    from = span_split(&line, ' ');
    to = span_split(&line, ' ');
    from_port = span_split(&line, ' ');
    if (read_address(from, v6, source) || read_address(to, v6, destination) || !is_port(from_port) ||
        !is_port(line))
        return -1;
    address_format(source, ret->client);
    return 0;
}

static int read_v1(struct span data, struct proxy_header *ret)
{
    size_t most = data.len < PROXY_HEADER_V1_MAX ? data.len : PROXY_HEADER_V1_MAX;
    const char *end = memmem(data.data, most, "\r\n", 2);
    struct span line;

    if (!end)
        return data.len < PROXY_HEADER_V1_MAX ? 0 : -1;
    line = (struct span){data.data + V1_PREFIX.len, (size_t)(end - data.data) - V1_PREFIX.len};
    if (read_v1_line(line, ret))
        return -1;
    ret->length = (size_t)(end - data.data) + 2;
    return 1;
}

static int read_v2_source(struct span addresses, unsigned family, unsigned transport,
                          struct proxy_header *ret)
{
    unsigned char source[ADDRESS_BYTES] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (family >= FAMILIES || transport >= TRANSPORTS)
        return -1;
    /* Of what is valid and not understood the specification says: as if nothing were known. */
    if (family == FAMILY_UNSPEC || transport != TRANSPORT_STREAM)
        return 0;
    if (addresses.len < v2_lengths[family])
        return -1;
    if (family == FAMILY_UNIX) {
        memcpy(ret->client, "unix", sizeof("unix"));
        return 0;
    }
    if (family == FAMILY_INET)
        memcpy(source + 12, addresses.data, 4);
    else
        memcpy(source, addresses.data, 16);
    address_format(source, ret->client);
    return 0;
}

static int read_v2(struct span data, struct proxy_header *ret)
{
    const unsigned char *at = (const unsigned char *)data.data;
    unsigned command, length;
    if (data.len > 12 && (at[12] >> 4 != 2 || (at[12] & 15) >= COMMANDS))
        return -1;
    if (data.len < V2_FIXED)
        return 0;
    command = at[12] & 15;
    length = (unsigned)at[14] << 8 | at[15];
    if (V2_FIXED + length > PROXY_HEADER_MAX)
        return -1;
    if (data.len < V2_FIXED + length)
        return 0;
    if (command == COMMAND_PROXY &&
        read_v2_source((struct span){data.data + V2_FIXED, length}, at[13] >> 4, at[13] & 15, ret))
        return -1;
    ret->length = V2_FIXED + length;
    return 1;
}

int proxy_header_read(struct span data, struct proxy_header *ret)
{
    struct proxy_header header = {.length = 0};
    int rc = -1;
    if (may_begin_with(data, V1_PREFIX))
        rc = data.len < V1_PREFIX.len ? 0 : read_v1(data, &header);
    else if (may_begin_with(data, V2_SIGNATURE))
        rc = data.len < V2_SIGNATURE.len ? 0 : read_v2(data, &header);
    if (rc > 0)
        *ret = header;
    return rc;
}
