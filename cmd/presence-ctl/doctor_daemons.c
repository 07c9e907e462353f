/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "base/printable.h"
#include "daemons.h"
#include "doctor.h"
#include "metric_text.h"
#include "wire/json_reader.h"

#include <stdlib.h>

#define APART_MS   1000 /* clocks that far apart are a fault */
#define SWEEP_MS   3000 /* so long without a sweep, too */
#define TIMEOUT_MS 1000 /* for a daemon's answer over HTTP */

static void check_nodes(struct doctor *d)
{
    size_t ws = nodes_alive(&d->nodes, NODES_WS), api = nodes_alive(&d->nodes, NODES_API);
    if (ws == 0)
        doctor_report(d, VERDICT_NOTE, "servers", "start presence-ws",
                      "no presence-ws is alive: neither phones nor dashboards can connect");
    doctor_report(d, VERDICT_FINE, "daemons", NULL,
                  "alive: %zu presence-ws, %zu presence-api, %zu presence-expiryd", ws, api,
                  nodes_alive(&d->nodes, NODES_EXPIRYD));
    for (size_t i = 0; i < d->nodes.count; i++) {
        const struct node *node = &d->nodes.items[i];
        bytes_auto who = BYTES_INIT, since = BYTES_INIT;
        if (nodes_is_alive(&d->nodes, node))
            continue;
        nodes_describe(&d->nodes, node->name, &who);
        printable_duration(&since, d->nodes.now_ms - node->seen_ms);
        doctor_report(d, VERDICT_NOTE, "servers",
                      "if it was stopped, nothing; it is forgotten after a minute", "%s: not heard for %s",
                      bytes_text(&who), bytes_text(&since));
    }
}

static void report_clock(struct doctor *d, const char *whose, int64_t offset_ms)
{
    bytes_auto by = BYTES_INIT;

    printable_duration(&by, offset_ms);
    doctor_report(d, VERDICT_FAULT, "clocks",
                  "run an NTP client (chrony, systemd-timesyncd) there and on Redis's machine",
                  "clocks are apart: that of %s is %s %s Redis's, so tokens and shown times are off", whose,
                  bytes_text(&by), offset_ms > 0 ? "ahead of" : "behind");
}

static int check_clocks(struct doctor *d)
{
    int64_t before_ms = clock_wall_ms(), redis_ms;
    size_t faults = d->faults;
    int code = ctl_now(d->c, &redis_ms);
    if (code != 0)
        return code;
    int64_t own_ms = before_ms + (clock_wall_ms() - before_ms) / 2 - redis_ms;
    if (llabs(own_ms) > APART_MS)
        report_clock(d, "this machine", own_ms);
    for (size_t i = 0; i < d->nodes.count; i++) {
        const struct node *node = &d->nodes.items[i];
        bytes_auto who = BYTES_INIT;
        if (node->offset_ms <= APART_MS && node->offset_ms >= -APART_MS)
            continue;
        nodes_describe(&d->nodes, node->name, &who);
        report_clock(d, bytes_text(&who), node->offset_ms);
    }
    if (d->faults == faults)
        doctor_report(d, VERDICT_FINE, "clocks", NULL, "all clocks agree with Redis's");
    return 0;
}

/* Whose TTL is another than the longest: each server judges by its own, and the sweep by what they wrote. */
static void check_ttls(struct doctor *d)
{
    int64_t longest_ms = store_nodes_longest_ttl(d->nodes.reply, 0), own_ms = d->c->config.policy.ttl_ms;
    bytes_auto longest = BYTES_INIT, own = BYTES_INIT;
    size_t faults = d->faults;

    if (longest_ms == 0)
        return;
    printable_duration(&longest, longest_ms);
    printable_duration(&own, own_ms);
    for (size_t i = 0; i < d->nodes.count; i++) {
        const struct node *node = &d->nodes.items[i];
        bytes_auto who = BYTES_INIT, ttl = BYTES_INIT;
        if (node->ttl_ms == 0 || node->ttl_ms == longest_ms)
            continue;
        nodes_describe(&d->nodes, node->name, &who);
        printable_duration(&ttl, node->ttl_ms);
        doctor_report(d, VERDICT_FAULT, "ttl", "give all daemons the same PRESENCE_TTL",
                      "%s has a PRESENCE_TTL of %s, others have %s", bytes_text(&who), bytes_text(&ttl),
                      bytes_text(&longest));
    }
    if (d->faults == faults)
        doctor_report(d, VERDICT_FINE, "ttl", NULL, "all daemons have a PRESENCE_TTL of %s",
                      bytes_text(&longest));
    if (own_ms != longest_ms)
        doctor_report(d, VERDICT_NOTE, "ttl",
                      "set PRESENCE_TTL here as for the daemons, for presence-ctl online",
                      "PRESENCE_TTL is %s in this shell, and %s for the daemons", bytes_text(&own),
                      bytes_text(&longest));
}

static int check_sweeps(struct doctor *d)
{
    bytes_auto command = BYTES_INIT, ago = BYTES_INIT, left = BYTES_INIT;
    reply_auto *reply = NULL;
    struct sweep_state state;
    int64_t now_ms = d->nodes.now_ms;
    store_sweeps(&d->c->store, &command);
    int code = ctl_ask_one(d->c, &command, &reply);
    if (code != 0)
        return code;
    store_read_sweeps(reply, &state);
    if (state.run_id.len && !span_equal(state.run_id, span_of(d->c->store.run_id)))
        doctor_report(d, VERDICT_NOTE, "epoch", "start the daemons",
                      "Redis has started anew, and no daemon has spoken since: what it holds may be old");
    printable_duration(&ago, now_ms - state.swept_ms);
    printable_duration(&left, state.hold_ms - now_ms);
    if (nodes_alive(&d->nodes, NODES_EXPIRYD) == 0)
        doctor_report(d, VERDICT_FAULT, "expiryd",
                      "start presence-expiryd (systemctl start presence-expiryd)",
                      "no presence-expiryd is alive: nobody is marked offline by silence");
    else if (state.swept_ms == 0 || now_ms - state.swept_ms > SWEEP_MS)
        doctor_report(d, VERDICT_FAULT, "expiryd", "look at presence-expiryd's log and /readyz",
                      "presence-expiryd is alive, but the last sweep for missed deadlines was %s%s",
                      state.swept_ms ? bytes_text(&ago) : "never", state.swept_ms ? " ago" : "");
    else if (state.hold_ms > now_ms)
        doctor_report(
            d, VERDICT_NOTE, "expiryd", NULL,
            "Redis or the sweep was silent a moment ago: nobody is marked offline by silence for %s more",
            bytes_text(&left));
    else
        doctor_report(d, VERDICT_FINE, "expiryd", NULL, "missed deadlines were looked for %s ago",
                      bytes_text(&ago));
    return 0;
}

/* Guide, "Web clients not receiving updates", 1. */
static int check_subscribers(struct doctor *d)
{
    bytes_auto command = BYTES_INIT, name = BYTES_INIT;
    reply_auto *reply = NULL;
    size_t servers = nodes_alive(&d->nodes, NODES_WS);
    store_subscribers(&d->c->store, CHANNEL_UPDATES, &command);
    int code = ctl_ask(d->c, bytes_span(&command), &reply, 1);
    if (code != 0)
        return code;
    int64_t count = store_read_subscribers(reply);
    keys_name(d->c->store.prefix, CHANNEL_UPDATES, &name);
    if (count < 0)
        doctor_report(d, VERDICT_NOTE, "subscribers", NULL,
                      "PUBSUB is not permitted, so who listens is not known");
    else if ((size_t)count < servers)
        doctor_report(
            d, VERDICT_FAULT, "subscribers",
            "look at the log of presence-ws for what Redis says to its SUBSCRIBE (ACL: &presence:*)",
            "%lld of %zu presence-ws listen to %s: dashboards of the others get no updates", (long long)count,
            servers, bytes_text(&name));
    else
        doctor_report(d, VERDICT_FINE, "subscribers", NULL, "%lld subscriber%s to %s", (long long)count,
                      count == 1 ? " listens" : "s listen", bytes_text(&name));
    return 0;
}

/* What a daemon answers at /readyz. */
static void check_answer(struct doctor *d, const struct daemon *it)
{
    const char *who = it->program[0] ? it->program : "the daemon";
    json_reader_auto *answer = json_reader_load(bytes_span(&it->body));
    struct span error = json_reader_span(json_object_get(answer, "error"));
    bytes_auto fix = BYTES_INIT;
    if (it->status != 200) {
        doctor_report(d, VERDICT_FAULT, "ready", "look at its log", "%s at %s is not ready: %.*s", who,
                      it->address, error.data ? (int)error.len : 11, error.data ? error.data : "no reason");
        return;
    }
    if (json_is_true(json_object_get(answer, "open")))
        doctor_report(
            d, VERDICT_NOTE, "open",
            "PRESENCE_API_AUTH=jwt asks for a token everywhere; auto does for what a proxy forwards",
            "%s at %s lets others than its machine list who is online without a token", who, it->address);
    if (!json_is_true(json_object_get(answer, "groupsDenied")))
        return;
    doctor_report_groups_fix(d, &fix);
    doctor_report(d, VERDICT_FAULT, "groups", bytes_text(&fix),
                  "Redis does not let %s at %s read the groups' sets: its viewers see members by claim only",
                  who, it->address);
}

static void check_ready(struct doctor *d, struct daemons *daemons)
{
    size_t ready = daemons_ask(daemons, "/readyz", TIMEOUT_MS);
    for (size_t i = 0; i < daemons->count; i++) {
        const struct daemon *it = &daemons->items[i];
        if (it->status != 0)
            check_answer(d, it);
        else
            doctor_report(d, VERDICT_NOTE, "ready",
                          "run presence-ctl on its machine, or name a reachable address with --address",
                          "%s can't be asked: %s", it->program[0] ? it->program : "a daemon", it->error);
    }
    if (ready > 0)
        doctor_report(d, VERDICT_FINE, "ready", NULL, "%zu daemon%s ready", ready,
                      ready == 1 ? " is" : "s are");
}

/* Guide: "Verify heartbeat messages", "Check web client registration". */
static void check_traffic(struct doctor *d, struct daemons *daemons)
{
    double phones = 0, viewers = 0, heartbeats = 0;
    bool known = false, found;
    daemons_ask(daemons, "/metrics", TIMEOUT_MS);
    for (size_t i = 0; i < daemons->count; i++) {
        struct span text = bytes_span(&daemons->items[i].body);
        if (daemons->items[i].status != 200)
            continue;
        phones += metric_text_sum(text, "presence_connections", "role", "mobile", &found);
        known |= found;
        viewers += metric_text_sum(text, "presence_connections", "role", "dashboard", &found);
        heartbeats += metric_text_sum(text, "presence_heartbeat_received_total", NULL, NULL, &found);
    }
    bool silent = phones > 0 && heartbeats == 0;
    if (known)
        doctor_report(
            d, silent ? VERDICT_NOTE : VERDICT_FINE, "traffic",
            silent ? "wait for one interval; then see with DEBUG=vp:presence whether phones send type 30"
                   : NULL,
            "%.0f phone%s and %.0f dashboard%s connected, %.0f heartbeats received", phones,
            phones == 1 ? "" : "s", viewers, viewers == 1 ? "" : "s", heartbeats);
}

int doctor_daemons(struct doctor *d)
{
    struct daemons daemons;
    check_nodes(d);
    check_ttls(d);
    int code = check_sweeps(d);
    if (code == 0)
        code = check_clocks(d);
    if (code == 0)
        code = check_subscribers(d);
    if (code != 0)
        return code;
    daemons_init(&daemons, &d->c->config, &d->nodes);
    if (daemons.count > 0) {
        check_ready(d, &daemons);
        check_traffic(d, &daemons);
    }
    daemons_finish(&daemons);
    return 0;
}
