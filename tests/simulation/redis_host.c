/* SPDX-License-Identifier: MIT */
#include "redis_host.h"

#include <stdio.h>
#include <string.h>

#define SECOND_US      1000000
#define EXPIRE_EVERY   100000 /* us */
#define EXPIRE_AT_ONCE 3      /* keys a time: as slow as the real one is with many */

struct redis_host redis_host;
static struct redis_client *own;
static struct bytes own_answer;

static int64_t now_us(void *arg)
{
    return simulation.wall_base_us + simulation.now_us + redis_host.wall_offset_us;
}

static void keep_image(void *arg)
{
    if (redis_host.process && redis_host.keeps_images) {
        size_t at = redis_host.image_count++ % REDIS_IMAGES;
        redis_image_destroy(redis_host.images[at]);
        redis_host.images[at] = redis_model_save(redis_host.model);
    }
    simulation_after(SECOND_US, NULL, keep_image, NULL);
}

static void expire_some(void *arg)
{
    if (redis_host.process && redis_host.process->paused_until_us <= simulation.now_us &&
        redis_host.active_expiry)
        redis_model_expire(redis_host.model, EXPIRE_AT_ONCE);
    simulation_after(EXPIRE_EVERY, NULL, expire_some, NULL);
}

void redis_host_begin(void)
{
    memset(&redis_host, 0, sizeof(redis_host));
    list_init(&redis_host.connections);
    redis_host.model = redis_model_create("", now_us, NULL);
    redis_host.active_expiry = redis_host.keeps_images = true;
    own = redis_client_create(redis_host.model, NULL, NULL);
    simulation_after(SECOND_US, NULL, keep_image, NULL);
    simulation_after(EXPIRE_EVERY, NULL, expire_some, NULL);
}

void redis_host_end(void)
{
    redis_client_destroy(own);
    redis_model_destroy(redis_host.model);
    for (size_t i = 0; i < REDIS_IMAGES; i++)
        redis_image_destroy(redis_host.images[i]);
    bytes_finish(&own_answer);
}

void redis_host_start(const struct redis_image *image)
{
    char run_id[REDIS_MODEL_RUN_ID_SIZE];
    snprintf(run_id, sizeof(run_id), "%08x%032x", (unsigned)simulation_below(INT32_MAX),
             (unsigned)++redis_host.runs);
    redis_host.process = sim_process_start("redis", 0);
    redis_model_load(redis_host.model, image, run_id);
    simulation_trace("Redis starts %s", image ? "with an old dump" : "empty");
}

void redis_host_kill(void)
{
    simulation_trace("Redis is killed");
    redis_connections_reset(1000);
    sim_process_kill(redis_host.process);
    redis_host.process = NULL;
}

const struct redis_image *redis_host_image(size_t seconds_ago)
{
    size_t count = redis_host.image_count;
    return seconds_ago < count && seconds_ago < REDIS_IMAGES
               ? redis_host.images[(count - 1 - seconds_ago) % REDIS_IMAGES]
               : NULL;
}

void redis_host_drop_clients(int per_mille)
{
    simulation_trace("Redis drops clients");
    redis_connections_reset(per_mille);
}

struct span redis_host_ask(struct span command)
{
    bytes_reset(&own_answer);
    redis_client_execute(own, command, &own_answer);
    bytes_text(&own_answer);
    return bytes_span(&own_answer);
}
