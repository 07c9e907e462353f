/* SPDX-License-Identifier: MIT */
#include "relay/upstream_request.h"

static bool is_one_of(struct span name, const struct span *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (span_equal_nocase(name, names[i]))
            return true;
    return false;
}

/* Of the hop between two, and of its framing. */
static bool is_of_hop(struct span name)
{
    static const struct span names[] = {
        SPAN("connection"),
        SPAN("upgrade"),
        SPAN("keep-alive"),
        SPAN("proxy-connection"),
        SPAN("te"),
        SPAN("trailer"),
        SPAN("content-length"),
        SPAN("transfer-encoding"),
        SPAN("expect"),
        SPAN("proxy-authenticate"),
        SPAN("proxy-authorization"),
    };
    return is_one_of(name, names, sizeof(names) / sizeof(names[0]));
}

/* Headers that Connection names are of the hop, too. */
static bool is_named(const struct gate_head *head, struct span name)
{
    for (size_t i = 0; i < head->header_count; i++) {
        struct span rest = head->headers[i].value;
        if (!span_equal_nocase(head->headers[i].name, SPAN("connection")))
            continue;
        while (rest.len > 0)
            if (span_equal_nocase(span_trim(span_split(&rest, ',')), name))
                return true;
    }
    return false;
}

static void append_header(struct span name, struct span value, struct bytes *out)
{
    bytes_append_span(out, name);
    bytes_append_text(out, ": ");
    bytes_append_span(out, value);
    bytes_append_text(out, "\r\n");
}

/* A list that goes on with each hop: several headers of one name are one list (RFC 9110, 5.3). */
static void append_entry(struct span entry, struct bytes *list)
{
    bytes_append_text(list, list->len > 0 ? ", " : "");
    bytes_append_span(list, entry);
}

/* As Forwarded names a node (RFC 7239, 6). */
static void append_node(const char *via, struct bytes *list)
{
    bytes_auto entry = BYTES_INIT;
    bytes_printf(&entry, strchr(via, ':') ? "for=\"[%s]\"" : "for=%s", via);
    append_entry(bytes_span(&entry), list);
}

void upstream_request_write(const struct gate_head *head, const char *via, struct bytes *out)
{
    const struct span extensions = SPAN("sec-websocket-extensions");
    bytes_auto clients = BYTES_INIT, forwarded = BYTES_INIT;
    bool has_address = !span_equal(span_of(via), SPAN("unix"));
    bytes_append_text(out, "GET ");
    bytes_append_span(out, head->path);
    if (head->query.len > 0) {
        bytes_append_char(out, '?');
        bytes_append_span(out, head->query);
    }
    bytes_append_text(out, " HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
    for (size_t i = 0; i < head->header_count; i++) {
        struct span name = head->headers[i].name, value = head->headers[i].value;
        if (span_equal_nocase(name, SPAN("x-forwarded-for")))
            append_entry(value, &clients);
        else if (span_equal_nocase(name, SPAN("forwarded")))
            append_entry(value, &forwarded);
        else if (!is_of_hop(name) && !span_equal_nocase(name, extensions) && !is_named(head, name))
            append_header(name, value, out);
    }
    if (has_address)
        append_entry(span_of(via), &clients);
    if (clients.len > 0)
        append_header(SPAN("X-Forwarded-For"), bytes_span(&clients), out);
    if (forwarded.len > 0 && has_address)
        append_node(via, &forwarded);
    if (forwarded.len > 0)
        append_header(SPAN("Forwarded"), bytes_span(&forwarded), out);
    bytes_append_text(out, "\r\n");
}

static struct span header_of(const struct handshake_answer *answer, struct span wanted)
{
    struct span rest = answer->headers, name, value;
    while (handshake_header_next(&rest, &name, &value))
        if (span_equal_nocase(name, wanted))
            return value;
    return SPAN_NONE;
}

static bool is_chunked(const struct handshake_answer *answer)
{
    return span_equal_nocase(header_of(answer, SPAN("transfer-encoding")), SPAN("chunked"));
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The next chunk (RFC 9112, 7.1): 1; 0 behind the last one; -1 when it is none, or has not come whole. */
static int take_chunk(struct span *body, struct span *ret)
{
    size_t size = 0, digits = 0;
    struct span line = span_split(body, '\n');
    for (; digits < line.len && hex_digit(line.data[digits]) >= 0 && size <= UPSTREAM_REFUSAL_MAX; digits++)
        size = size * 16 + (size_t)hex_digit(line.data[digits]);
    if (digits == 0 || body->len < size + 2)
        return -1;
    *ret = (struct span){body->data, size};
    body->data += size + 2;
    body->len -= size + 2;
    return size > 0;
}

bool upstream_refusal_complete(const struct handshake_answer *answer, struct span body, bool ended)
{
    struct span chunk;
    uint64_t length;
    int more = 1;
    if (ended || body.len >= UPSTREAM_REFUSAL_MAX || answer->status == 204 || answer->status == 304)
        return true;
    if (!is_chunked(answer))
        return span_to_u64(header_of(answer, SPAN("content-length")), UINT32_MAX, &length) == 0 &&
               body.len >= length;
    while (more > 0)
        more = take_chunk(&body, &chunk);
    return more == 0;
}

void upstream_refusal_write(const struct handshake_answer *answer, struct span body, struct bytes *out)
{
    struct span rest = answer->headers, name, value, chunk;
    bytes_auto text = BYTES_INIT;
    uint64_t length;
    if (span_to_u64(header_of(answer, SPAN("content-length")), UINT32_MAX, &length) == 0 && length < body.len)
        body.len = (size_t)length;
    if (is_chunked(answer))
        while (take_chunk(&body, &chunk) > 0)
            bytes_append_span(&text, chunk);
    else
        bytes_append_span(&text, body);
    if (text.len > UPSTREAM_REFUSAL_MAX)
        text.len = UPSTREAM_REFUSAL_MAX;
    bytes_printf(out, "HTTP/1.1 %d ", answer->status);
    bytes_append_span(out, answer->reason);
    bytes_append_text(out, "\r\n");
    while (handshake_header_next(&rest, &name, &value))
        if (!is_of_hop(name))
            append_header(name, value, out);
    bytes_printf(out, "Content-Length: %zu\r\nConnection: close\r\n\r\n", text.len);
    bytes_append_span(out, bytes_span(&text));
}
