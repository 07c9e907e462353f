/* SPDX-License-Identifier: MIT */
#include "http/forwarded.h"

#include <string.h>

bool forwarded_take_last(struct span *list, struct span *ret_item)
{
    const char *comma = list->len ? memrchr(list->data, ',', list->len) : NULL;
    size_t from = comma ? (size_t)(comma - list->data) + 1 : 0;
    struct span item = span_trim((struct span){list->data + from, list->len - from});
    if (item.len >= 2 && item.data[0] == '"' && item.data[item.len - 1] == '"')
        item = (struct span){item.data + 1, item.len - 2};
    *ret_item = item;
    list->len = comma ? from - 1 : 0;
    return comma;
}

static void advance(struct span *text, size_t count)
{
    text->data += count;
    text->len -= count;
}

static bool at(const struct span *text, const char *marks)
{
    return text->len > 0 && text->data[0] != '\0' && strchr(marks, text->data[0]);
}

static void skip_blanks(struct span *text)
{
    while (at(text, " \t"))
        advance(text, 1);
}

/* Up to one of the marks, or the end. */
static struct span take_until(struct span *text, const char *marks)
{
    struct span taken = {text->data, 0};
    while (text->len > 0 && !at(text, marks)) {
        advance(text, 1);
        taken.len++;
    }
    return taken;
}

/* Behind the opening quote. */
static int take_quoted(struct span *text, struct span *ret)
{
    struct span taken = {text->data, 0};
    while (taken.len < text->len && taken.data[taken.len] != '"')
        taken.len += taken.data[taken.len] == '\\' ? 2 : 1;
    if (taken.len >= text->len)
        return -1;
    advance(text, taken.len + 1);
    *ret = taken;
    return 0;
}

/* name=value, of which `for` is kept. It may stand once. */
static int take_pair(struct span *text, struct span *node)
{
    struct span name = take_until(text, "=;,\" \t"), value;

    if (name.len == 0 || !at(text, "="))
        return -1;
    advance(text, 1);
    if (at(text, "\"")) {
        advance(text, 1);
        if (take_quoted(text, &value))
            return -1;
    } else {
        value = take_until(text, ";,\" \t");
        if (value.len == 0)
            return -1;
    }
    if (!span_equal_nocase(name, SPAN("for")))
        return 0;
    if (node->data)
        return -1;
    *node = value;
    return 0;
}

int forwarded_take_first(struct span *text, struct span *ret_node)
{
    struct span node = SPAN_NONE;
    bool more;
    for (;;) {
        skip_blanks(text);
        if (text->len > 0 && !at(text, ";,") && take_pair(text, &node))
            return -1;
        skip_blanks(text);
        if (!at(text, ";"))
            break;
        advance(text, 1);
    }
    more = at(text, ",");
    if (text->len > 0 && !more)
        return -1;
    if (more)
        advance(text, 1);
    *ret_node = node;
    return more;
}

int forwarded_unescape(struct span quoted, char *out, size_t size)
{
    size_t len = 0;
    for (size_t i = 0; i < quoted.len; i++) {
        if (quoted.data[i] == '\\' && i + 1 < quoted.len)
            i++;
        if (len + 1 >= size || quoted.data[i] == '\0')
            return -1;
        out[len++] = quoted.data[i];
    }
    out[len] = '\0';
    return 0;
}
