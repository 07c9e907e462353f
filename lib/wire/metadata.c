#include "wire/metadata.h"

#include <math.h>
#include <string.h>

#define REAL_DIGITS 15 /* what a double surely keeps, so that 0.1 stays 0.1 */

static int write_value(struct cursor *c, unsigned depth, struct bytes *out);

static int write_array(struct cursor *c, uint32_t count, unsigned depth, struct bytes *out)
{
    bytes_append_char(out, '[');
    for (uint32_t i = 0; i < count; i++) {
        if (i)
            bytes_append_char(out, ',');
        if (write_value(c, depth, out) < 0)
            return -1;
    }
    bytes_append_char(out, ']');
    return 0;
}

/* Readers of JSON refuse it (jansson) or cut there. */
static bool has_nul(struct span text)
{
    return text.len && memchr(text.data, '\0', text.len);
}

/* Whether a map that starts at `c` has the key among its first `count` ones: walked again, since nothing is
 * kept. */
static bool has_key(struct cursor c, uint32_t count, unsigned depth, struct span key)
{
    struct cursor_value v;

    while (count--) {
        if (cursor_next(&c, &v) != CURSOR_OK || cursor_is_text(&v, key))
            return true;
        if (cursor_skip(&c, depth) != CURSOR_OK)
            return true;
    }
    return false;
}

/* As in JSON, a key is valid UTF-8 and stands once. */
static int write_map(struct cursor *c, uint32_t count, unsigned depth, struct bytes *out)
{
    const struct cursor start = *c;
    struct cursor_value key;

    bytes_append_char(out, '{');
    for (uint32_t i = 0; i < count; i++) {
        if (cursor_next(c, &key) != CURSOR_OK || key.kind != CURSOR_STR || has_nul(key.text) ||
            !utf8_valid(key.text) || has_key(start, i, depth, key.text))
            return -1;
        if (i)
            bytes_append_char(out, ',');
        bytes_append_json(out, key.text);
        bytes_append_char(out, ':');
        if (write_value(c, depth, out) < 0)
            return -1;
    }
    bytes_append_char(out, '}');
    return 0;
}

static void write_scalar(const struct cursor_value *v, struct bytes *out)
{
    switch (v->kind) {
    case CURSOR_BOOL: bytes_append_text(out, v->number ? "true" : "false"); return;
    case CURSOR_INT: bytes_append_i64(out, v->number); return;
    /* Above what readers of JSON take for an integer. */
    case CURSOR_UINT64: bytes_printf(out, "%.*g", REAL_DIGITS, (double)(uint64_t)v->number); return;
    case CURSOR_STR: bytes_append_json(out, v->text); return;
    case CURSOR_FLOAT:
        if (isfinite(v->real)) {
            bytes_printf(out, "%.*g", REAL_DIGITS, v->real);
            return;
        }
        break;
    default: break;
    }
    bytes_append_text(out, "null");
}

static int write_container(struct cursor *c, const struct cursor_value *v, unsigned depth, struct bytes *out)
{
    if (depth == 0)
        return -1;
    if (v->kind == CURSOR_MAP)
        return write_map(c, v->count, depth - 1, out);
    return write_array(c, v->count, depth - 1, out);
}

/* Recurses to `depth`. */
static int write_value(struct cursor *c, unsigned depth, struct bytes *out)
{
    struct cursor_value v;

    if (cursor_next(c, &v) != CURSOR_OK)
        return -1;
    if (v.kind >= CURSOR_ARRAY)
        return write_container(c, &v, depth, out);
    if (v.kind == CURSOR_STR && has_nul(v.text))
        return -1;
    write_scalar(&v, out);
    return out->len > METADATA_SIZE_MAX ? -1 : 0;
}

int metadata_from_msgpack(struct cursor *c, unsigned depth, struct bytes *out)
{
    struct cursor_value v;

    if (out->len != 0 || cursor_next(c, &v) != CURSOR_OK)
        return -1;
    if (cursor_is_nothing(&v))
        return 0;
    if (v.kind != CURSOR_MAP || write_container(c, &v, depth, out) < 0)
        return -1;
    return out->len > METADATA_SIZE_MAX ? -1 : 0;
}

int metadata_from_json(const json_t *value, struct bytes *out)
{
    const size_t flags = JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS);
    size_t len;

    if (jsontext_is_nothing(value))
        return 0;
    if (!json_is_object(value))
        return -1;
    len = json_dumpb(value, bytes_reserve(out, METADATA_SIZE_MAX), METADATA_SIZE_MAX, flags);
    if (len == 0 || len > METADATA_SIZE_MAX)
        return -1;
    out->len += len;
    return 0;
}
