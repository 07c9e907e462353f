#include "base/clock.h"
#include "base/plain.h"
#include "doctor.h"
#include "store/keys.h"
#include "store/resp.h"

#include <stdlib.h>

#define APART_MS 1000 /* clocks that far apart are a fault */
#define SWEEP_MS 3000 /* so long without a sweep, too */

static void say_alive(struct doctor *d)
{
    size_t ws = nodes_alive(&d->nodes, PROGRAM_WS), api = nodes_alive(&d->nodes, PROGRAM_API);

    if (ws == 0)
        doctor_say(d, VERDICT_NOTE, "servers", "start presence-ws",
                   "no presence-ws is alive: neither phones nor dashboards can connect");
    doctor_say(d, VERDICT_FINE, "daemons", NULL,
               "alive: %zu presence-ws, %zu presence-api, %zu presence-expiryd", ws, api,
               nodes_alive(&d->nodes, PROGRAM_EXPIRY));
}

static void tell_silent(struct doctor *d)
{
    for (size_t i = 0; i < d->nodes.count; i++) {
        const struct node *node = &d->nodes.items[i];
        bytes_auto who = BYTES_INIT, since = BYTES_INIT;
        if (node_alive(&d->nodes, node))
            continue;
        nodes_tell(&d->nodes, node->name, &who);
        plain_duration(&since, d->nodes.now_ms - node->seen_ms);
        doctor_say(d, VERDICT_NOTE, "servers", "if it was stopped, nothing; it is forgotten after a minute",
                   "%s: not heard for %s", bytes_text(&who), bytes_text(&since));
    }
}

static void clock_apart(struct doctor *d, const char *whose, int64_t offset_ms)
{
    bytes_auto by = BYTES_INIT;

    plain_duration(&by, offset_ms);
    doctor_say(d, VERDICT_FAULT, "clocks",
               "run an NTP client (chrony, systemd-timesyncd) there and on Redis's machine",
               "clocks are apart: that of %s is %s %s Redis's, so tokens and shown times are off", whose,
               bytes_text(&by), offset_ms > 0 ? "ahead of" : "behind");
}

static int judge_clocks(struct doctor *d)
{
    int64_t before_ms = clock_wall_ms(), redis_ms;
    size_t faults = d->faults;

    int code = ctl_now(d->c, &redis_ms);
    if (code != 0)
        return code;
    int64_t own_ms = before_ms + (clock_wall_ms() - before_ms) / 2 - redis_ms;
    if (llabs(own_ms) > APART_MS)
        clock_apart(d, "this machine", own_ms);
    for (size_t i = 0; i < d->nodes.count; i++) {
        const struct node *node = &d->nodes.items[i];
        bytes_auto who = BYTES_INIT;
        if (node->offset_ms <= APART_MS && node->offset_ms >= -APART_MS)
            continue;
        nodes_tell(&d->nodes, node->name, &who);
        clock_apart(d, bytes_text(&who), node->offset_ms);
    }
    if (d->faults == faults)
        doctor_say(d, VERDICT_FINE, "clocks", NULL, "all clocks agree with Redis's");
    return 0;
}

static void judge_sweep(struct doctor *d, int64_t swept_ms, int64_t hold_ms)
{
    bytes_auto ago = BYTES_INIT, left = BYTES_INIT;
    int64_t now_ms = d->nodes.now_ms;

    plain_duration(&ago, now_ms - swept_ms);
    plain_duration(&left, hold_ms - now_ms);
    if (nodes_alive(&d->nodes, PROGRAM_EXPIRY) == 0)
        doctor_say(d, VERDICT_FAULT, "expiryd", "start presence-expiryd (systemctl start presence-expiryd)",
                   "no presence-expiryd is alive: nobody is marked offline by silence");
    else if (swept_ms == 0 || now_ms - swept_ms > SWEEP_MS)
        doctor_say(d, VERDICT_FAULT, "expiryd", "look at presence-expiryd's log and /readyz",
                   "presence-expiryd is alive, but the last sweep for missed deadlines was %s%s",
                   swept_ms ? bytes_text(&ago) : "never", swept_ms ? " ago" : "");
    else if (hold_ms > now_ms)
        doctor_say(
            d, VERDICT_NOTE, "expiryd", NULL,
            "Redis or the sweep was silent a moment ago: nobody is marked offline by silence for %s more",
            bytes_text(&left));
    else
        doctor_say(d, VERDICT_FINE, "expiryd", NULL, "missed deadlines were looked for %s ago",
                   bytes_text(&ago));
}

static int judge_epoch(struct doctor *d)
{
    bytes_auto command = BYTES_INIT, name = BYTES_INIT;
    struct redisReply *reply;

    keys_name(d->c->store.prefix, KEY_EPOCH, &name);
    resp_command(&command, "HMGET", bytes_text(&name), "swept", "hold", "run_id", NULL);
    int code = ctl_ask_one(d->c, bytes_span(&command), &reply);
    if (code != 0)
        return code;
    struct span run_id = reply_text(reply_at(reply, 2));
    if (run_id.len && !span_equal(run_id, span_of(d->c->store.run_id)))
        doctor_say(d, VERDICT_NOTE, "epoch", "start the daemons",
                   "Redis has started anew, and no daemon has spoken since: what it holds may be old");
    judge_sweep(d, reply_integer(reply_at(reply, 0), 0), reply_integer(reply_at(reply, 1), 0));
    reply_free(reply);
    return 0;
}

/* Guide, "Web clients not receiving updates", 1. */
static int judge_subscribers(struct doctor *d)
{
    bytes_auto command = BYTES_INIT, name = BYTES_INIT;
    struct redisReply *reply;
    size_t servers = nodes_alive(&d->nodes, PROGRAM_WS);

    keys_name(d->c->store.prefix, CHANNEL_UPDATES, &name);
    resp_command(&command, "PUBSUB", "NUMSUB", bytes_text(&name), NULL);
    int code = ctl_ask(d->c, bytes_span(&command), &reply, 1);
    if (code != 0)
        return code;
    int64_t heard = reply_integer(reply_at(reply, 1), -1);
    reply_free(reply);
    if (heard < 0)
        doctor_say(d, VERDICT_NOTE, "subscribers", NULL,
                   "PUBSUB is not permitted, so who listens is not known");
    else if ((size_t)heard < servers)
        doctor_say(d, VERDICT_FAULT, "subscribers",
                   "look at the log of presence-ws for what Redis says to its SUBSCRIBE (ACL: &presence:*)",
                   "%lld of %zu presence-ws listen to %s: dashboards of the others get no updates",
                   (long long)heard, servers, bytes_text(&name));
    else
        doctor_say(d, VERDICT_FINE, "subscribers", NULL, "%lld subscriber%s to %s", (long long)heard,
                   heard == 1 ? " listens" : "s listen", bytes_text(&name));
    return 0;
}

int doctor_daemons(struct doctor *d)
{
    say_alive(d);
    tell_silent(d);
    int code = judge_epoch(d);
    if (code == 0)
        code = judge_clocks(d);
    return code == 0 ? judge_subscribers(d) : code;
}
