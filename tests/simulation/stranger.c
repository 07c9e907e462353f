/* SPDX-License-Identifier: MIT */
#include "stranger.h"

#include "base/mem.h"
#include "base/rng.h"
#include "invariants.h"
#include "redis/resp.h"
#include "redis_host.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAUSE_US  10000000
#define KEYS_MAX  64
#define ARGS_SOME 8
#define REV_AHEAD 1000000000 /* of a message that tells of a revision to come */

struct foreign {
    char user[32], key[80];
    char *content; /* as Redis tells it */
};

static struct rng rng;
static struct foreign keys[KEYS_MAX];
static size_t key_count;

static struct span run_args(const struct span *args, size_t count)
{
    bytes_auto command = BYTES_INIT;
    resp_begin(&command, count);
    for (size_t i = 0; i < count; i++)
        resp_arg(&command, args[i]);
    return redis_host_ask(bytes_span(&command));
}

#define RUN(...)                                                                                             \
    run_args((const struct span[]){__VA_ARGS__},                                                             \
             sizeof((const struct span[]){__VA_ARGS__}) / sizeof(struct span))

static size_t some(size_t most)
{
    return (size_t)rng_below(&rng, most);
}

/* "odd7" */
static void name_user(const char *what, char ret[32])
{
    snprintf(ret, 32, "%s%zu", what, some(10));
}

static void name_key(const char *what, const char user[32], char ret[80])
{
    bytes_auto key = BYTES_INIT;
    bytes_printf(&key, "presence:%s:%s", what, user);
    span_copy(bytes_span(&key), ret, 80);
}

/* Type, expiry, and all that is in it. */
static char *content_of(const char *key)
{
    bytes_auto text = BYTES_INIT;
    struct span name = span_of(key);
    bytes_append_span(&text, RUN(SPAN("TYPE"), name));
    bytes_append_span(&text, RUN(SPAN("PTTL"), name));
    bytes_append_span(&text, RUN(SPAN("GET"), name));
    bytes_append_span(&text, RUN(SPAN("HGETALL"), name));
    bytes_append_span(&text, RUN(SPAN("SMEMBERS"), name));
    bytes_append_span(&text, RUN(SPAN("ZRANGE"), name, SPAN("0"), SPAN("-1"), SPAN("WITHSCORES")));
    return mem_strdup(bytes_text(&text));
}

static bool exists(const char *key)
{
    return RUN(SPAN("EXISTS"), span_of(key)).data[1] == '1';
}

static void write_other_type(const char *what, struct span key)
{
    size_t type = some(3);
    if (type == 0)
        RUN(SPAN("SADD"), key, SPAN("zoe"), SPAN("\xff"));
    else if (type == 1)
        RUN(SPAN("ZADD"), key, SPAN("7"), SPAN("zoe"));
    else if (strcmp(what, "user") == 0)
        RUN(SPAN("HSET"), key, SPAN("name"), SPAN("Zoe"));
    else
        RUN(SPAN("SET"), key, SPAN("Zoe"));
}

static void put_foreign_key(void)
{
    static const char *const places[] = {"user", "sessions", "meta"};
    struct foreign *f = &keys[key_count];
    const char *what = places[some(3)];
    if (key_count == KEYS_MAX)
        return;
    name_user(some(2) ? "alien" : "user", f->user);
    name_key(what, f->user, f->key);
    if (exists(f->key))
        return;
    write_other_type(what, span_of(f->key));
    if (!exists(f->key))
        return; /* Redis is full */
    simulation_trace("a stranger writes %s", f->key);
    f->content = content_of(f->key);
    key_count++;
}

static void put_late_expiry(void)
{
    static const char *const ends[] = {"9223372036854775807", "9007199254740993", "253402300799999", "1"};
    char user[32], key[80];
    name_user("odd", user);
    name_key("user", user, key);
    simulation_trace("a stranger writes %s", key);
    RUN(SPAN("SET"), span_of(key), SPAN("1"), SPAN("PXAT"), span_of(ends[some(4)]));
}

static void put_counter(void)
{
    static const char *const counters[] = {"9007199254740990", "18446744073709551615", "-1", "5", "rev", ""};
    const char *counter = counters[some(6)];
    simulation_trace("a stranger sets presence:rev to '%s'", counter);
    RUN(SPAN("SET"), SPAN("presence:rev"), span_of(counter));
    invariants_data_changed();
}

/* "$5\r\nHELLO\r\n" */
static struct span text_of(struct span answer)
{
    span_split(&answer, '\n');
    return answer.len >= 2 ? (struct span){answer.data, answer.len - 2} : SPAN_NONE;
}

static void publish_to_come(void)
{
    bytes_auto event = BYTES_INIT;
    uint64_t rev;
    char epoch[64];
    if (span_to_u64(text_of(RUN(SPAN("GET"), SPAN("presence:rev"))), INT64_MAX, &rev) < 0 ||
        span_copy(text_of(RUN(SPAN("HGET"), SPAN("presence:epoch"), SPAN("id"))), epoch, sizeof(epoch)) < 0)
        return;
    bytes_printf(
        &event,
        "{\"userId\":\"forged\",\"status\":\"online\",\"timestamp\":1,\"lastSeen\":1,\"deviceId\":null,"
        "\"rev\":%" PRIu64 ",\"epoch\":\"%s\",\"db\":0,\"reason\":\"connected\",\"node\":\"x\"}",
        rev + REV_AHEAD, epoch);
    simulation_trace("a stranger publishes a revision to come");
    invariants.deaf = true;
    RUN(SPAN("PUBLISH"), SPAN("presence:updates"), bytes_span(&event));
    invariants.deaf = false;
}

static void put_raw_bytes(void)
{
    static const char *const times[] = {"inf", "nan", "1e308", "-5", "9223372036854775807", "then"};
    char user[32], key[80], meta[80];
    name_user("odd", user);
    name_key("user", user, key);
    name_key("meta", user, meta);
    simulation_trace("a stranger writes %s", key);
    RUN(SPAN("HSET"), span_of(meta), SPAN("deviceId"), SPAN("\xff\xfe\x01x"), SPAN("role"), SPAN("\xff"),
        SPAN("lastSeen"), span_of(times[some(6)]));
    RUN(SPAN("SET"), span_of(key), SPAN("1"), SPAN("EX"), SPAN("9"));
}

static void put_no_session(void)
{
    static const char *const values[] = {"", "garbage", "99999999999999999999\t1\t0\t\t\tdevice",
                                         "1\t99999999999999999999\t7\t\tno JSON\t\xff",
                                         "1e999\t1e999\t1e999\t\t[\"red\"]\tdevice"};
    char user[32], key[80];
    name_user("odd", user);
    name_key("sessions", user, key);
    simulation_trace("a stranger writes %s", key);
    RUN(SPAN("HSET"), span_of(key), some(2) ? SPAN("odd/1") : SPAN("external/0"), span_of(values[some(5)]));
    name_key("meta", user, key);
    RUN(SPAN("HSET"), span_of(key), SPAN("name"), SPAN("odd"));
}

static void act(void *arg)
{
    static void (*const acts[])(void) = {put_foreign_key, put_foreign_key, put_late_expiry, put_counter,
                                         publish_to_come, put_raw_bytes,   put_no_session};
    stranger_check();
    if (redis_host.process && !simulation.still)
        acts[some(sizeof(acts) / sizeof(acts[0]))]();
    simulation_after((int64_t)some(2 * PAUSE_US), NULL, act, NULL);
}

void stranger_begin(uint64_t seed)
{
    rng_init(&rng, seed ^ 0x4f4444);
    key_count = 0;
    invariants.holds_key = stranger_bars;
    invariants.data_changed = stranger_data_changed;
    simulation_after(PAUSE_US, NULL, act, NULL);
}

void stranger_end(void)
{
    while (key_count > 0)
        free(keys[--key_count].content);
}

static void forget(size_t i)
{
    free(keys[i].content);
    keys[i] = keys[--key_count];
}

void stranger_data_changed(void)
{
    for (size_t i = key_count; i-- > 0;) {
        free(keys[i].content);
        keys[i].content = content_of(keys[i].key);
        if (!exists(keys[i].key))
            forget(i);
    }
}

void stranger_check(void)
{
    for (size_t i = 0; i < key_count; i++) {
        char *content = content_of(keys[i].key);
        if (strcmp(content, keys[i].content) != 0)
            simulation_fail("%s, a key of another type, was changed", keys[i].key);
        free(content);
    }
}

bool stranger_bars(struct span user)
{
    for (size_t i = 0; i < key_count; i++)
        if (span_equal(user, span_of(keys[i].user)))
            return true;
    return false;
}

static bool begins(struct span user, struct span word)
{
    return user.len >= word.len && memcmp(user.data, word.data, word.len) == 0;
}

bool stranger_made_up(struct span user)
{
    return begins(user, SPAN("odd")) || begins(user, SPAN("alien"));
}
