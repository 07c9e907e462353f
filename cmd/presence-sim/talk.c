/* SPDX-License-Identifier: MIT */
#include "talk.h"

#include "base/clock.h"
#include "base/mem.h"
#include "wire/encoder.h"
#include "wire/mp_reader.h"

#include <stdlib.h>
#include <string.h>

#define GROUP    0
#define AUDIO    3
#define USER_ADD 15

struct stamp {
    uint64_t take, number;
    int64_t intended_us;
};
_Static_assert(sizeof(struct stamp) == TALK_SIZE_MIN, "the least frame holds it");

static void hear(struct talk_member *m, const struct stamp *stamp)
{
    if (m->take != stamp->take) {
        m->take = stamp->take;
        m->next = stamp->number;
    }
    if (stamp->number != m->next)
        m->lost += stamp->number > m->next ? stamp->number - m->next : 1;
    m->next = stamp->number + 1;
    m->heard++;
    if (m->of->latency)
        latency_add(m->of->latency, clock_mono_us() - stamp->intended_us);
}

/* A message of another type than presence's: audio of [0, 3, from, group, bytes]. */
static void on_message(void *arg, struct phone *phone, struct span data)
{
    struct talk_member *m = arg;
    struct mp_reader reader;
    struct mp_reader_value array, value, audio;
    struct stamp stamp;
    mp_reader_init(&reader, data, SIZE_MAX);
    if (mp_reader_head(&reader, &array) != MP_READER_OK || array.kind != MP_READER_ARRAY || array.count != 5)
        return;
    for (int i = 0; i < 4; i++)
        if (mp_reader_next(&reader, &value) != MP_READER_OK)
            return;
    if (mp_reader_next(&reader, &audio) != MP_READER_OK || audio.kind != MP_READER_STR ||
        audio.text.len < sizeof(stamp))
        return;
    memcpy(&stamp, audio.text.data, sizeof(stamp));
    hear(m, &stamp);
}

static int say(const struct talk *t, struct phone *phone, uint64_t type, struct span audio)
{
    bytes_auto message = BYTES_INIT;
    struct encoder e = encoder_begin(ENCODING_MSGPACK, &message);
    encoder_array(&e, NULL, 5);
    encoder_uint(&e, NULL, GROUP);
    encoder_uint(&e, NULL, type);
    encoder_str(&e, NULL, span_of(phone->config.user));
    encoder_str(&e, NULL, span_of(t->group));
    encoder_str(&e, NULL, audio);
    encoder_end_array(&e);
    encoder_finish(&e);
    return phone_send(phone, bytes_span(&message), true);
}

size_t talk_join(struct talk *t)
{
    size_t joined = 0;
    for (size_t i = 0; i < t->count; i++) {
        struct talk_member *m = &t->members[i];
        if (m->phone->state != PHONE_OPEN)
            continue;
        if (m->joined != m->phone->opened && say(t, m->phone, USER_ADD, SPAN("")) == 0) {
            m->joined = m->phone->opened;
            m->take = 0;
        }
        joined += m->joined == m->phone->opened;
    }
    return joined;
}

int talk_frame(struct talk *t, int64_t intended_us)
{
    struct phone *phone = t->members[0].phone;
    char audio[TALK_SIZE_MAX] = {0};
    if (phone->state != PHONE_OPEN)
        return -1;
    if (t->talking != phone->opened) {
        t->talking = phone->opened;
        t->take++;
        t->next = 0;
    }
    const struct stamp stamp = {t->take, t->next, intended_us};
    memcpy(audio, &stamp, sizeof(stamp));
    if (say(t, phone, AUDIO, (struct span){audio, t->size}) < 0)
        return -1;
    t->next++;
    t->sent++;
    return 0;
}

struct talk *talk_create(const char *group, struct phone *const *phones, size_t count, size_t size,
                         struct latency *latency)
{
    struct talk *t = mem_zalloc(sizeof(*t));
    t->group = mem_strdup(group);
    t->members = mem_zalloc(count * sizeof(*t->members));
    t->count = count;
    t->size = size;
    t->latency = latency;
    for (size_t i = 0; i < count; i++) {
        t->members[i].of = t;
        t->members[i].phone = phones[i];
        phone_on_message(phones[i], on_message, &t->members[i]);
    }
    return t;
}

void talk_destroy(struct talk *t)
{
    for (size_t i = 0; i < t->count; i++)
        phone_on_message(t->members[i].phone, NULL, NULL);
    free(t->group);
    free(t->members);
    free(t);
}
