/* SPDX-License-Identifier: MIT */
#include "wire/json_reader.h"

#include "base/utf8.h"
#include "wire/integer.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HUGE_TEXT "1e308" /* for what is beyond a double */

/* Brackets outside of strings. Counts alone: whether they match is jansson's to say. */
static bool too_deep(struct span text)
{
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && (c == '[' || c == '{') && ++depth > JSON_READER_DEPTH_MAX)
            return true;
        else if (!in_string && (c == ']' || c == '}') && depth > 0)
            depth--;
    }
    return false;
}

/* Whether jansson has no number for it; `ret_huge`: nor is it a finite double. */
static bool number_overflows(const char *text, bool *ret_huge)
{
    *ret_huge = !isfinite(strtod(text, NULL));
    if (*ret_huge || strpbrk(text, ".eE"))
        return *ret_huge;
    errno = 0;
    strtoll(text, NULL, 10);
    return errno == ERANGE;
}

/* Of what looks like a number; 0: it does not. */
static size_t number_length(struct span text)
{
    size_t len = 0;
    while (len < text.len && strchr("+-.0123456789eE", text.data[len]))
        len++;
    return len;
}

/* Appends a number as jansson can read it; what is none stays as it is, for jansson to refuse. */
static void append_number(struct span number, struct bytes *out)
{
    size_t start = out->len;
    bool huge;
    bytes_append_span(out, number);
    if (!number_overflows(bytes_text(out) + start, &huge))
        return;
    if (!huge) {
        bytes_append_text(out, "e0");
        return;
    }
    out->len = start;
    bytes_append_text(out, number.data[0] == '-' ? "-" HUGE_TEXT : HUGE_TEXT);
}

/* Of a string with its quotes, or of what is left of it. */
static size_t string_length(struct span text)
{
    size_t i = 1;
    while (i < text.len && text.data[i] != '"')
        i += text.data[i] == '\\' ? 2 : 1;
    return i < text.len ? i + 1 : text.len;
}

static void write_readable(struct span text, struct bytes *out)
{
    while (text.len) {
        size_t number = number_length(text), len = *text.data == '"' ? string_length(text) : 1;

        if (number) {
            len = number;
            append_number((struct span){text.data, number}, out);
        } else {
            bytes_append(out, text.data, len);
        }
        text = (struct span){text.data + len, text.len - len};
    }
}

json_t *json_reader_load(struct span text)
{
    bytes_auto readable = BYTES_INIT;
    json_error_t error;
    json_t *root;

    text = utf8_without_mark(text);
    if (text.len == 0 || memchr(text.data, '\0', text.len) || too_deep(text))
        return NULL;
    root = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, &error);
    if (root || json_error_code(&error) != json_error_numeric_overflow)
        return root;
    write_readable(text, &readable);
    return json_loadb(readable.data, readable.len, JSON_REJECT_DUPLICATES, NULL);
}

bool json_reader_integer(const json_t *value, int64_t *ret)
{
    if (json_is_real(value))
        return integer_of_real(json_real_value(value), ret);
    if (!json_is_integer(value))
        return false;
    *ret = json_integer_value(value);
    return true;
}

struct span json_reader_span(const json_t *value)
{
    if (!json_is_string(value))
        return SPAN_NONE;
    return (struct span){json_string_value(value), json_string_length(value)};
}

bool json_reader_is_nothing(const json_t *value)
{
    return !value || json_is_null(value);
}
