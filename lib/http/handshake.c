/* SPDX-License-Identifier: MIT */
#include "http/handshake.h"

#include "base/base64.h"
#include "http/gate.h"

#include <openssl/sha.h>

#define ACCEPT_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455, 1.3 */

static void accept_for(struct span key, struct bytes *out)
{
    unsigned char digest[SHA_DIGEST_LENGTH];
    bytes_auto text = BYTES_INIT;
    bytes_append_span(&text, key);
    bytes_append_text(&text, ACCEPT_GUID);
    SHA1((const unsigned char *)text.data, text.len, digest);
    base64_encode((struct span){(const char *)digest, sizeof(digest)}, out);
}

static bool list_has(struct span list, struct span word)
{
    while (list.len)
        if (span_equal_nocase(span_trim(span_split(&list, ',')), word))
            return true;
    return false;
}

static struct span next_line(struct span *rest)
{
    struct span line = span_split(rest, '\n');
    if (line.len && line.data[line.len - 1] == '\r')
        line.len--;
    return line;
}

bool handshake_header_next(struct span *headers, struct span *ret_name, struct span *ret_value)
{
    if (headers->len == 0)
        return false;
    *ret_value = next_line(headers);
    *ret_name = span_split(ret_value, ':');
    *ret_value = span_trim(*ret_value);
    return true;
}

static int read_status(struct span line, struct span *ret_reason)
{
    uint64_t status;
    if (line.len < 12 || memcmp(line.data, "HTTP/1.", 7) != 0 || line.data[8] != ' ')
        return -1;
    if (span_to_u64((struct span){line.data + 9, 3}, 999, &status) || status < 100 ||
        !gate_value_valid(line) || (line.len > 12 && line.data[12] != ' '))
        return -1;
    *ret_reason = line.len > 13 ? (struct span){line.data + 13, line.len - 13} : SPAN_NONE;
    return (int)status;
}

/* What a 101 must say. */
struct agreement {
    bool upgrade, connection, accept, extension;
};

static int read_headers(struct span key, struct handshake_answer *answer, struct agreement *ret)
{
    bytes_auto accept = BYTES_INIT;
    struct span rest = answer->headers, name, value;
    accept_for(key, &accept);
    while (handshake_header_next(&rest, &name, &value)) {
        if (!gate_token_valid(name) || !gate_value_valid(value))
            return -1;
        if (span_equal_nocase(name, SPAN("upgrade")))
            ret->upgrade = span_equal_nocase(value, SPAN("websocket"));
        else if (span_equal_nocase(name, SPAN("connection")))
            ret->connection |= list_has(value, SPAN("upgrade"));
        else if (span_equal_nocase(name, SPAN("sec-websocket-accept")))
            ret->accept = span_equal(value, bytes_span(&accept));
        else if (span_equal_nocase(name, SPAN("sec-websocket-extensions")))
            ret->extension = true;
        else if (span_equal_nocase(name, SPAN("sec-websocket-protocol")))
            answer->protocol = value;
    }
    return 0;
}

int handshake_answer_read(struct span data, struct span key, struct handshake_answer *ret)
{
    struct handshake_answer answer = {0};
    struct agreement agreement = {0};
    const char *end = data.len ? memmem(data.data, data.len, "\r\n\r\n", 4) : NULL;
    if (!end)
        return data.len >= HANDSHAKE_ANSWER_MAX ? -1 : 0;
    answer.length = (size_t)(end - data.data) + 4;
    answer.headers = (struct span){data.data, answer.length - 2};
    answer.status = read_status(next_line(&answer.headers), &answer.reason);
    if (answer.status < 0 || answer.length > HANDSHAKE_ANSWER_MAX ||
        read_headers(key, &answer, &agreement) < 0)
        return -1;
    if (answer.status == 101 &&
        (!agreement.upgrade || !agreement.connection || !agreement.accept || agreement.extension ||
         (answer.protocol.len && !gate_token_valid(answer.protocol))))
        return -1;
    *ret = answer;
    return 1;
}
