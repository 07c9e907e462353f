/* SPDX-License-Identifier: MIT */
/* Push-to-talk in a scenario: who talks to whom, and what was heard of it. */
#include "scenario.h"

#include "base/clock.h"
#include "base/mem.h"
#include "talk.h"

#include <stdlib.h>
#include <string.h>

#define TICK_MS    5
#define SECOND_US  1000000
#define RATE_FIRST 50
#define RATE_MAX   1000
#define SIZE_FIRST 200

struct conversation {
    struct talk *talk;
    struct sim *sim;
    struct wheel_timer timer;
    int64_t rate, since_us;
    uint64_t due; /* frames whose time has passed */
};

static void on_time(struct wheel_timer *timer, int64_t now_ms)
{
    struct conversation *c = list_entry(timer, struct conversation, timer);
    int64_t now_us = clock_mono_us();
    talk_join(c->talk);
    for (; c->since_us + (int64_t)c->due * SECOND_US / c->rate <= now_us; c->due++)
        talk_frame(c->talk, now_us);
    sim_start(c->sim, &c->timer, TICK_MS);
    sim_news(c->sim);
}

static size_t phones_of(const struct scenario *s, const char *pattern, struct phone **ret)
{
    size_t count = 0;
    for (size_t i = 0; i < s->actors.phone_count; i++)
        if (scenario_matches(pattern, s->actors.phones[i]->config.name))
            ret[count++] = s->actors.phones[i];
    return count;
}

static int take_number(const char *value, int64_t least, int64_t most, int64_t *ret)
{
    uint64_t number;
    if (span_to_u64(span_of(value), (uint64_t)most, &number) || (int64_t)number < least)
        return -1;
    *ret = (int64_t)number;
    return 0;
}

static int take_option(const char *word, int64_t *rate, int64_t *size)
{
    const char *value;
    if ((value = scenario_option(word, "rate")))
        return take_number(value, 1, RATE_MAX, rate);
    if ((value = scenario_option(word, "size")))
        return take_number(value, TALK_SIZE_MIN, TALK_SIZE_MAX, size);
    return -1;
}

static void begin(struct scenario *s, const char *group, struct phone *const *phones, size_t count,
                  int64_t rate, int64_t size)
{
    struct conversation *c = mem_zalloc(sizeof(*c));
    c->sim = &s->sim;
    c->rate = rate;
    c->since_us = clock_mono_us();
    c->talk = talk_create(group, phones, count, (size_t)size, NULL);
    wheel_timer_init(&c->timer, on_time);
    sim_start(&s->sim, &c->timer, 0);
    s->actors.conversations = mem_realloc(s->actors.conversations,
                                          (s->actors.conversation_count + 1) * sizeof(struct conversation *));
    s->actors.conversations[s->actors.conversation_count++] = c;
}

enum outcome statement_talk(struct scenario *s, const struct shellwords *w)
{
    mem_auto struct phone **phones = mem_array(s->actors.phone_count + 1, sizeof(struct phone *));
    int64_t rate = RATE_FIRST, size = SIZE_FIRST;
    size_t count = phones_of(s, w->items[2], phones);
    for (size_t i = 3; i < w->count; i++)
        if (take_option(w->items[i], &rate, &size))
            return scenario_say(s, OUTCOME_WRONG, "no such option or value: %.200s", w->items[i]);
    if (count < 2)
        return scenario_say(s, OUTCOME_WRONG, "fewer than two phones are called %.200s", w->items[2]);
    for (size_t i = 0; i < count; i++)
        if (phones[i]->message)
            return scenario_say(s, OUTCOME_WRONG, "%.200s is in a group already", phones[i]->config.name);
    begin(s, w->items[1], phones, count, rate, size);
    return OUTCOME_DONE;
}

static enum outcome ask_member(struct scenario *s, const struct talk_member *m, uint64_t wanted)
{
    if (m->lost > 0)
        return scenario_say(s, OUTCOME_FAILED, "%s has lost %llu frames, or heard them out of order",
                            m->phone->config.name, (unsigned long long)m->lost);
    if (m == m->of->members || m->heard >= wanted)
        return OUTCOME_DONE;
    return scenario_say(s, OUTCOME_WAIT, "%s has heard %llu frames of %llu sent", m->phone->config.name,
                        (unsigned long long)m->heard, (unsigned long long)m->of->sent);
}

enum outcome scenario_check_hear(struct scenario *s, const struct shellwords *w)
{
    uint64_t wanted;
    size_t found = 0;
    span_to_u64(span_of(w->items[3]), UINT32_MAX, &wanted);
    for (size_t i = 0; i < s->actors.conversation_count; i++) {
        const struct talk *t = s->actors.conversations[i]->talk;
        for (size_t k = 0; k < t->count; k++) {
            if (!scenario_matches(w->items[1], t->members[k].phone->config.name))
                continue;
            enum outcome outcome = ask_member(s, &t->members[k], wanted);
            if (outcome != OUTCOME_DONE)
                return outcome;
            found++;
        }
    }
    return found ? OUTCOME_DONE
                 : scenario_say(s, OUTCOME_WRONG, "no member of a group is called %.200s", w->items[1]);
}

void scenario_talks_end(struct scenario *s)
{
    for (size_t i = 0; i < s->actors.conversation_count; i++) {
        sim_stop(&s->sim, &s->actors.conversations[i]->timer);
        talk_destroy(s->actors.conversations[i]->talk);
        free(s->actors.conversations[i]);
    }
    free(s->actors.conversations);
    s->actors.conversations = NULL;
    s->actors.conversation_count = 0;
}
