#include "base/program_inner.h"

#include <string.h>

struct flag_cursor program_flags(const struct program_info *p)
{
    return (struct flag_cursor){.tables = p->tables, .count = p->table_count};
}

struct flag_cursor command_flags(const struct command_info *command)
{
    return (struct flag_cursor){.tables = command->tables, .count = command->table_count, .everywhere = 2};
}

/* On to the tables that every program has. */
static bool next_everywhere(struct flag_cursor *c)
{
    if (c->everywhere == 2)
        return false;
    c->tables = c->everywhere++ ? &program_everywhere : &settings_everywhere;
    c->count = 1;
    c->table = c->row = 0;
    return true;
}

const struct setting *flag_next(struct flag_cursor *c)
{
    do {
        for (; c->table < c->count; c->table++, c->row = 0) {
            while (c->row < c->tables[c->table].count) {
                const struct setting *row = &c->tables[c->table].rows[c->row++];

                if (row->flag && !row->secret)
                    return row;
            }
        }
    } while (next_everywhere(c));
    return NULL;
}

static bool is_bracket(char c)
{
    return c == '[' || c == ']' || c == '<' || c == '>';
}

bool argument_next(struct span *rest, struct argument *ret)
{
    struct span word = SPAN_NONE;

    while (rest->len && !word.len)
        word = span_split(rest, ' ');
    if (!word.len)
        return false;
    ret->repeats = false;
    while (word.len && is_bracket(word.data[0])) {
        word.data++;
        word.len--;
    }
    while (word.len && (is_bracket(word.data[word.len - 1]) || word.data[word.len - 1] == '.'))
        ret->repeats |= word.data[--word.len] == '.';
    ret->name = word;
    return true;
}

enum value_kind argument_kind(struct span name)
{
    if (span_equal_nocase(name, SPAN("FILE")))
        return VALUE_FILE;
    if (span_equal_nocase(name, SPAN("DIR")))
        return VALUE_DIR;
    return name.len && memchr(name.data, '|', name.len) ? VALUE_WORDS : VALUE_FREE;
}

void append_words(struct span choices, struct bytes *out)
{
    while (choices.len) {
        bytes_append_span(out, span_split(&choices, '|'));
        if (choices.len)
            bytes_append_char(out, ' ');
    }
}

void append_function(const char *name, struct bytes *out)
{
    bytes_append_char(out, '_');
    for (; *name; name++)
        bytes_append_char(out, *name == '-' ? '_' : *name);
}
