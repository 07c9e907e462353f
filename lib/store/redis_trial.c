/* SPDX-License-Identifier: MIT */
#include "store/redis_trial.h"

#include "base/log.h"
#include "base/mem.h"
#include "redis/resp.h"
#include "store/redis_fit.h"

#include <stdio.h>
#include <stdlib.h>

#define RETRY_MS 2000

struct redis_trial {
    struct loop *loop;
    const struct redis_config *config;
    const struct store *store;
    bool all;
    const struct redis_link_hooks *hooks;
    void *arg;
    struct redis_link *link;
    struct loop_timer *retry;
    char run_id[RUN_ID_SIZE]; /* of the connection that is up */
    uint64_t generation;
    bool passed;
    size_t unloaded;                  /* scripts of this connection that Redis has not answered yet */
    struct redis_fit fit;             /* of the last trial */
    struct redis_fault_memory logged; /* the fault that the log knows */
};

static void pass(struct redis_trial *t)
{
    if (t->logged.why[0])
        log_info("redis_fit");
    redis_fault_forget(&t->logged);
    t->passed = true;
    t->hooks->ready(t->arg, t->run_id, t->generation);
}

static void fall(struct redis_trial *t)
{
    bool news = redis_fault_is_news(&t->logged, t->fit.why, loop_now_ms(t->loop));
    LOG_AT(news ? LOG_LEVEL_ERROR : LOG_LEVEL_DEBUG, "redis_unfit", LOG_T("why", t->fit.why),
           LOG_T("hint", redis_fault_mend(t->fit.fault)));
    if (t->fit.fault == REDIS_FAULT_REPLICA)
        redis_link_reset(t->link, "it is a read-only replica");
    else
        loop_timer_start(t->retry, RETRY_MS, 0);
}

static void on_who(void *arg, const struct redisReply *reply)
{
    struct redis_trial *t = arg;
    if (!reply)
        return;
    redis_fit_who(reply, &t->fit);
    fall(t);
}

static void ask_who(struct redis_trial *t)
{
    bytes_auto command = BYTES_INIT;
    resp_command(&command, "INFO", "server", NULL);
    redis_link_send(t->link, bytes_span(&command), on_who, t);
}

static void on_answer(void *arg, const struct redisReply *reply)
{
    struct redis_trial *t = arg;
    if (!reply)
        return;
    redis_fit_read(reply, t->config->username, &t->fit);
    if (t->fit.fault == REDIS_FAULT_NONE)
        pass(t);
    else if (t->fit.ask_who)
        ask_who(t);
    else
        fall(t);
}

/* Answers come in order: the last one is followed by the trial, unless Redis refused one, which the first
 * answer that is read explains. */
static void on_loaded(void *arg, const struct redisReply *reply)
{
    struct redis_trial *t = arg;
    bytes_auto command = BYTES_INIT;
    bool refused = reply_is_error(reply);
    if (!reply || t->unloaded == 0)
        return;
    t->unloaded = refused ? 0 : t->unloaded - 1;
    if (refused) {
        on_answer(t, reply);
    } else if (t->unloaded == 0) {
        store_trial(t->store, t->all, &command);
        redis_link_send(t->link, bytes_span(&command), on_answer, t);
    }
}

static void begin(void *arg)
{
    struct redis_trial *t = arg;
    t->unloaded = SCRIPTS;
    for (int i = 0; i < SCRIPTS; i++) {
        bytes_auto command = BYTES_INIT;
        store_load_script((enum script)i, &command);
        redis_link_send(t->link, bytes_span(&command), on_loaded, t);
    }
}

static void on_ready(void *arg, const char *run_id, uint64_t generation)
{
    struct redis_trial *t = arg;
    snprintf(t->run_id, sizeof(t->run_id), "%s", run_id);
    t->generation = generation;
    begin(t);
}

static void on_lost(void *arg, const char *why)
{
    struct redis_trial *t = arg;
    bool passed = t->passed;
    t->passed = false;
    loop_timer_stop(t->retry);
    if (passed)
        t->hooks->lost(t->arg, why);
}

struct redis_trial *redis_trial_create(struct loop *loop, const struct redis_config *config,
                                       const struct store *store, bool all,
                                       const struct redis_link_hooks *hooks, void *arg)
{
    static const struct redis_link_hooks link_hooks = {.ready = on_ready, .lost = on_lost};
    struct redis_trial *t = mem_zalloc(sizeof(*t));
    t->loop = loop;
    t->config = config;
    t->store = store;
    t->all = all;
    t->hooks = hooks;
    t->arg = arg;
    t->retry = loop_timer_create(loop, begin, t);
    t->link = redis_link_create(loop, config, &link_hooks, t);
    return t;
}

void redis_trial_destroy(struct redis_trial *t)
{
    if (!t)
        return;
    redis_link_destroy(t->link);
    loop_timer_destroy(t->retry);
    free(t);
}

struct redis_link *redis_trial_link(const struct redis_trial *t)
{
    return t->link;
}

bool redis_trial_passed(const struct redis_trial *t)
{
    return t->passed;
}

enum redis_fault redis_trial_fault(const struct redis_trial *t, const char **ret_why)
{
    bool replica = t->fit.fault == REDIS_FAULT_REPLICA; /* its connection was given up on purpose */
    bool stands = !t->passed && t->fit.fault != REDIS_FAULT_NONE && (redis_link_ready(t->link) || replica);
    *ret_why = stands ? t->fit.why : NULL;
    return stands ? t->fit.fault : REDIS_FAULT_NONE;
}
