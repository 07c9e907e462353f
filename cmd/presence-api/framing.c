/* SPDX-License-Identifier: MIT */
#include "framing.h"

#include "http/gate.h"

#include <string.h>
#include <strings.h>

static void fail(struct framing *f, const char *fault)
{
    if (!f->fault)
        f->fault = fault;
}

/* Ids in paths may be written as raw UTF-8, which the gate has no use for. */
static bool is_target(struct span target)
{
    for (size_t i = 0; i < target.len; i++) {
        unsigned char c = (unsigned char)target.data[i];
        if (c <= ' ' || c == 0x7f || c == '#')
            return false;
    }
    return target.len > 0;
}

/* Whether a line begins here, behind the end of the one before: CRLF or LF, each byte now a NUL. */
static bool is_next_line(const char *end, const char *line)
{
    return line == end + 1 || (line == end + 2 && !end[1]);
}

void framing_begin(struct framing *f, const char *method, struct span target, const char *place,
                   const char *version)
{
    f->http_1_0 = strcmp(version, "HTTP/1.0") == 0;
    f->at = version + strlen(version);
    if (!gate_token_valid(span_of(method)) || (f->in_place && method + strlen(method) + 1 != place))
        fail(f, "A method that is none");
    if (!is_target(target) || (f->in_place && place + target.len + 1 != version))
        fail(f, "A space or a control character in the target");
}

/* The further lines of a folded header are appended to its name, which moves elsewhere for that (0.9), or
 * joined to its value, which http.c has the library refuse (1.0). */
static bool is_folded(const char *name, const char *value)
{
    const char *behind = name + strlen(name) + 1;
    return value < behind || behind + strspn(behind, " \t") != value;
}

static void check_form(struct framing *f, const char *name, const char *value)
{
    if (!gate_token_valid(span_of(name)))
        fail(f, "A header without a name, or with a space in it");
    else if (!value || is_folded(name, value))
        fail(f, "A folded header");
    else if (!gate_value_valid(span_of(value)) || (f->in_place && !is_next_line(f->at, name)))
        fail(f, "A control character in a header");
    f->at = value ? value + strlen(value) : name;
}

void framing_header(struct framing *f, const char *name, const char *value)
{
    struct span text = span_of(value ? value : "");
    check_form(f, name, value);
    f->hosts += strcasecmp(name, "Host") == 0;
    if (strcasecmp(name, "Content-Length") == 0) {
        f->lengths++;
        span_to_u64(text, UINT64_MAX, &f->length);
    } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
        f->codings++;
        f->chunked = span_equal_nocase(text, SPAN("chunked"));
    } else if (strcasecmp(name, "Expect") == 0) {
        f->expects = true;
    }
}

/* The last line's end, and the empty line. */
static bool is_end(const char *at, const char *end)
{
    size_t left = end > at ? (size_t)(end - at) : 0;
    return left >= 2 && left <= 4 && memcmp(at, "\0\0\0", left) == 0;
}

const char *framing_end(struct framing *f, const char *end)
{
    if (f->in_place && !is_end(f->at, end))
        fail(f, "A control character in a header");
    if (f->hosts > 1 || (f->hosts == 0 && !f->http_1_0))
        fail(f, "One Host is needed");
    if (f->lengths > 1)
        fail(f, "More than one Content-Length");
    if (f->codings > 0 && f->lengths > 0)
        fail(f, "Content-Length beside Transfer-Encoding");
    if (f->codings > 1 || (f->codings == 1 && (!f->chunked || f->http_1_0)))
        fail(f, "Transfer-Encoding other than chunked");
    return f->fault;
}
