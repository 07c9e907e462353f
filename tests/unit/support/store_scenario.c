/* SPDX-License-Identifier: MIT */
#include "store_scenario.h"
#include "store_view_checker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCENARIO_WORDS 24

static size_t scenario_words(char *text, char **words)
{
    size_t count = 0;
    for (char *word; (word = strsep(&text, " "));)
        if (*word && count < SCENARIO_WORDS)
            words[count++] = word;
    return count;
}

static void scenario_option(struct store_redis *t, char *word, struct session_op *op)
{
    char *value = strchr(word, '=');
    assert_non_null(value);
    *value++ = '\0';
    if (strcmp(word, "left") == 0)
        op->beat_ms = store_redis_now(t) - t->ttl_ms + atoll(value);
    else if (strcmp(word, "at") == 0)
        op->beat_ms = store_redis_now(t) + atoll(value);
    else if (strcmp(word, "groups") == 0)
        op->groups = span_of(value);
    else if (strcmp(word, "opened") == 0)
        op->opened_ms = (*value == '-' ? store_redis_now(t) : 0) + atoll(value);
    else if (strcmp(word, "extra") == 0)
        op->extra = span_of(value);
    else if (strcmp(word, "grace") == 0)
        op->grace_ms = atoll(value);
    else if (strcmp(word, "metadata") == 0)
        op->metadata = span_of(value);
    else if (strcmp(word, "role") == 0)
        assert_int_equal(role_parse(span_of(value), &op->role), 0);
    else
        store_redis_fail(word);
}

static void scenario_op(struct store_redis *t, char kind, char **words, size_t count, char *out, size_t size)
{
    struct session_op op = store_redis_op(kind, words[1], "", "");
    struct span *places[] = {&op.session, &op.device};
    size_t place = 0;
    for (size_t i = 2; i < count; i++) {
        if (strchr(words[i], '='))
            scenario_option(t, words[i], &op);
        else if (place < 2)
            *places[place++] = span_of(words[i]);
    }
    if (store_redis_apply(t, &op, 1) == 0)
        snprintf(out, size, "%.*s", (int)t->answer.outcomes.len, t->answer.outcomes.data);
    else
        snprintf(out, size, "%s", t->result == STORE_FENCED ? "fenced" : "error");
}

static void scenario_repair(struct store_redis *t, char **words, size_t count, char *out, size_t size)
{
    struct span users[SCENARIO_WORDS];
    for (size_t i = 1; i < count; i++)
        users[i - 1] = span_of(words[i]);
    assert_int_equal(store_redis_repair(t, users, count - 1), 0);
    snprintf(out, size, "%.*s", (int)t->answer.outcomes.len, t->answer.outcomes.data);
}

static bool scenario_set(struct store_view_checker *w, char **words, size_t count)
{
    static char node[NODE_ID_SIZE];
    struct store_redis *t = w->t;
    int64_t number = count > 1 ? atoll(words[1]) : 0;
    if (strcmp(words[0], "tampered") == 0) {
        w->may_repeat = true;
    } else if (strcmp(words[0], "mended") == 0) {
        w->may_repeat = false;
    } else if (strcmp(words[0], "node") == 0) {
        snprintf(node, sizeof(node), "%s", words[1]);
        strcpy(t->store.node, node);
    } else if (strcmp(words[0], "generation") == 0) {
        t->store.generation = (uint64_t)number;
    } else if (strcmp(words[0], "holdback") == 0) {
        t->holdback_ms = number;
    } else if (strcmp(words[0], "gap") == 0) {
        t->gap_ms = number;
    } else if (strcmp(words[0], "limit") == 0) {
        t->limit = number;
    } else if (strcmp(words[0], "wait") == 0) {
        store_redis_wait_until(t, store_redis_now(t) + number);
    } else {
        return false;
    }
    return true;
}

/* Whether something happened that the view checker should look at. */
static bool scenario_step(struct store_view_checker *w, char **words, size_t count, char *out, size_t size)
{
    static const struct {
        const char *word;
        char kind;
    } kinds[] = {{"open", 'o'},  {"beat", 'b'},  {"assert", 'r'}, {"end", 'e'},
                 {"grace", 'g'}, {"drain", 'd'}, {"force", 'f'},  {"refused", 'u'}};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(words[0], kinds[i].word) == 0) {
            scenario_op(w->t, kinds[i].kind, words, count, out, size);
            return true;
        }
    if (strcmp(words[0], "sweep") == 0)
        assert_int_equal(store_redis_sweep(w->t), 0);
    else if (strcmp(words[0], "repair") == 0)
        scenario_repair(w->t, words, count, out, size);
    else if (strcmp(words[0], "redis") == 0)
        snprintf(out, size, "%s", store_redis_text(w->t, (int)count - 1, (const char *const *)words + 1));
    else if (scenario_set(w, words, count))
        return false;
    else
        store_redis_fail(words[0]);
    return true;
}

static void store_scenario_run(struct store_redis *t, const struct scenario *s)
{
    struct store_view_checker w = {.t = t};
    print_message("%s\n", s->name);
    store_redis_clear(t);
    for (const struct step *step = s->steps; step->what; step++) {
        char text[1024], got[8192] = "", *words[SCENARIO_WORDS];
        snprintf(text, sizeof(text), "%s", step->what);
        if (!scenario_step(&w, words, scenario_words(text, words), got, sizeof(got)))
            continue;
        store_view_checker_look(&w);
        if (strlen(got) + strlen(w.events) < sizeof(got))
            strcat(got, w.events + (got[0] == '\0' && w.events[0] == ' '));
        if (step->expected && strcmp(got, step->expected) != 0)
            print_error("  at: %s\n", step->what);
        assert_string_equal(got, step->expected ? step->expected : got);
    }
}

void store_scenario_run_all(const struct scenario *list, size_t count)
{
    struct store_redis *t = mem_zalloc(sizeof(*t));
    store_redis_start(t);
    for (size_t i = 0; i < count; i++)
        store_scenario_run(t, &list[i]);
    store_redis_stop(t);
    free(t);
}
