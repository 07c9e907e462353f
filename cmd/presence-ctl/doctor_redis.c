#include "base/clock.h"
#include "doctor.h"
#include "store/resp.h"

#include <stdio.h>
#include <string.h>

#define VERSION_MIN 7
#define SLOW_MS     50

/* A field of INFO's text; SPAN_NONE when it is not there. */
static struct span info_field(struct span text, const char *name)
{
    while (text.len) {
        struct span line = span_split(&text, '\n');
        struct span key = span_split(&line, ':');
        if (!span_equal(key, span_of(name)))
            continue;
        if (line.len && line.data[line.len - 1] == '\r')
            line.len--;
        return line;
    }
    return SPAN_NONE;
}

static int ask(struct doctor *d, const struct bytes *command, struct redisReply **ret)
{
    return ctl_ask(d->c, bytes_span(command), ret, 1);
}

static int say_alive(struct doctor *d)
{
    char where[300];
    int64_t began_us = clock_mono_us(), now_ms;

    int code = ctl_now(d->c, &now_ms);
    if (code != 0)
        return code;
    double took_ms = (double)(clock_mono_us() - began_us) / 1000;
    redis_config_describe(&d->c->config.redis, where);
    if (took_ms > SLOW_MS)
        doctor_say(d, VERDICT_NOTE, "redis",
                   "look at redis-cli --latency, SLOWLOG GET, and the network between; presence waits for "
                   "each answer",
                   "Redis at %s answers, but takes %.0f ms", where, took_ms);
    else
        doctor_say(d, VERDICT_FINE, "redis", NULL, "Redis at %s answers in %.1f ms", where, took_ms);
    return 0;
}

/* Valkey says redis_version 7.2.4 for those who ask, and its own elsewhere. */
static void judge_version(struct doctor *d, struct span version)
{
    struct span rest = version;
    uint64_t major;

    if (span_to_u64(span_split(&rest, '.'), 1000, &major) < 0)
        return;
    if (major < VERSION_MIN)
        doctor_say(d, VERDICT_FAULT, "version", "install Redis 7.0 or newer, or Valkey",
                   "Redis is version %.*s; 7.0 is the oldest that works", (int)version.len, version.data);
    else
        doctor_say(d, VERDICT_FINE, "version", NULL, "Redis is version %.*s", (int)version.len, version.data);
}

static void judge_role(struct doctor *d, struct span role)
{
    if (span_equal(role, SPAN("slave")))
        doctor_say(d, VERDICT_FAULT, "role", "point REDIS_HOST at the master",
                   "Redis is a read-only replica: nobody's presence can be written");
}

/* noeviction alone keeps what it was given; volatile-* drops the presence keys, which have a TTL. */
static void judge_eviction(struct doctor *d, struct span policy, struct span maxmemory)
{
    bool bounded = !span_equal(maxmemory, SPAN("0"));

    if (!policy.data)
        doctor_say(d, VERDICT_NOTE, "eviction",
                   "have the one who runs Redis confirm that maxmemory-policy is noeviction",
                   "the eviction policy can't be asked");
    else if (span_equal(policy, SPAN("noeviction")))
        doctor_say(d, VERDICT_FINE, "eviction", NULL, "maxmemory-policy is noeviction: Redis drops no keys");
    else
        doctor_say(d, VERDICT_FAULT, "eviction",
                   "redis-cli CONFIG SET maxmemory-policy noeviction, and the same in redis.conf",
                   "maxmemory-policy is %.*s: Redis may drop presence's keys %s", (int)policy.len,
                   policy.data,
                   bounded ? "when memory runs short" : "as soon as maxmemory is set (it is 0 now)");
}

static int judge_info(struct doctor *d)
{
    bytes_auto command = BYTES_INIT;
    struct redisReply *reply;

    resp_command(&command, "INFO", NULL);
    int code = ask(d, &command, &reply);
    if (code != 0)
        return code;
    struct span text = reply_text(reply);
    if (reply_is_error(reply))
        doctor_say(d, VERDICT_NOTE, "info", "let this user run INFO (ACL SETUSER … +info)",
                   "INFO is not permitted, so neither version nor role are known");
    judge_version(d, info_field(text, "redis_version"));
    judge_role(d, info_field(text, "role"));
    judge_eviction(d, info_field(text, "maxmemory_policy"), info_field(text, "maxmemory"));
    reply_free(reply);
    return 0;
}

static void judge_flags(struct doctor *d, struct span flags)
{
    bool keyevents = memchr(flags.data, 'E', flags.len);
    bool expired = memchr(flags.data, 'x', flags.len) || memchr(flags.data, 'A', flags.len);
    char mend[200];

    if (keyevents && expired) {
        doctor_say(d, VERDICT_FINE, "notifications", NULL, "notify-keyspace-events is \"%.*s\"",
                   (int)flags.len, flags.data);
        return;
    }
    /* What others set stays. */
    snprintf(mend, sizeof(mend), "redis-cli CONFIG SET notify-keyspace-events %.*sEx", (int)flags.len,
             flags.data);
    doctor_say(d, VERDICT_NOTE, "notifications", mend,
               "notify-keyspace-events is \"%.*s\": no expired events wake the sweep; it works without them",
               (int)flags.len, flags.data);
}

/* Guide, "Users not appearing online", 1. */
static int judge_notifications(struct doctor *d)
{
    bytes_auto command = BYTES_INIT;
    struct redisReply *reply;

    resp_command(&command, "CONFIG", "GET", "notify-keyspace-events", NULL);
    int code = ask(d, &command, &reply);
    if (code != 0)
        return code;
    struct span flags = reply_text(reply_at(reply, 1));
    if (flags.data)
        judge_flags(d, flags);
    else
        doctor_say(d, VERDICT_NOTE, "notifications", NULL,
                   "notify-keyspace-events can't be asked (CONFIG is not permitted); presence works without");
    reply_free(reply);
    return 0;
}

int doctor_redis(struct doctor *d)
{
    int code = say_alive(d);

    if (code == 0)
        code = judge_info(d);
    return code == 0 ? judge_notifications(d) : code;
}
