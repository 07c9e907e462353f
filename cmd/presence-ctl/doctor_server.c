/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "base/random.h"
#include "doctor.h"
#include "redis/redis_greeting.h"
#include "store/redis_fit.h"

#include <stdio.h>
#include <string.h>

#define SLOW_MS 50

static int ask(struct doctor *d, const struct bytes *command, struct redisReply **ret)
{
    return ctl_ask(d->c, bytes_span(command), ret, 1);
}

/* Whether a lack leaves the other questions without sense. */
static bool is_hopeless(enum redis_fault fault)
{
    return fault == REDIS_FAULT_CLUSTER || fault == REDIS_FAULT_NO_SCRIPTS ||
           fault == REDIS_FAULT_IS_SENTINEL;
}

/* What the scripts do is tried, before anything else is asked. */
static int try_scripts(struct doctor *d)
{
    bytes_auto command = BYTES_INIT, info = BYTES_INIT;
    reply_auto *reply = NULL, *server = NULL;
    struct redis_fit fit;
    store_trial(&d->c->store, true, &command);
    int code = ctl_script(d->c, bytes_span(&command), &reply);
    if (code != 0)
        return code;
    redis_fit_read(reply, d->c->config.redis.username, &fit);
    if (fit.ask_who) {
        store_info("server", &info);
        code = ask(d, &info, &server);
        if (code != 0)
            return code;
        redis_fit_who(server, &fit);
    }
    if (fit.fault == REDIS_FAULT_NONE)
        doctor_report(d, VERDICT_FINE, "scripts", NULL, "the server can do all that presence's scripts do");
    else
        doctor_report(d, VERDICT_FAULT, fit.fault == REDIS_FAULT_REPLICA ? "role" : "scripts",
                      redis_fault_mend(fit.fault), "Redis at %s: %s", redis_sync_where(d->c->redis), fit.why);
    return is_hopeless(fit.fault) ? EXIT_NO : 0;
}

static int check_latency(struct doctor *d)
{
    const char *where = redis_sync_where(d->c->redis);
    int64_t began_us = clock_mono_us(), now_ms;
    int code = ctl_now(d->c, &now_ms);
    if (code != 0)
        return code;
    double took_ms = (double)(clock_mono_us() - began_us) / 1000;
    if (took_ms > SLOW_MS)
        doctor_report(d, VERDICT_NOTE, "redis",
                      "look at redis-cli --latency, SLOWLOG GET, and the network between; presence waits for "
                      "each answer",
                      "Redis at %s answers, but takes %.0f ms", where, took_ms);
    else
        doctor_report(d, VERDICT_FINE, "redis", NULL, "Redis at %s answers in %.1f ms", where, took_ms);
    return 0;
}

/* noeviction alone keeps what it was given; volatile-* drops the presence keys, which have a TTL. */
static void check_eviction(struct doctor *d, struct span policy, struct span maxmemory)
{
    bool bounded = !span_equal(maxmemory, SPAN("0"));
    if (!policy.data)
        doctor_report(d, VERDICT_NOTE, "eviction",
                      "have the one who runs Redis confirm that maxmemory-policy is noeviction",
                      "the eviction policy can't be asked");
    else if (span_equal(policy, SPAN("noeviction")))
        doctor_report(d, VERDICT_FINE, "eviction", NULL,
                      "maxmemory-policy is noeviction: Redis drops no keys");
    else
        doctor_report(d, VERDICT_FAULT, "eviction",
                      "redis-cli CONFIG SET maxmemory-policy noeviction, and the same in redis.conf",
                      "maxmemory-policy is %.*s: Redis may drop presence's keys %s", (int)policy.len,
                      policy.data,
                      bounded ? "when memory runs short" : "as soon as maxmemory is set (it is 0 now)");
}

/* The version is for people only: what the server can do is tried. */
static int check_info(struct doctor *d)
{
    bytes_auto command = BYTES_INIT;
    reply_auto *reply = NULL;
    store_info(NULL, &command);
    int code = ask(d, &command, &reply);
    if (code != 0)
        return code;
    struct span text = reply_text(reply);
    if (reply_is_error(reply))
        doctor_report(d, VERDICT_NOTE, "info", "let this user run INFO (ACL SETUSER … +info)",
                      "INFO is not permitted, so neither version nor memory policy are known");
    struct span valkey = redis_info_value(text, SPAN("valkey_version"));
    struct span version = valkey.len ? valkey : redis_info_value(text, SPAN("redis_version"));
    if (version.len)
        doctor_report(d, VERDICT_FINE, "version", NULL, "the server is %s %.*s",
                      valkey.len ? "Valkey" : "Redis", (int)version.len, version.data);
    check_eviction(d, redis_info_value(text, SPAN("maxmemory_policy")),
                   redis_info_value(text, SPAN("maxmemory")));
    return 0;
}

/* Guide, "Users not appearing online", 1. */
static int check_notifications(struct doctor *d)
{
    bytes_auto command = BYTES_INIT;
    reply_auto *reply = NULL;
    char fix[200];
    store_notifications(&command);
    int code = ask(d, &command, &reply);
    if (code != 0)
        return code;
    struct span flags = reply_text(reply_at(reply, 1));
    if (!flags.data) {
        doctor_report(
            d, VERDICT_NOTE, "notifications", NULL,
            "notify-keyspace-events can't be asked (CONFIG is not permitted); presence works without");
        return 0;
    }
    bool keyevents = memchr(flags.data, 'E', flags.len);
    bool expired = memchr(flags.data, 'x', flags.len) || memchr(flags.data, 'A', flags.len);
    /* What others set stays. */
    snprintf(fix, sizeof(fix), "redis-cli CONFIG SET notify-keyspace-events %.*sEx", (int)flags.len,
             flags.data);
    if (keyevents && expired)
        doctor_report(d, VERDICT_FINE, "notifications", NULL, "notify-keyspace-events is \"%.*s\"",
                      (int)flags.len, flags.data);
    else
        doctor_report(
            d, VERDICT_NOTE, "notifications", fix,
            "notify-keyspace-events is \"%.*s\": no expired events wake the sweep; it works without them",
            (int)flags.len, flags.data);
    return 0;
}

/* Asks as the daemons ask for a group, which need not be there. */
static int check_groups(struct doctor *d)
{
    static const char *const names[] = {"SMEMBERS", "SMISMEMBER", "SSCAN", "SCARD"};
    static const struct span group = {"presence-doctor", 15}, user = {"0", 1};
    const char *pattern = d->c->config.policy.group_key, *name = d->c->config.redis.username;
    bytes_auto commands = BYTES_INIT, set = BYTES_INIT, denied = BYTES_INIT, fix = BYTES_INIT;
    struct redisReply *replies[4];
    store_group(pattern, group, &commands);
    store_group_has(pattern, group, &user, 1, &commands);
    store_group_page(pattern, group, SPAN("0"), 10, &commands);
    store_group_count(pattern, group, &commands);
    int code = ctl_ask(d->c, bytes_span(&commands), replies, 4);
    if (code != 0)
        return code;
    for (size_t i = 0; i < 4; i++)
        if (reply_error_is(replies[i], "NOPERM"))
            bytes_printf(&denied, "%s%s", denied.len ? ", " : "", names[i]);
    ctl_free_replies(replies, 4);
    keys_group(pattern, group, &set);
    doctor_report_groups_fix(d, &fix);
    if (denied.len > 0)
        doctor_report(
            d, VERDICT_FAULT, "groups", bytes_text(&fix),
            "not permitted to user %.60s: %s of the groups' sets, as %s; who reads them so sees members by "
            "claim only",
            name && *name ? name : "default", bytes_text(&denied), bytes_text(&set));
    else
        doctor_report(d, VERDICT_FINE, "groups", NULL, "the groups' sets may be read");
    return 0;
}

/* The next answer of the second connection; a failure there is a finding. */
static bool receive(struct doctor *d, struct redis_sync *link, struct redisReply **ret)
{
    if (redis_sync_reply(link, ret) != REDIS_SYNC_OK) {
        doctor_report(d, VERDICT_FAULT, "pubsub", "look at Redis's log", "a subscription does not work: %s",
                      redis_sync_error(link));
        return false;
    }
    struct span error = reply_error(*ret);
    if (!error.data)
        return true;
    doctor_report(d, VERDICT_FAULT, "pubsub",
                  "let this user use the channels (ACL SETUSER … &presence:* +subscribe +publish)",
                  "Redis refuses to subscribe: %.*s", (int)error.len, error.data);
    return false;
}

static int publish_and_receive(struct doctor *d, struct redis_sync *link, const char *id)
{
    bytes_auto subscribe = BYTES_INIT, publish = BYTES_INIT;
    reply_auto *subscribed = NULL, *published = NULL, *message = NULL;
    store_probe_subscribe(&d->c->store, id, &subscribe);
    store_probe_publish(&d->c->store, id, &publish);
    redis_sync_send(link, bytes_span(&subscribe));
    if (!receive(d, link, &subscribed))
        return 0;
    int64_t began_us = clock_mono_us();
    int code = ask(d, &publish, &published);
    if (code != 0)
        return code;
    struct span error = reply_error(published);
    if (error.data)
        doctor_report(d, VERDICT_FAULT, "pubsub",
                      "let this user publish (ACL SETUSER … &presence:* +publish)",
                      "Redis refuses to publish: %.*s", (int)error.len, error.data);
    else if (receive(d, link, &message))
        doctor_report(d, VERDICT_FINE, "pubsub", NULL, "a published message came back in %.1f ms",
                      (double)(clock_mono_us() - began_us) / 1000);
    return 0;
}

/* Guide, "Web clients not receiving updates": a message is sent, on a channel nobody else knows. */
static int check_channels(struct doctor *d)
{
    char id[9], error[400];
    struct redis_sync *link;
    if (redis_sync_open(&d->c->config.redis, &link, error, sizeof(error)) != REDIS_SYNC_OK) {
        doctor_report(d, VERDICT_FAULT, "pubsub", "raise Redis's maxclients", "a second connection fails: %s",
                      error);
        return 0;
    }
    random_hex(id, 8);
    int code = publish_and_receive(d, link, id);
    redis_sync_close(link);
    return code;
}

int doctor_server(struct doctor *d)
{
    int code = try_scripts(d);
    if (code == 0)
        code = check_latency(d);
    if (code == 0)
        code = check_info(d);
    if (code == 0)
        code = check_notifications(d);
    if (code == 0)
        code = check_groups(d);
    return code == 0 ? check_channels(d) : code;
}
