/* SPDX-License-Identifier: MIT */
/* repair: one pass of the reconciler, as presence-expiryd makes it now and then, at once. */
#include "nodes.h"
#include "show.h"
#include "store/reconciler.h"

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
    struct redisReply *reply; /* to the command the reconciler sent last */
    int code;
    int64_t counts[OUTCOMES];
};

/* Sends a command of the reconciler; what went wrong ends the pass. */
static int on_send(void *arg, struct store_request *request, struct span command)
{
    struct pass *p = arg;
    p->code = ctl_script(p->c, command, &p->reply);
    if (p->code != 0)
        return -1;
    if (!reply_is_error(p->reply))
        return 0;
    p->code = ctl_refused(p->c, p->reply);
    reply_free(p->reply);
    p->reply = NULL;
    return -1;
}

static void on_outcome(void *arg, char outcome)
{
    struct pass *p = arg;
    for (size_t i = 0; i < OUTCOMES; i++)
        p->counts[i] += outcomes[i].letter == outcome;
}

static void show(const struct pass *p)
{
    bytes_auto out = BYTES_INIT;
    struct show_field fields[OUTCOMES];
    for (size_t i = 0; i < OUTCOMES; i++)
        fields[i] = (struct show_field)SHOW_NUMBER(outcomes[i].name, p->counts[i]);
    if (p->c->config.json)
        show_fields(&out, fields, OUTCOMES, "\n");
    for (size_t i = 0; i < OUTCOMES && !p->c->config.json; i++)
        if (i == 0 || p->counts[i] > 0)
            bytes_printf(&out, "%" PRId64 " %s\n", p->counts[i], outcomes[i].sentence);
    show_out(&out);
}

/* The TTL is the servers' setting, which this shell may not have. There is no need to wait between the batches: the
 * time that the reconciler is given is the one it waits for. */
static int repair(struct ctl *c, char **args, size_t count)
{
    static const struct reconciler_hooks hooks = {.send = on_send, .fixed = on_outcome};
    struct reconciler_config config = {.interval_ms = 1};
    struct reconciler reconciler;
    struct pass pass = {.c = c};
    struct nodes nodes;
    int code = nodes_load(c, &nodes);
    if (code != 0)
        return code;
    config.ttl_ms = store_nodes_longest_ttl(nodes.reply, c->config.policy.ttl_ms);
    nodes_finish(&nodes);
    reconciler_init(&reconciler, &config, &c->store, &hooks, &pass);
    reconciler_connected(&reconciler, true, 0);
    while (reconciler.passes == 0 && pass.code == 0) {
        int64_t now_ms = reconciler_due(&reconciler);
        reconciler_tick(&reconciler, now_ms);
        store_request_answered(&reconciler.request, pass.reply, now_ms);
        reply_free(pass.reply);
        pass.reply = NULL;
    }
    reconciler_finish(&reconciler);
    if (pass.code == 0)
        show(&pass);
    return pass.code;
}

const struct command command_repair = {
    .info = {"repair", "", "put right at once what other writers left", CONFIG_OF_COMMAND(config_plain)},
    .run = repair,
};
