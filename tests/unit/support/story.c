/* SPDX-License-Identifier: MIT */
#include "story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct story_place {
    size_t told, len; /* the word in what was told */
    size_t said;      /* what had been said before it */
};

void story_init(struct story *s, const char *name, const struct story_table *table, void *machine)
{
    *s = (struct story){.name = name, .table = table, .machine = machine};
}

void story_finish(struct story *s)
{
    bytes_finish(&s->said);
    bytes_finish(&s->told);
    bytes_finish(&s->places);
}

static bool begins_with(struct span word, const char *text, size_t len)
{
    return word.len >= len && memcmp(word.data, text, len) == 0;
}

/* Whether the word is of this form; the bytes in front of its arguments. */
static bool fits(const char *form, struct span word, size_t *ret_front)
{
    size_t len = strlen(form);
    bool class = len > 2 && form[0] == '[' && form[len - 1] == ']',
         open = strchr("=!", form[len - 1]) && len > 1;
    *ret_front = class ? 1 : len;
    if (class)
        return memchr(form + 1, word.data[0], len - 2) != NULL;
    return begins_with(word, form, len) && (open || word.len == len);
}

static bool tell_by_table(struct story *s, struct span word)
{
    size_t front;
    for (size_t i = 0; i < s->table->count; i++) {
        const struct story_verb *verb = &s->table->verbs[i];
        if (!fits(verb->form, word, &front))
            continue;
        verb->tell(s->machine, word, (struct span){word.data + front, word.len - front});
        return true;
    }
    return false;
}

static void tell_word(struct story *s, struct span word)
{
    const struct story_place place = {.told = s->told.len, .len = word.len, .said = s->said.len};
    bytes_append(&s->places, &place, sizeof(place));
    bytes_append_span(&s->told, word);
    bytes_append_char(&s->told, ' ');
    if (tell_by_table(s, word))
        return;
    if (word.data[0] == '@' && s->table->pass)
        s->table->pass(s->machine, (int64_t)story_number((struct span){word.data + 1, word.len - 1}));
    else if (span_equal(word, SPAN("|")))
        story_say(s, "| ");
    else
        story_fail(s, "no such word");
}

void story_tell(struct story *s, const char *words)
{
    struct span rest = span_of(words);
    while (rest.len) {
        struct span word = span_split(&rest, ' ');
        if (!word.len)
            continue;
        tell_word(s, word);
        if (s->table->look)
            s->table->look(s->machine);
    }
}

void story_say(struct story *s, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    assert_in_range(vsnprintf(text, sizeof(text), format, args), 0, sizeof(text) - 1);
    va_end(args);
    bytes_append_text(&s->said, text);
}

void story_forget(struct story *s)
{
    bytes_reset(&s->said);
    bytes_reset(&s->places);
}

/* The last word told before the said text was longer than this; NULL when none was told. */
static const struct story_place *place_of(const struct story *s, size_t said)
{
    const struct story_place *places = (const struct story_place *)s->places.data, *last = NULL;
    for (size_t i = 0; i < s->places.len / sizeof(*places); i++)
        if (places[i].said <= said)
            last = &places[i];
    return last;
}

static void fail_at(struct story *s, size_t said, const char *why)
{
    const struct story_place *at = place_of(s, said);
    if (at)
        fail_msg("%s: %s\nat '%.*s' behind '%.*s'", s->name, why, (int)at->len, s->told.data + at->told,
                 (int)at->told, s->told.data);
    fail_msg("%s: %s\nat the beginning", s->name, why);
}

void story_expect(struct story *s, const char *expected)
{
    const char *said = bytes_text(&s->said);
    size_t same = 0;
    bytes_auto why = BYTES_INIT;

    if (span_equal(bytes_span(&s->said), span_of(expected)))
        return;
    while (said[same] && said[same] == expected[same])
        same++;
    bytes_printf(&why, "said\n    '%s', not\n    '%s'", said, expected);
    fail_at(s, same, bytes_text(&why));
}

void story_fail(struct story *s, const char *format, ...)
{
    char why[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    fail_at(s, SIZE_MAX, why);
}

uint64_t story_number(struct span text)
{
    uint64_t value;
    if (span_to_u64(text, UINT64_MAX, &value) < 0)
        fail_msg("'%.*s' is no number", (int)text.len, text.data);
    return value;
}
