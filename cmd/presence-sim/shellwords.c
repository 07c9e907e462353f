/* SPDX-License-Identifier: MIT */
#include "shellwords.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LEN 63

struct splitter {
    struct span rest;
    shellwords_lookup *lookup;
    void *arg;
    struct bytes word;
    bool in_word;
    char *error;
    size_t size;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static char take(struct splitter *s)
{
    s->rest.len--;
    return *s->rest.data++;
}

static int fail(struct splitter *s, const char *what, const char *detail)
{
    snprintf(s->error, s->size, "%s%s", what, detail);
    return -1;
}

static int take_name(struct splitter *s, bool braces, char *out)
{
    size_t len = 0;
    while (len < s->rest.len && is_name_char(s->rest.data[len]))
        len++;
    if (!len || len > NAME_MAX_LEN || (braces && (len == s->rest.len || s->rest.data[len] != '}')))
        return fail(s, "a '$' without a name behind it", "");
    memcpy(out, s->rest.data, len);
    out[len] = '\0';
    s->rest.data += len + braces;
    s->rest.len -= len + braces;
    return 0;
}

static int variable(struct splitter *s)
{
    char name[NAME_MAX_LEN + 1];
    bool braces = s->rest.len && s->rest.data[0] == '{';
    if (!s->lookup) {
        bytes_append_char(&s->word, '$');
        return 0;
    }
    if (braces)
        take(s);
    if (take_name(s, braces, name))
        return -1;
    const char *value = s->lookup(s->arg, name);
    if (!value)
        return fail(s, "no such variable: ", name);
    bytes_append_text(&s->word, value);
    return 0;
}

static int one_char(struct splitter *s, char c)
{
    if (c == '$')
        return variable(s);
    if (c == '\\' && s->rest.len)
        c = take(s);
    bytes_append_char(&s->word, c);
    return 0;
}

static int quoted(struct splitter *s, char quote)
{
    while (s->rest.len) {
        char c = take(s);
        if (c == quote)
            return 0;
        if (quote == '\'')
            bytes_append_char(&s->word, c);
        else if (one_char(s, c))
            return -1;
    }
    return fail(s, "a quote does not end", "");
}

static void end_word(struct splitter *s, struct shellwords *w)
{
    if (!s->in_word)
        return;
    w->items = mem_realloc(w->items, (w->count + 1) * sizeof(*w->items));
    w->items[w->count++] = mem_strndup(s->word.data ? s->word.data : "", s->word.len);
    bytes_reset(&s->word);
    s->in_word = false;
}

static int split(struct splitter *s, struct shellwords *w)
{
    while (s->rest.len) {
        char c = take(s);
        if (is_blank(c)) {
            end_word(s, w);
            continue;
        }
        if (c == '#' && !s->in_word)
            break;
        s->in_word = true;
        if (c == '\'' || c == '"' ? quoted(s, c) : one_char(s, c))
            return -1;
    }
    end_word(s, w);
    return 0;
}

int shellwords_split(struct span line, shellwords_lookup *lookup, void *arg, struct shellwords *ret,
                     char *error, size_t size)
{
    struct splitter s = {.rest = line, .lookup = lookup, .arg = arg, .error = error, .size = size};
    struct shellwords w = {0};
    int result = split(&s, &w);
    bytes_finish(&s.word);
    if (result)
        shellwords_finish(&w);
    else
        *ret = w;
    return result;
}

void shellwords_finish(struct shellwords *w)
{
    for (size_t i = 0; i < w->count; i++)
        free(w->items[i]);
    free(w->items);
    *w = (struct shellwords){0};
}
