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

static void add_line(struct script *s, int number, struct span text)
{
    s->lines = mem_realloc(s->lines, (s->count + 1) * sizeof(*s->lines));
    s->lines[s->count++] = (struct script_line){number, mem_strndup(text.data, text.len)};
}

static void take_lines(struct script *s, struct span rest)
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
        if (!says_nothing(bytes_span(&joined)))
            add_line(s, first, bytes_span(&joined));
        bytes_reset(&joined);
    }
    if (!says_nothing(bytes_span(&joined)))
        add_line(s, first, bytes_span(&joined));
}

int script_read(const char *file, struct script *ret, char *error, size_t size)
{
    bytes_auto text = BYTES_INIT;
    struct script s = {0};

    if (read_all(file, &text)) {
        snprintf(error, size, "%s: %s", file, strerror(errno));
        return -1;
    }
    if (text.len && memchr(text.data, '\0', text.len)) {
        snprintf(error, size, "%s: not a text file", file);
        return -1;
    }
    take_lines(&s, bytes_span(&text));
    *ret = s;
    return 0;
}

void script_finish(struct script *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->lines[i].text);
    free(s->lines);
    *s = (struct script){0};
}
