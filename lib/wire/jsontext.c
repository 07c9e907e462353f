#include "wire/jsontext.h"

#include <string.h>

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
        else if (!in_string && (c == '[' || c == '{') && ++depth > JSONTEXT_DEPTH_MAX)
            return true;
        else if (!in_string && (c == ']' || c == '}') && depth > 0)
            depth--;
    }
    return false;
}

json_t *jsontext_load(struct span text)
{
    if (text.len == 0 || memchr(text.data, '\0', text.len) || too_deep(text))
        return NULL;
    return json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
}

struct span jsontext_span(const json_t *value)
{
    if (!json_is_string(value))
        return SPAN_NONE;
    return (struct span){json_string_value(value), json_string_length(value)};
}

bool jsontext_is_nothing(const json_t *value)
{
    return !value || json_is_null(value);
}
