/* SPDX-License-Identifier: MIT */
#include "base/map.h"

#include "base/mem.h"
#include "base/random.h"
#include "base/rng.h"

#include <stdlib.h>
#include <string.h>

#define MAP_MIN_CAPACITY 16

static uint64_t hash_key[2];

/* Before main, so that no thread can meet it half made. */
__attribute__((constructor)) static void choose_hash_key(void)
{
    random_bytes(hash_key, sizeof(hash_key));
}

void map_set_hash_key(uint64_t seed)
{
    struct rng rng;
    rng_init(&rng, seed);
    hash_key[0] = rng_next(&rng);
    hash_key[1] = rng_next(&rng);
}

struct sip {
    uint64_t v0, v1, v2, v3;
};

static uint64_t rotate_left(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v1 = rotate_left(s->v1, 13) ^ s->v0;
    s->v0 = rotate_left(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotate_left(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotate_left(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotate_left(s->v1, 17) ^ s->v2;
    s->v2 = rotate_left(s->v2, 32);
}

static void sip_word(struct sip *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    s->v0 ^= word;
}

/* Byte order does not matter here: a hash never leaves the process. */
static uint64_t siphash13(struct span text)
{
    struct sip s = {
        .v0 = hash_key[0] ^ 0x736f6d6570736575u,
        .v1 = hash_key[1] ^ 0x646f72616e646f6du,
        .v2 = hash_key[0] ^ 0x6c7967656e657261u,
        .v3 = hash_key[1] ^ 0x7465646279746573u,
    };
    size_t at = 0;
    uint64_t word, last = 0;

    for (; text.len - at >= sizeof(word); at += sizeof(word)) {
        memcpy(&word, text.data + at, sizeof(word));
        sip_word(&s, word);
    }
    if (text.len > at)
        memcpy(&last, text.data + at, text.len - at);
    sip_word(&s, last | (uint64_t)text.len << 56);
    s.v2 ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

static size_t home_of(const struct map *m, struct span key)
{
    return (size_t)siphash13(key) & (m->capacity - 1);
}

/* The slot that holds the key, or the free one where it would go; there is always a free one. */
static size_t find_slot(const struct map *m, struct span key)
{
    size_t at = home_of(m, key);
    while (m->slots[at] && !span_equal(m->key_of(m->slots[at]), key))
        at = (at + 1) & (m->capacity - 1);
    return at;
}

static void resize(struct map *m, size_t capacity)
{
    void **old = m->slots;
    size_t old_capacity = m->capacity;
    m->slots = mem_array(capacity, sizeof(*m->slots));
    memset(m->slots, 0, capacity * sizeof(*m->slots));
    m->capacity = capacity;
    for (size_t i = 0; i < old_capacity; i++)
        if (old[i])
            m->slots[find_slot(m, m->key_of(old[i]))] = old[i];
    free(old);
}

void map_init(struct map *m, struct span (*key_of)(const void *object))
{
    *m = (struct map){.key_of = key_of};
}

void map_finish(struct map *m)
{
    free(m->slots);
    map_init(m, m->key_of);
}

void *map_get(const struct map *m, struct span key)
{
    return m->capacity ? m->slots[find_slot(m, key)] : NULL;
}

void *map_put(struct map *m, void *object)
{
    void *before;
    size_t at;
    if (m->count >= m->capacity / 4 * 3)
        resize(m, m->capacity ? m->capacity * 2 : MAP_MIN_CAPACITY);
    at = find_slot(m, m->key_of(object));
    before = m->slots[at];
    m->slots[at] = object;
    m->count += !before;
    return before;
}

/* Moves back what had been pushed past the hole, so that no search ends too early. */
static void close_hole(struct map *m, size_t hole)
{
    size_t mask = m->capacity - 1;
    for (size_t at = (hole + 1) & mask; m->slots[at]; at = (at + 1) & mask) {
        size_t home = home_of(m, m->key_of(m->slots[at]));

        if (((at - home) & mask) < ((at - hole) & mask))
            continue;
        m->slots[hole] = m->slots[at];
        hole = at;
    }
    m->slots[hole] = NULL;
}

void *map_remove(struct map *m, struct span key)
{
    size_t at;
    void *object;
    if (!m->capacity)
        return NULL;
    at = find_slot(m, key);
    object = m->slots[at];
    if (!object)
        return NULL;
    close_hole(m, at);
    m->count--;
    if (m->capacity > MAP_MIN_CAPACITY && m->count < m->capacity / 8)
        resize(m, m->capacity / 2);
    return object;
}

void *map_next(const struct map *m, size_t *at)
{
    while (*at < m->capacity) {
        void *object = m->slots[(*at)++];

        if (object)
            return object;
    }
    return NULL;
}
