/* SPDX-License-Identifier: MIT */
/* Stories: what happens to a machine, as words in a line of text, and what the machine says to it.
 *
 * The words of a story are separated by spaces. Each is one of
 *
 *     VERB             con, lost: this happens
 *     VERB=ARGUMENTS   load=X,5,0,a1: the same with arguments, whose shape the verb decides
 *     VERB!ERROR       load!LOADING: the answer is an error
 *     SIGNARGUMENTS    +a1, b1, ?: a verb of one sign, with its arguments, if any, directly behind it
 *     @MS              time passes until then
 *     |                a mark in what is said: what stands before it was said earlier
 *
 * A test has a table of its machine's verbs. What the machine says is gathered as text; a story is fulfilled when
 * that is the text expected. A failure names the story, the word at which both texts part, and both texts. */
#ifndef TEST_SUPPORT_STORY_H
#define TEST_SUPPORT_STORY_H

#include "base/bytes.h"

struct story_verb {
    /* "con": this word. "load=", "load!": words that begin so. "[+-]": words that begin with one of the signs. */
    const char *form;
    /* `word` is all of it, `arguments` what stands behind the '=', the '!' or the sign. */
    void (*tell)(void *machine, struct span word, struct span arguments);
};

/* The first verb of the table that fits is taken. */
struct story_table {
    const struct story_verb *verbs;
    size_t count;
    void (*pass)(void *machine, int64_t until_ms); /* @MS; NULL: no time passes in these stories */
    void (*look)(void *machine);                   /* after each word: what always holds; may be NULL */
};

#define STORY_VERBS(array) .verbs = (array), .count = sizeof(array) / sizeof((array)[0])

struct story {
    const char *name;
    const struct story_table *table;
    void *machine;
    struct bytes said;
    struct bytes told;   /* the words so far, a space behind each */
    struct bytes places; /* of struct story_place: where each word since story_forget stands in both texts */
};

/* `name` must outlive it: of the case, or of the test. story_finish frees what was told and said. */
void story_init(struct story *s, const char *name, const struct story_table *table, void *machine);
void story_finish(struct story *s);

/* Tells the machine these words, behind those that it has been told. */
void story_tell(struct story *s, const char *words);

/* For the machine. */
void story_say(struct story *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Drops what was said so far. */
void story_forget(struct story *s);

/* Fails unless exactly this was said since story_forget. */
void story_expect(struct story *s, const char *expected);

/* Fails with the name of the story and the word that was told last. */
void story_fail(struct story *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Fails the test unless the text is a number. */
uint64_t story_number(struct span text);

#endif
