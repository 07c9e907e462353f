/* repair: one pass of the mender, as presence-expiryd makes it now and then, at once. */
#include "ctl.h"
#include "show.h"
#include "store/mender.h"

#include <inttypes.h>

/* repair.lua's letters, and what a person calls them. */
static const struct {
    char letter;
    const char *name, *sentence;
} outcomes[] = {
    {'.', "fine", "checks found things in order"},
    {'a', "adopted", "adopted from another writer"},
    {'k', "restored", "had a key or an index entry put right"},
    {'o', "corrected", "were online in presence:meta alone, and are not any more"},
    {'e', "ended", "ended: the key of another writer was gone"},
    {'x', "foreign", "checks met keys of another type, which stay"},
};
#define OUTCOMES (sizeof(outcomes) / sizeof(outcomes[0]))

struct pass {
    struct ctl *c;
    struct redisReply *reply; /* to the command the mender sent last */
    int code;
    int64_t counts[OUTCOMES];
};

/* The mender's way out; what went wrong ends the pass. */
static int on_send(void *arg, struct span command)
{
    struct pass *p = arg;

    p->code = ctl_ask(p->c, command, &p->reply, 1);
    if (p->code != 0)
        return -1;
    if (!reply_is_error(p->reply) || reply_error_is(p->reply, "NOSCRIPT"))
        return 0;
    p->code = ctl_refused(p->c, p->reply);
    reply_free(p->reply);
    p->reply = NULL;
    return -1;
}

static void on_mended(void *arg, char outcome)
{
    struct pass *p = arg;

    for (size_t i = 0; i < OUTCOMES; i++)
        p->counts[i] += outcomes[i].letter == outcome;
}

/* By hand there is no need to rest: the time the mender is told is the one it waits for. */
static int run(struct pass *p)
{
    static const struct mender_hooks hooks = {.send = on_send, .mended = on_mended};
    struct mender_config config = {.interval_ms = 1,
                                   .ttl_ms = p->c->config.policy.ttl_ms,
                                   .longest_ms = policy_longest(&p->c->config.policy)};
    struct mender mender;

    mender_init(&mender, &config, &p->c->store, &hooks, p);
    mender_connected(&mender, true, 0);
    while (mender.passes == 0 && p->code == 0) {
        int64_t now_ms = mender_due(&mender);
        mender_tick(&mender, now_ms);
        mender_answer(&mender, p->reply, now_ms);
        reply_free(p->reply);
        p->reply = NULL;
    }
    mender_finish(&mender);
    return p->code;
}

static void show(const struct pass *p)
{
    bytes_auto out = BYTES_INIT;
    struct json_line line;

    if (p->c->config.json)
        line = json_begin(&out);
    for (size_t i = 0; i < OUTCOMES; i++) {
        if (p->c->config.json)
            json_integer(&line, outcomes[i].name, p->counts[i]);
        else if (i == 0 || p->counts[i] > 0)
            bytes_printf(&out, "%" PRId64 " %s\n", p->counts[i], outcomes[i].sentence);
    }
    if (p->c->config.json)
        json_end(&line);
    show_out(&out);
}

int command_repair(struct ctl *c, char **args, size_t count)
{
    struct pass pass = {.c = c};

    int code = run(&pass);
    if (code == 0)
        show(&pass);
    return code;
}
