/* SPDX-License-Identifier: MIT */
#include "http/gate.h"

#include <string.h>

#define METHOD_MAX 32

/* RFC 9110, 5.6.2. */
static bool is_token_char(unsigned char c)
{
    if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
        return true;
    return c > 0x20 && c < 0x7f && strchr("!#$%&'*+-.^_`|~", c);
}

bool gate_token_valid(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_token_char((unsigned char)text.data[i]))
            return false;
    return text.len > 0;
}

static bool is_target(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.data[i] <= 0x20 || (unsigned char)text.data[i] >= 0x7f || text.data[i] == '#')
            return false;
    return text.len > 0;
}

bool gate_value_valid(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

/* The next line without its end; false when it has not come whole. */
static bool next_line(struct span data, size_t *at, struct span *ret)
{
    const char *start = data.data + *at;
    const char *end = *at < data.len ? memchr(start, '\n', data.len - *at) : NULL;

    if (!end)
        return false;
    *at += (size_t)(end - start) + 1;
    if (end > start && end[-1] == '\r')
        end--;
    *ret = (struct span){start, (size_t)(end - start)};
    return true;
}

/* Nothing that speaks HTTP: said at once, not after the deadline. */
static bool starts_like_method(struct span data)
{
    for (size_t i = 0; i < data.len && i <= METHOD_MAX; i++) {
        if (data.data[i] == ' ')
            return i > 0;
        if (!is_token_char((unsigned char)data.data[i]))
            return false;
    }
    return data.len <= METHOD_MAX;
}

static int parse_version(struct span text, struct gate_head *head)
{
    if (text.len != 8 || memcmp(text.data, "HTTP/", 5) != 0 || text.data[6] != '.')
        return 400;
    if (text.data[5] < '0' || text.data[5] > '9' || text.data[7] < '0' || text.data[7] > '9')
        return 400;
    if (text.data[5] != '1')
        return 505;
    head->minor_version = text.data[7] - '0';
    return 0;
}

/* Origin form, or absolute form (RFC 9112, 3.2), whose authority says no more than Host does. */
static int split_target(struct gate_head *head)
{
    struct span rest = head->target;
    const char *query;
    if (rest.data[0] != '/') {
        const char *mark = memmem(rest.data, rest.len, "://", 3);
        const char *slash;
        if (!mark)
            return 400;
        mark += 3;
        slash = memchr(mark, '/', rest.len - (size_t)(mark - rest.data));
        if (!slash)
            return 400;
        rest = (struct span){slash, rest.len - (size_t)(slash - rest.data)};
    }
    query = memchr(rest.data, '?', rest.len);
    head->path = rest;
    head->query = SPAN_NONE;
    if (query) {
        head->path.len = (size_t)(query - rest.data);
        head->query = (struct span){query + 1, rest.len - head->path.len - 1};
    }
    return 0;
}

static int parse_request_line(struct span line, struct gate_head *head)
{
    struct span rest = line;
    int status;
    head->method = span_split(&rest, ' ');
    head->target = span_split(&rest, ' ');
    if (!gate_token_valid(head->method) || head->method.len > METHOD_MAX || !is_target(head->target))
        return 400;
    status = parse_version(rest, head);
    return status ? status : split_target(head);
}

static int parse_header(struct span line, struct gate_head *head)
{
    const char *colon = memchr(line.data, ':', line.len);
    struct span name, value;
    if (!colon)
        return 400;
    name = (struct span){line.data, (size_t)(colon - line.data)};
    value = span_trim((struct span){colon + 1, line.len - name.len - 1});
    /* A folded line begins with a space, which is in no name either. */
    if (!gate_token_valid(name) || !gate_value_valid(value))
        return 400;
    if (head->header_count == sizeof(head->headers) / sizeof(head->headers[0]))
        return 431;
    head->headers[head->header_count].name = name;
    head->headers[head->header_count].value = value;
    head->header_count++;
    return 0;
}

/* RFC 9112, 3.2: one Host, and none only before HTTP/1.1. */
static int check_host(const struct gate_head *head)
{
    size_t hosts = 0;
    for (size_t i = 0; i < head->header_count; i++)
        hosts += span_equal_nocase(head->headers[i].name, SPAN("host"));
    return hosts > 1 || (hosts == 0 && head->minor_version > 0) ? 400 : 0;
}

static int incomplete(struct span data)
{
    return data.len >= GATE_HEAD_MAX ? 431 : -1;
}

static int parse_headers(struct span data, size_t at, struct gate_head *head)
{
    struct span line;
    int status;
    while (next_line(data, &at, &line)) {
        if (line.len == 0) {
            head->length = at;
            return at > GATE_HEAD_MAX ? 431 : check_host(head);
        }
        status = parse_header(line, head);
        if (status)
            return status;
    }
    return incomplete(data);
}

int gate_head_parse(struct span data, struct gate_head *ret)
{
    struct gate_head head;
    struct span line;
    size_t at = 0;
    int status;
    head.header_count = 0;
    /* RFC 9112, 2.2: an empty line before the request is ignored. */
    if (data.len > 0 && (data.data[0] == '\r' || data.data[0] == '\n')) {
        if (!next_line(data, &at, &line))
            return data.len > 1 ? 400 : -1;
        if (line.len > 0)
            return 400;
    }
    if (at < data.len && !starts_like_method((struct span){data.data + at, data.len - at}))
        return 400;
    if (!next_line(data, &at, &line))
        return incomplete(data);
    status = parse_request_line(line, &head);
    if (status == 0)
        status = parse_headers(data, at, &head);
    if (status == 0)
        *ret = head;
    return status;
}

struct span gate_head_get(const struct gate_head *head, const char *name)
{
    struct span wanted = span_of(name);
    for (size_t i = 0; i < head->header_count; i++)
        if (span_equal_nocase(head->headers[i].name, wanted))
            return head->headers[i].value;
    return SPAN_NONE;
}
