/* SPDX-License-Identifier: MIT */
#include "net/address.h"

#include <arpa/inet.h>
#include <string.h>

#define NETWORK_BYTES 8 /* of IPv6: what one host is given */

static const unsigned char v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* Where it first stands; the length of the text without it. */
static size_t place_of(struct span text, char mark)
{
    const char *at = text.len ? memchr(text.data, mark, text.len) : NULL;
    return at ? (size_t)(at - text.data) : text.len;
}

static struct span tail(struct span text, size_t from)
{
    return from < text.len ? (struct span){text.data + from, text.len - from} : SPAN_NONE;
}

int address_parse(struct span text, unsigned char ret[ADDRESS_BYTES])
{
    struct span address = {text.data, place_of(text, '%')};
    bool zoned = address.len < text.len;
    unsigned char parsed[ADDRESS_BYTES];
    char copy[ADDRESS_SIZE];
    if (text.len - address.len == 1 || span_copy(address, copy, sizeof(copy)))
        return -1;
    if (!zoned && inet_pton(AF_INET, copy, parsed + sizeof(v4_prefix)) == 1)
        memcpy(parsed, v4_prefix, sizeof(v4_prefix));
    else if (inet_pton(AF_INET6, copy, parsed) != 1)
        return -1;
    memcpy(ret, parsed, sizeof(parsed));
    return 0;
}

void address_format(const unsigned char address[ADDRESS_BYTES], char out[ADDRESS_SIZE])
{
    if (memcmp(address, v4_prefix, sizeof(v4_prefix)) == 0)
        inet_ntop(AF_INET, address + sizeof(v4_prefix), out, ADDRESS_SIZE);
    else
        inet_ntop(AF_INET6, address, out, ADDRESS_SIZE);
}

void address_quota_name(const char *address, char out[ADDRESS_SIZE])
{
    unsigned char binary[ADDRESS_BYTES];
    if (address_parse(span_of(address), binary)) {
        if (span_copy(span_of(address), out, ADDRESS_SIZE))
            out[0] = '\0';
        return;
    }
    if (memcmp(binary, v4_prefix, sizeof(v4_prefix)) == 0) {
        address_format(binary, out);
        return;
    }
    memset(binary + NETWORK_BYTES, 0, sizeof(binary) - NETWORK_BYTES);
    inet_ntop(AF_INET6, binary, out, ADDRESS_SIZE);
    strcat(out, "/64"); /* half an address is shorter than the room for a whole one */
}

static bool is_obfuscated(struct span port)
{
    for (size_t i = 1; i < port.len; i++) {
        char c = port.data[i];

        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && c != '.' &&
            c != '_' && c != '-')
            return false;
    }
    return port.len > 1 && port.data[0] == '_';
}

/* Nothing, or ":80", ":_name". */
static bool is_port(struct span text)
{
    struct span port = tail(text, 1);
    uint64_t number;
    if (text.len == 0)
        return true;
    return text.data[0] == ':' && (is_obfuscated(port) || span_to_u64(port, 65535, &number) == 0);
}

/* The address of a node, and what stands behind it. Without brackets only IPv4 has a port: in
 * 2001:db8::1:80 it could not be told from the address. */
static struct span split_node(struct span node, struct span *ret_rest)
{
    size_t end = place_of(node, ':');
    if (node.len && node.data[0] == '[') {
        size_t close = place_of(node, ']');

        *ret_rest = tail(node, close + 1);
        return close < node.len && end < close ? (struct span){node.data + 1, close - 1} : SPAN_NONE;
    }
    if (memchr(node.data + end, ':', node.len - end) != memrchr(node.data, ':', node.len))
        end = node.len;
    *ret_rest = tail(node, end);
    return (struct span){node.data, end};
}

int address_of_node(struct span node, char out[ADDRESS_SIZE])
{
    unsigned char parsed[ADDRESS_BYTES];
    struct span rest, address;
    if (node.len == 0)
        return -1;
    if (span_equal(node, SPAN("unix:"))) {
        memcpy(out, "unix", sizeof("unix"));
        return 0;
    }
    address = split_node(node, &rest);
    if (!is_port(rest) || address_parse(address, parsed))
        return -1;
    address_format(parsed, out);
    return 0;
}

bool address_is_local(const char *peer)
{
    static const unsigned char ipv4[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127},
                               ipv6[ADDRESS_BYTES] = {[15] = 1};
    unsigned char address[ADDRESS_BYTES];

    if (strcmp(peer, "unix") == 0)
        return true;
    return address_parse(span_of(peer), address) == 0 &&
           (memcmp(address, ipv4, sizeof(ipv4)) == 0 || memcmp(address, ipv6, sizeof(ipv6)) == 0);
}
