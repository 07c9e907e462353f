#include "base/settings_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX  (1 << 20)
#define READ_STEP 4096

int settings_read_whole(const char *path, size_t max, const char *what, struct bytes *out,
                        struct settings_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : 1;

    while (got > 0 && out->len <= max) {
        got = read(fd, bytes_reserve(out, READ_STEP), READ_STEP);
        if (got > 0)
            out->len += (size_t)got;
    }
    if (got < 0)
        settings_fail(error, "%s: %s: %s", what, path, strerror(errno));
    if (fd >= 0)
        close(fd);
    if (got < 0)
        return -1;
    if (out->len > max || memchr(out->data, '\0', out->len)) {
        settings_fail(error, "%s: %s: must be a text of at most %zu bytes", what, path, max);
        return -1;
    }
    return 0;
}

/* The next line without its end. */
static struct span next_line(struct span *rest)
{
    struct span line = span_split(rest, '\n');

    if (line.len && line.data[line.len - 1] == '\r')
        line.len--;
    return span_trim(line);
}

static bool is_blank_or_comment(struct span line)
{
    return !line.len || line.data[0] == '#';
}

static bool is_key(struct span key)
{
    for (size_t i = 0; i < key.len; i++) {
        char c = key.data[i];

        if (!(c == '_' || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')))
            return false;
    }
    return key.len > 0;
}

static struct span unquote(struct span value)
{
    char quote = value.len >= 2 ? value.data[0] : 0;

    if ((quote != '"' && quote != '\'') || value.data[value.len - 1] != quote)
        return value;
    return (struct span){value.data + 1, value.len - 2};
}

/* The line itself is not shown: it may hold a secret. */
static int check_lines(const struct settings_file *f, struct settings_error *error)
{
    struct span rest = bytes_span(&f->text);

    for (unsigned number = 1; rest.len; number++) {
        struct span line = next_line(&rest);
        struct span value = line;
        struct span key = span_trim(span_split(&value, '='));

        if (is_blank_or_comment(line))
            continue;
        if (key.data + key.len == line.data + line.len || !is_key(key)) {
            settings_fail(error, "%s:%u: must be KEY=value, a comment (#) or empty", f->path, number);
            return -1;
        }
    }
    return 0;
}

int settings_file_read(struct settings_file *f, const char *path, struct settings_error *error)
{
    f->path = path;
    if (settings_read_whole(path, FILE_MAX, "--config", &f->text, error))
        return -1;
    return check_lines(f, error);
}

struct span settings_file_find(const struct settings_file *f, const char *key, unsigned *ret_line)
{
    struct span rest = bytes_span(&f->text), found = SPAN_NONE;

    for (unsigned number = 1; rest.len; number++) {
        struct span value = next_line(&rest);

        if (is_blank_or_comment(value) || !span_equal(span_trim(span_split(&value, '=')), span_of(key)))
            continue;
        found = unquote(span_trim(value));
        *ret_line = number;
    }
    return found;
}

void settings_file_finish(struct settings_file *f)
{
    bytes_finish(&f->text);
}
