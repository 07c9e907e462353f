#include "net/proxies.h"

#include <arpa/inet.h>
#include <string.h>

struct network {
    unsigned char address[16];
    int bits;
};

/* IPv4 as IPv6 has it, so that ::ffff:10.0.0.1 is 10.0.0.1. 0, or -1. */
static int read_address(struct span text, unsigned char out[16], bool *ret_v4)
{
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    char copy[INET6_ADDRSTRLEN];
    if (span_copy(text, copy, sizeof(copy)) < 0 || memchr(copy, '\0', text.len))
        return -1;
    *ret_v4 = inet_pton(AF_INET, copy, out + 12) == 1;
    if (!*ret_v4)
        return inet_pton(AF_INET6, copy, out) == 1 ? 0 : -1;
    memcpy(out, mapped, sizeof(mapped));
    return 0;
}

static int read_network(struct span text, struct network *ret)
{
    bool v4, whole = text.len == 0 || !memchr(text.data, '/', text.len);
    uint64_t bits;
    if (read_address(span_split(&text, '/'), ret->address, &v4) < 0)
        return -1;
    int width = v4 ? 32 : 128;
    ret->bits = 128;
    if (whole)
        return 0;
    if (span_to_u64(text, (uint64_t)width, &bits) < 0)
        return -1;
    ret->bits = 128 - width + (int)bits;
    return 0;
}

static bool contains(const struct network *n, const unsigned char address[16])
{
    int whole = n->bits / 8, rest = n->bits % 8;
    if (memcmp(n->address, address, (size_t)whole) != 0)
        return false;
    return rest == 0 || (n->address[whole] ^ address[whole]) >> (8 - rest) == 0;
}

int proxies_check(const char *list, struct span *ret_wrong)
{
    struct span rest = span_of(list);
    struct network network;
    while (rest.len > 0) {
        *ret_wrong = span_trim(span_split(&rest, ','));
        if (!span_equal(*ret_wrong, SPAN("unix")) && read_network(*ret_wrong, &network) < 0)
            return -1;
    }
    return 0;
}

bool proxies_trust(const char *list, struct span address)
{
    struct span rest = span_of(list);
    unsigned char binary[16];
    bool v4, is_unix = span_equal(address, SPAN("unix"));
    if (rest.len == 0 || (!is_unix && read_address(address, binary, &v4) < 0))
        return false;
    while (rest.len > 0) {
        struct span word = span_trim(span_split(&rest, ','));
        struct network network;
        if (span_equal(word, SPAN("unix"))
                ? is_unix
                : !is_unix && read_network(word, &network) == 0 && contains(&network, binary))
            return true;
    }
    return false;
}

/* Takes the last item off a list; SPAN_NONE when there is none left. */
static struct span take_last(struct span *list)
{
    size_t at = list->len;
    while (at > 0 && list->data[at - 1] != ',')
        at--;
    struct span item = span_trim((struct span){list->data + at, list->len - at});
    list->len = at > 0 ? at - 1 : 0;
    return item;
}

struct span proxies_client(const char *list, struct span peer, const struct span *forwarded, size_t count)
{
    struct span client = peer;
    unsigned char binary[16];
    bool v4;
    while (count-- > 0)
        for (struct span rest = forwarded[count]; rest.len > 0;) {
            struct span item = take_last(&rest);
            if (!proxies_trust(list, client) || read_address(item, binary, &v4) < 0)
                return client;
            client = item;
        }
    return client;
}
