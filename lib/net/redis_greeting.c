#include "net/redis_greeting.h"

#include "store/reply.h"
#include "store/resp.h"

#include <stdio.h>
#include <string.h>

enum step { STEP_AUTH = 1, STEP_SELECT = 2, STEP_PING = 4, STEP_INFO = 8 };

static void ask_auth(const struct redis_config *config, struct bytes *out)
{
    bool named = config->username && *config->username;
    resp_begin(out, named ? 3 : 2);
    resp_text(out, "AUTH");
    if (named)
        resp_text(out, config->username);
    resp_text(out, config->password);
}

void redis_greeting_begin(struct redis_greeting *g, const struct redis_config *config, struct bytes *out)
{
    *g = (struct redis_greeting){.steps = STEP_PING | STEP_INFO, .run_id = REDIS_RUN_ID_UNKNOWN};
    if (config->password && *config->password) {
        g->steps |= STEP_AUTH;
        ask_auth(config, out);
    }
    if (config->db) {
        g->steps |= STEP_SELECT;
        resp_begin(out, 2);
        resp_text(out, "SELECT");
        resp_integer(out, config->db);
    }
    resp_command(out, "PING", NULL);
    resp_command(out, "INFO", "server", NULL);
}

static enum step next_step(struct redis_greeting *g)
{
    unsigned step = g->steps & (0 - g->steps);
    g->steps &= ~step;
    return step;
}

static enum redis_greeting_result fail(struct redis_greeting *g, enum redis_greeting_result result,
                                       const struct redisReply *reply)
{
    struct span text = reply ? reply_error(reply) : SPAN("no answer to the greeting");
    int len = (int)(text.len < sizeof(g->why) ? text.len : sizeof(g->why));
    snprintf(g->why, sizeof(g->why), "%.*s", len, text.data);
    return result;
}

static void take_run_id(struct redis_greeting *g, struct span info)
{
    while (info.len) {
        struct span line = span_split(&info, '\n');
        struct span key = span_split(&line, ':');
        if (!span_equal(key, SPAN("run_id")))
            continue;
        if (line.len && line.data[line.len - 1] == '\r')
            line.len--;
        if (line.len)
            span_copy(line, g->run_id, sizeof(g->run_id));
        return;
    }
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
    return g->steps ? REDIS_GREETING_GOES_ON : REDIS_GREETING_DONE;
}

enum redis_greeting_result redis_greeting_answer(struct redis_greeting *g, const struct redisReply *reply)
{
    return judge(g, next_step(g), reply);
}
