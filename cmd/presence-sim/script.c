/* SPDX-License-Identifier: MIT */
#include "script.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int slurp(FILE *in, struct bytes *out)
{
    while (!feof(in) && !ferror(in) && out->len <= SCRIPT_SIZE_MAX) {
        char *to = bytes_reserve(out, 4096);
        out->len += fread(to, 1, 4096, in);
    }
    if (out->len > SCRIPT_SIZE_MAX)
        errno = EFBIG;
    return ferror(in) || out->len > SCRIPT_SIZE_MAX ? -1 : 0;
}

static int read_all(const char *file, struct bytes *out)
{
    if (!strcmp(file, "-"))
        return slurp(stdin, out);
    FILE *in = fopen(file, "re");
    if (!in)
        return -1;
    int result = slurp(in, out);
    fclose(in);
    return result;
}

static bool says_nothing(struct span line)
{
    struct span text = span_trim(line);
    return !text.len || text.data[0] == '#';
}

/* A file under way. */
struct reading {
    struct script *script;
    const char *file;
    int depth;
    char *error;
    size_t size;
};

static int read_file(struct reading *r);

static int include(const struct reading *by, struct span name)
{
    struct reading r = *by;
    const char *slash = strrchr(by->file, '/');
    struct script *s = by->script;
    bytes_auto path = BYTES_INIT;
    if (slash && name.len && name.data[0] != '/')
        bytes_append(&path, by->file, (size_t)(slash + 1 - by->file));
    bytes_append_span(&path, name);
    s->files = mem_realloc(s->files, (s->file_count + 1) * sizeof(*s->files));
    r.file = s->files[s->file_count++] = mem_strdup(bytes_text(&path));
    r.depth++;
    return read_file(&r);
}

static int add_line(const struct reading *r, int number, struct span text)
{
    struct script *s = r->script;
    struct span rest = span_trim(text);
    if (span_equal(span_split(&rest, ' '), SPAN("include")))
        return include(r, span_trim(rest));
    s->lines = mem_realloc(s->lines, (s->count + 1) * sizeof(*s->lines));
    s->lines[s->count++] = (struct script_line){r->file, number, mem_strndup(text.data, text.len)};
    return 0;
}

static int take_lines(const struct reading *r, struct span rest)
{
    bytes_auto joined = BYTES_INIT;
    int number = 0, first = 0;
    while (rest.len) {
        struct span line = span_split(&rest, '\n');
        number++;
        if (!joined.len)
            first = number;
        if (line.len && line.data[line.len - 1] == '\r')
            line.len--;
        if (line.len && line.data[line.len - 1] == '\\') {
            bytes_append(&joined, line.data, line.len - 1);
            bytes_append_char(&joined, ' ');
            continue;
        }
        bytes_append_span(&joined, line);
        if (!says_nothing(bytes_span(&joined)) && add_line(r, first, bytes_span(&joined)) < 0)
            return -1;
        bytes_reset(&joined);
    }
    return says_nothing(bytes_span(&joined)) ? 0 : add_line(r, first, bytes_span(&joined));
}

static int read_file(struct reading *r)
{
    bytes_auto text = BYTES_INIT;
    if (r->depth > SCRIPT_DEPTH_MAX) {
        snprintf(r->error, r->size, "%s: included too deeply", r->file);
        return -1;
    }
    if (read_all(r->file, &text)) {
        snprintf(r->error, r->size, "%s: %s", r->file, strerror(errno));
        return -1;
    }
    if (text.len && memchr(text.data, '\0', text.len)) {
        snprintf(r->error, r->size, "%s: not a text file", r->file);
        return -1;
    }
    return take_lines(r, bytes_span(&text));
}

int script_read(const char *file, struct script *ret, char *error, size_t size)
{
    struct script s = {0};
    struct reading r = {.script = &s, .file = file, .error = error, .size = size};
    if (read_file(&r) < 0) {
        script_finish(&s);
        return -1;
    }
    *ret = s;
    return 0;
}

void script_finish(struct script *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->lines[i].text);
    free(s->lines);
    for (size_t i = 0; i < s->file_count; i++)
        free(s->files[i]);
    free(s->files);
    *s = (struct script){0};
}
