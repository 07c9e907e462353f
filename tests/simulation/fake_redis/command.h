/* SPDX-License-Identifier: MIT */
/* One command under way in the model, and what its handlers need. */
#ifndef MODEL_COMMAND_H
#define MODEL_COMMAND_H

#include "dataset.h"
#include "redis_model.h"

#define ARGS_MAX 4096

struct call {
    struct redis_model *model;
    struct redis_client *client; /* NULL in a script */
    const struct span *args;     /* the name first */
    size_t count;
    struct bytes *out;
    bool in_script;
    bool may_oom; /* a script that declared allow-oom */
};

struct command {
    const char *name;
    int arity; /* with the name; negative: at least */
    unsigned flags;
    void (*run)(struct call *c);
};
#define COMMAND_WRITES     1u
#define COMMAND_NEEDS_ROOM 2u /* refused when memory is full */
#define COMMAND_NO_SCRIPT  4u

/* Looks the command up, checks what Redis checks, runs it. */
void command_execute(struct call *c);

/* Answers. */
void answer_ok(struct call *c);
void answer_integer(struct call *c, int64_t value);
void answer_bulk(struct call *c, struct span text);
void answer_nil(struct call *c);
void answer_array(struct call *c, size_t count);
/* code first, as "ERR …" */
void answer_error(struct call *c, const char *text);
void answer_score(struct call *c, double score);

/* The key, unless it has expired; NULL and an answered WRONGTYPE when it holds another type: *ret_wrong. */
struct value *call_get(struct call *c, size_t arg, enum value_type type, bool *ret_wrong);
/* The same, made when it is not there; NULL only with an answered WRONGTYPE. */
struct value *call_obtain(struct call *c, size_t arg, enum value_type type);
/* After something was taken out: what is empty goes. */
void call_settle(struct call *c, struct value *v);
/* 0, or -1 with an answered error. */
int call_integer(struct call *c, size_t arg, int64_t *ret);
bool call_is(const struct call *c, size_t arg, const char *word);

/* redis_model.c */
struct dataset *model_data(struct redis_model *m);
int64_t model_now_us(struct redis_model *m);
/* For redis_model_work. */
void model_works(struct redis_model *m, size_t commands, size_t elements);
bool model_full(const struct redis_model *m);
bool model_replica(const struct redis_model *m);
struct script_host *model_scripts(struct redis_model *m);
char *model_notify_flags(struct redis_model *m); /* 32 bytes */
/* The key if it lives; one whose time has passed is deleted, with its event. */
struct value *model_key(struct redis_model *m, struct span name);
void model_event(struct redis_model *m, const char *event, char flag, struct span key);
void model_subscribe(struct redis_client *c, struct span channel);
size_t model_publish(struct redis_model *m, struct span channel, struct span payload);

extern const struct command commands_keys[], commands_hash[], commands_zset[], commands_stream[],
    commands_server[];

#endif
