/* SPDX-License-Identifier: MIT */
/* A Redis in memory, for the simulation: the part of Redis 7.0 that the daemons use, with the shipped Lua
 * scripts run by Lua 5.1 as there.
 *
 * Keys expire when they are touched (now > deadline, strictly) or by redis_model_expire, with the event that
 * Redis emits; within a command, a script too, time stands still. Answers are RESP2. Nothing depends on
 * addresses or on the order of insertion: the same calls give the same answers (with map_set_hash_key).
 * Checked against a real Redis by tests/unit/simulation. It knows no MULTI, no blocking commands, one database,
 * and only the commands of its table (command.c). */
#ifndef MODEL_REDIS_MODEL_H
#define MODEL_REDIS_MODEL_H

#include "base/bytes.h"

#define REDIS_MODEL_RUN_ID_SIZE 41

struct redis_model;
struct redis_client;
struct redis_image;

/* now_us: the clock of Redis's host, in microseconds since 1970. run_id is copied. */
struct redis_model *redis_model_create(const char *run_id, int64_t (*now_us)(void *arg), void *arg);
/* After its clients. */
void redis_model_destroy(struct redis_model *m);
const char *redis_model_run_id(const struct redis_model *m);

/* A connection. published: a message of a channel it has subscribed to; called while another client's command
 * executes. */
struct redis_client *
redis_client_create(struct redis_model *m,
                    void (*published)(void *arg, struct span channel, struct span payload), void *arg);
void redis_client_destroy(struct redis_client *c);
/* Executes one whole command (RESP) and appends its answer, which may be an error. */
void redis_client_execute(struct redis_client *c, struct span command, struct bytes *answer);

/* The data as a value. */
struct redis_image *redis_model_save(struct redis_model *m);
void redis_image_destroy(struct redis_image *image);
/* As after a restart with this dump (NULL: empty): scripts are forgotten, settings too. run_id NULL: the
 * present one. */
void redis_model_load(struct redis_model *m, const struct redis_image *image, const char *run_id);

/* SCRIPT FLUSH. */
void redis_model_forget_scripts(struct redis_model *m);
/* maxmemory is reached under noeviction: commands that need memory fail, but not in scripts that allow it. */
void redis_model_set_full(struct redis_model *m, bool full);
/* Writes are answered with READONLY. */
void redis_model_set_replica(struct redis_model *m, bool replica);
/* Active expiry: deletes up to `most` keys whose time has passed; returns how many. */
size_t redis_model_expire(struct redis_model *m, size_t most);
/* Deletes some key, as allkeys-lru would; false when there is none. */
bool redis_model_evict(struct redis_model *m, uint64_t pick);
size_t redis_model_keys(const struct redis_model *m);
/* What it has done since it was made: commands, those of scripts and the scripts themselves among them, and
 * elements of arrays that were answered or removed. */
void redis_model_work(const struct redis_model *m, uint64_t *ret_commands, uint64_t *ret_elements);

#endif
