/* SPDX-License-Identifier: MIT */
#include "wire/json_peek.h"

#include "base/utf8.h"
#include "wire/integer.h"

#include <errno.h>
#include <stdlib.h>

#define NUMBER_MAX 4096 /* characters; a longer one counts as no integer */

void json_peek_init(struct json_peek *s, struct span text, bool whole)
{
    const struct span mark = SPAN("\xef\xbb\xbf");
    struct span rest = utf8_without_mark(text);

    if (!whole && rest.len && rest.len < mark.len && memcmp(rest.data, mark.data, rest.len) == 0)
        rest.len = 0; /* a part of the mark */
    s->at = rest.len ? rest.data : "";
    s->end = s->at + rest.len;
    s->whole = whole;
}

bool json_peek_at_end(struct json_peek *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
        s->at++;
    return s->at == s->end;
}

enum json_peek_result json_peek_char(struct json_peek *s, char expected)
{
    if (json_peek_at_end(s))
        return JSON_PEEK_SHORT;
    if (*s->at != expected)
        return JSON_PEEK_BAD;
    s->at++;
    return JSON_PEEK_OK;
}

enum json_peek_result json_peek_string(struct json_peek *s, struct span *ret)
{
    enum json_peek_result result = json_peek_char(s, '"');
    const char *first = s->at;
    if (result != JSON_PEEK_OK)
        return result;
    while (s->at < s->end && *s->at != '"') {
        if ((unsigned char)*s->at < 0x20)
            return JSON_PEEK_BAD;
        if (*s->at == '\\' && ++s->at == s->end)
            return JSON_PEEK_SHORT;
        s->at++;
    }
    if (s->at == s->end)
        return JSON_PEEK_SHORT;
    *ret = (struct span){first, (size_t)(s->at++ - first)};
    return JSON_PEEK_OK;
}

static enum json_peek_result skip_digits(struct json_peek *s)
{
    const char *first = s->at;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
        s->at++;
    if (s->at > first)
        return JSON_PEEK_OK;
    return s->at == s->end ? JSON_PEEK_SHORT : JSON_PEEK_BAD;
}

static bool skip_any(struct json_peek *s, const char *of)
{
    bool found = s->at < s->end && *s->at != '\0' && strchr(of, *s->at);

    s->at += found;
    return found;
}

/* The characters of a number (RFC 8259, 6). */
static enum json_peek_result skip_number(struct json_peek *s)
{
    enum json_peek_result result = JSON_PEEK_OK;
    skip_any(s, "-");
    if (!skip_any(s, "0"))
        result = skip_digits(s);
    if (result == JSON_PEEK_OK && skip_any(s, "."))
        result = skip_digits(s);
    if (result == JSON_PEEK_OK && skip_any(s, "eE")) {
        skip_any(s, "+-");
        result = skip_digits(s);
    }
    return result == JSON_PEEK_OK && s->at == s->end && !s->whole ? JSON_PEEK_SHORT : result;
}

static bool is_integer(const char *text, int64_t *ret)
{
    long long number;
    if (strpbrk(text, ".eE"))
        return integer_of_real(strtod(text, NULL), ret);
    errno = 0;
    number = strtoll(text, NULL, 10);
    if (errno)
        return false;
    *ret = number;
    return true;
}

static enum json_peek_result scan_number(struct json_peek *s, struct json_peek_value *ret)
{
    const char *first = s->at;
    enum json_peek_result result = skip_number(s);
    char text[NUMBER_MAX + 1];
    if (result == JSON_PEEK_OK &&
        span_copy((struct span){first, (size_t)(s->at - first)}, text, sizeof(text)) == 0)
        ret->integer = is_integer(text, &ret->number);
    return result;
}

static enum json_peek_result skip_word(struct json_peek *s, struct span word)
{
    size_t left = (size_t)(s->end - s->at), len = left < word.len ? left : word.len;
    if (memcmp(s->at, word.data, len) != 0)
        return JSON_PEEK_BAD;
    s->at += len;
    return len < word.len ? JSON_PEEK_SHORT : JSON_PEEK_OK;
}

static enum json_peek_result scan_scalar(struct json_peek *s, struct json_peek_value *ret)
{
    struct span text;
    switch (*s->at) {
    case '"': return json_peek_string(s, &text);
    case 't': return skip_word(s, SPAN("true"));
    case 'f': return skip_word(s, SPAN("false"));
    case 'n': return skip_word(s, SPAN("null"));
    default: return scan_number(s, ret);
    }
}

static enum json_peek_result skip_container(struct json_peek *s)
{
    struct json_peek_value inner;
    enum json_peek_result result = JSON_PEEK_OK;
    size_t depth = 0;
    do {
        if (json_peek_at_end(s))
            return JSON_PEEK_SHORT;
        if (skip_any(s, "[{"))
            depth++;
        else if (skip_any(s, "]}"))
            depth--;
        else if (!skip_any(s, ",:"))
            result = scan_scalar(s, &inner);
    } while (depth > 0 && result == JSON_PEEK_OK);
    return result;
}

enum json_peek_result json_peek_value(struct json_peek *s, struct json_peek_value *ret)
{
    ret->integer = false;
    if (json_peek_at_end(s))
        return JSON_PEEK_SHORT;
    return *s->at == '[' || *s->at == '{' ? skip_container(s) : scan_scalar(s, ret);
}
