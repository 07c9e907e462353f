/* SPDX-License-Identifier: MIT */
#include "redis_model.h"

#include "base/list.h"
#include "base/mem.h"
#include "command.h"
#include "script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTIFY_SIZE 32

struct redis_model {
    int64_t (*now_us)(void *arg);
    void *arg;
    char run_id[REDIS_MODEL_RUN_ID_SIZE];
    struct dataset data;
    struct script_host *scripts;
    struct list clients;
    char notify[NOTIFY_SIZE];
    int64_t frozen_us; /* while a command executes; 0: none does */
    bool full, replica;
    uint64_t commands, elements; /* done */
};

struct subscription {
    struct subscription *next;
    char channel[];
};

struct redis_client {
    struct list link;
    struct redis_model *model;
    void (*published)(void *arg, struct span channel, struct span payload);
    void *arg;
    struct subscription *subscriptions;
};

struct redis_image {
    struct dataset data;
};

struct redis_model *redis_model_create(const char *run_id, int64_t (*now_us)(void *arg), void *arg)
{
    struct redis_model *m = mem_zalloc(sizeof(*m));
    m->now_us = now_us;
    m->arg = arg;
    snprintf(m->run_id, sizeof(m->run_id), "%s", run_id);
    dataset_init(&m->data);
    list_init(&m->clients);
    m->scripts = script_host_create(m);
    return m;
}

void redis_model_destroy(struct redis_model *m)
{
    script_host_destroy(m->scripts);
    dataset_finish(&m->data);
    free(m);
}

const char *redis_model_run_id(const struct redis_model *m)
{
    return m->run_id;
}

struct redis_client *
redis_client_create(struct redis_model *m,
                    void (*published)(void *arg, struct span channel, struct span payload), void *arg)
{
    struct redis_client *c = mem_zalloc(sizeof(*c));
    c->model = m;
    c->published = published;
    c->arg = arg;
    list_append(&m->clients, &c->link);
    return c;
}

void redis_client_destroy(struct redis_client *c)
{
    while (c->subscriptions) {
        struct subscription *s = c->subscriptions;
        c->subscriptions = s->next;
        free(s);
    }
    list_remove(&c->link);
    free(c);
}

void model_subscribe(struct redis_client *c, struct span channel)
{
    struct subscription *s = mem_alloc(sizeof(*s) + channel.len + 1);
    memcpy(s->channel, channel.data, channel.len);
    s->channel[channel.len] = '\0';
    s->next = c->subscriptions;
    c->subscriptions = s;
}

/* "$5\r\nHELLO\r\n": the next argument, cut off *rest. Commands come from lib/redis/resp.c alone. */
static struct span next_arg(struct span *rest)
{
    uint64_t len = 0;
    struct span line = span_split(rest, '\n');
    span_to_u64((struct span){line.data + 1, line.len - 2}, rest->len, &len);
    struct span arg = {rest->data, (size_t)len};
    rest->data += len + 2;
    rest->len -= len + 2;
    return arg;
}

void redis_client_execute(struct redis_client *c, struct span command, struct bytes *answer)
{
    static struct span args[ARGS_MAX];
    uint64_t count = 0;
    struct span line = span_split(&command, '\n');
    span_to_u64((struct span){line.data + 1, line.len - 2}, ARGS_MAX, &count);
    for (uint64_t i = 0; i < count; i++)
        args[i] = next_arg(&command);
    struct call call = {.model = c->model, .client = c, .args = args, .count = (size_t)count, .out = answer};
    c->model->frozen_us = c->model->now_us(c->model->arg);
    command_execute(&call);
    c->model->frozen_us = 0;
}

struct redis_image *redis_model_save(struct redis_model *m)
{
    struct redis_image *image = mem_alloc(sizeof(*image));
    dataset_copy(&m->data, &image->data);
    return image;
}

void redis_image_destroy(struct redis_image *image)
{
    if (!image)
        return;
    dataset_finish(&image->data);
    free(image);
}

void redis_model_load(struct redis_model *m, const struct redis_image *image, const char *run_id)
{
    dataset_finish(&m->data);
    if (image)
        dataset_copy(&image->data, &m->data);
    else
        dataset_init(&m->data);
    if (run_id)
        snprintf(m->run_id, sizeof(m->run_id), "%s", run_id);
    script_host_flush(m->scripts);
    m->notify[0] = '\0';
}

void redis_model_forget_scripts(struct redis_model *m)
{
    script_host_flush(m->scripts);
}

void redis_model_set_full(struct redis_model *m, bool full)
{
    m->full = full;
}

void redis_model_set_replica(struct redis_model *m, bool replica)
{
    m->replica = replica;
}

static void expire(struct redis_model *m, struct value *v)
{
    bytes_auto name = BYTES_INIT;
    bytes_append_span(&name, value_name(v));
    dataset_remove(&m->data, v);
    model_event(m, "expired", 'x', bytes_span(&name));
}

size_t redis_model_expire(struct redis_model *m, size_t most)
{
    size_t count = 0, at = 0;
    struct value *v;
    while (count < most && (v = map_next(&m->data.keys, &at))) {
        if (model_now_us(m) / 1000 <= v->expires_ms)
            continue;
        expire(m, v);
        count++;
        at = 0;
    }
    return count;
}

bool redis_model_evict(struct redis_model *m, uint64_t pick)
{
    struct value *v = NULL;
    size_t at = 0;
    if (m->data.keys.count == 0)
        return false;
    for (uint64_t left = pick % m->data.keys.count + 1; left > 0; left--)
        v = map_next(&m->data.keys, &at);
    bytes_auto name = BYTES_INIT;
    bytes_append_span(&name, value_name(v));
    dataset_remove(&m->data, v);
    model_event(m, "evicted", 'e', bytes_span(&name));
    return true;
}

size_t redis_model_keys(const struct redis_model *m)
{
    return m->data.keys.count;
}

void redis_model_work(const struct redis_model *m, uint64_t *ret_commands, uint64_t *ret_elements)
{
    *ret_commands = m->commands;
    *ret_elements = m->elements;
}

void model_works(struct redis_model *m, size_t commands, size_t elements)
{
    m->commands += commands;
    m->elements += elements;
}

struct dataset *model_data(struct redis_model *m)
{
    return &m->data;
}

int64_t model_now_us(struct redis_model *m)
{
    return m->frozen_us ? m->frozen_us : m->now_us(m->arg);
}

bool model_full(const struct redis_model *m)
{
    return m->full;
}

bool model_replica(const struct redis_model *m)
{
    return m->replica;
}

struct script_host *model_scripts(struct redis_model *m)
{
    return m->scripts;
}

char *model_notify_flags(struct redis_model *m)
{
    return m->notify;
}

struct value *model_key(struct redis_model *m, struct span name)
{
    struct value *v = dataset_get(&m->data, name);
    if (!v || model_now_us(m) / 1000 <= v->expires_ms)
        return v;
    expire(m, v);
    return NULL;
}

void model_event(struct redis_model *m, const char *event, char flag, struct span key)
{
    char channel[64];
    if (!strchr(m->notify, 'E') || !(strchr(m->notify, flag) || strchr(m->notify, 'A')))
        return;
    snprintf(channel, sizeof(channel), "__keyevent@0__:%s", event);
    model_publish(m, span_of(channel), key);
}

static bool subscribed(const struct redis_client *c, struct span channel)
{
    for (const struct subscription *s = c->subscriptions; s; s = s->next)
        if (span_equal(channel, span_of(s->channel)))
            return true;
    return false;
}

size_t model_publish(struct redis_model *m, struct span channel, struct span payload)
{
    size_t count = 0;
    for (struct list *at = m->clients.next, *next; at != &m->clients; at = next) {
        struct redis_client *c = list_entry(at, struct redis_client, link);
        next = at->next;
        if (!subscribed(c, channel))
            continue;
        c->published(c->arg, channel, payload);
        count++;
    }
    return count;
}
