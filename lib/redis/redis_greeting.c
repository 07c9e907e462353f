/* SPDX-License-Identifier: MIT */
#include "redis/redis_greeting.h"

#include "redis/reply.h"
#include "redis/resp.h"

#include <stdio.h>
#include <string.h>

enum step { STEP_AUTH = 1, STEP_SELECT = 2, STEP_PING = 4, STEP_INFO = 8, STEP_ROLE = 16 };

static void ask_auth(const struct redis_config *config, struct bytes *out)
{
    bool named = config->username && *config->username;
    resp_begin(out, named ? 3 : 2);
    resp_text(out, "AUTH");
    if (named)
        resp_text(out, config->username);
    resp_text(out, config->password);
}

static void ask_select(const struct redis_config *config, struct bytes *out)
{
    resp_begin(out, 2);
    resp_text(out, "SELECT");
    resp_integer(out, config->db);
}

void redis_greeting_begin(struct redis_greeting *g, const struct redis_config *config)
{
    unsigned steps = STEP_PING | STEP_INFO;
    if (config->password && *config->password)
        steps |= STEP_AUTH;
    if (config->db)
        steps |= STEP_SELECT;
    if (config->sentinels.count > 0)
        steps |= STEP_ROLE;
    *g = (struct redis_greeting){.unasked = steps, .unanswered = steps, .run_id = REDIS_RUN_ID_UNKNOWN};
}

static enum step take_lowest(unsigned *steps)
{
    unsigned step = *steps & (0 - *steps);
    *steps &= ~step;
    return step;
}

bool redis_greeting_ask(struct redis_greeting *g, const struct redis_config *config, struct bytes *out)
{
    if (!g->unasked)
        return false;
    switch (take_lowest(&g->unasked)) {
    case STEP_AUTH: ask_auth(config, out); break;
    case STEP_SELECT: ask_select(config, out); break;
    case STEP_PING: resp_command(out, "PING", NULL); break;
    case STEP_INFO: resp_command(out, "INFO", "server", NULL); break;
    case STEP_ROLE: resp_command(out, "INFO", "replication", NULL); break;
    }
    return true;
}

static enum redis_greeting_result fail(struct redis_greeting *g, enum redis_greeting_result result,
                                       const struct redisReply *reply)
{
    struct span text = reply ? reply_error(reply) : SPAN("no answer to the greeting");
    int len = (int)(text.len < sizeof(g->why) ? text.len : sizeof(g->why));
    snprintf(g->why, sizeof(g->why), "%.*s", len, text.data);
    return result;
}

struct span redis_info_value(struct span info, struct span wanted)
{
    while (info.len) {
        struct span line = span_split(&info, '\n');
        struct span key = span_split(&line, ':');
        if (!span_equal(key, wanted))
            continue;
        if (line.len && line.data[line.len - 1] == '\r')
            line.len--;
        return line;
    }
    return SPAN_NONE;
}

static void take_run_id(struct redis_greeting *g, struct span info)
{
    struct span run_id = redis_info_value(info, SPAN("run_id"));
    if (run_id.len)
        span_copy(run_id, g->run_id, sizeof(g->run_id));
}

/* An ACL may forbid PING and INFO, which nothing depends on; MISCONF and the like concern writes alone. */
static enum redis_greeting_result judge(struct redis_greeting *g, enum step step,
                                        const struct redisReply *reply)
{
    if (!reply || reply_error_is(reply, "LOADING") || reply_error_is(reply, "MASTERDOWN"))
        return fail(g, REDIS_GREETING_NOT_YET, reply);
    if (reply_error_is(reply, "NOAUTH"))
        return fail(g, REDIS_GREETING_REFUSED, reply);
    if ((step == STEP_AUTH || step == STEP_SELECT) && reply_is_error(reply))
        return fail(g, REDIS_GREETING_REFUSED, reply);
    if (step == STEP_INFO)
        take_run_id(g, reply_text(reply));
    if (step == STEP_ROLE && span_equal(redis_info_value(reply_text(reply), SPAN("role")), SPAN("slave"))) {
        snprintf(g->why, sizeof(g->why), "the sentinels' master is still a replica");
        return REDIS_GREETING_NOT_YET;
    }
    return g->unanswered ? REDIS_GREETING_GOES_ON : REDIS_GREETING_DONE;
}

enum redis_greeting_result redis_greeting_answer(struct redis_greeting *g, const struct redisReply *reply)
{
    return judge(g, take_lowest(&g->unanswered), reply);
}
